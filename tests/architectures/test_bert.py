"""BERT's settings, and the checkpoints of others that it opens or refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from pydantic import ValidationError

from bertcli.architectures.bert import Bert
from bertcli.core.chatter import quiet_transformers
from bertcli.errors import ConfigError, ModelError

TINY = {
    "vocab_size": 50,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 16,
}


def save(directory: Path, class_name: str, **config: Any) -> Any:
    """A checkpoint as transformers writes it."""
    torch.manual_seed(0)
    model = getattr(transformers, class_name)(transformers.BertConfig(**TINY, **config))
    with quiet_transformers():
        model.save_pretrained(directory)
    return model


def rewrite(directory: Path, change: Any) -> None:
    """The weights of a checkpoint again, as an old pytorch_model.bin with its keys changed."""
    from safetensors.torch import load_file

    weights = load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    torch.save({change(name): value for name, value in weights.items()}, directory / "pytorch_model.bin")


def test_sizes_differ_from_base_as_published() -> None:
    config = Bert.configuration("bert-medium", None, overrides=Bert.Settings())
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (8, 512, 8)
    assert (config.intermediate_size, config.vocab_size, config.max_position_embeddings) == (2048, 30522, 512)
    assert Bert.configuration("bert-base-cased", None, overrides=Bert.Settings()).vocab_size == 28996


def test_settings_change_only_what_they_name() -> None:
    changes = Bert.Settings(hidden_size=96, hidden_dropout_prob=0.0)
    config = Bert.configuration("bert-mini", None, overrides=changes)
    assert (config.hidden_size, config.intermediate_size) == (96, 384)
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.0, 0.1)
    narrow = Bert.configuration("bert-mini", None, overrides=Bert.Settings(hidden_size=96, intermediate_size=100))
    assert narrow.intermediate_size == 100


def test_a_width_that_the_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(ValidationError, match="hidden_size 100 is not a multiple of num_attention_heads 3"):
        Bert.Settings(hidden_size=100, num_attention_heads=3)
    with pytest.raises(ConfigError, match="hidden_size 102 is not a multiple of num_attention_heads 4") as caught:
        Bert.configuration("bert-mini", None, overrides=Bert.Settings(hidden_size=102))
    assert caught.value.hint == "bert-mini has 4 heads; set both"


@pytest.mark.parametrize(
    ("class_name", "heads", "pooler_is_there"),
    [
        ("BertForPreTraining", {"language_model", "pair"}, True),
        ("BertForMaskedLM", {"language_model"}, False),
        ("BertForNextSentencePrediction", {"pair"}, True),
        ("BertForSequenceClassification", {"classification"}, True),
        ("BertModel", set(), True),
        ("BertForTokenClassification", {"token_classification"}, False),
        ("BertForQuestionAnswering", {"span"}, False),
        ("BertForMultipleChoice", {"choice"}, True),
    ],
)
def test_any_class_opens(class_name: str, heads: set[str], pooler_is_there: bool, tmp_path: Path) -> None:
    original = save(tmp_path, class_name)
    loaded = Bert.load(tmp_path, pooled=True)
    assert set(loaded.heads) == heads
    pooler = ("bert.pooler.dense.bias", "bert.pooler.dense.weight")
    assert loaded.missing == (() if pooler_is_there else pooler)
    assert loaded.unused == ()
    bert = original if class_name == "BertModel" else original.bert
    for name, value in bert.state_dict().items():
        assert torch.equal(loaded.encoder.bert.state_dict()[name], value)


def test_a_pooler_that_nobody_reads_is_left_out(tmp_path: Path) -> None:
    save(tmp_path, "BertForPreTraining")
    loaded = Bert.load(tmp_path, pooled=False)
    assert loaded.encoder.bert.pooler is None
    assert loaded.unused == ("bert.pooler.dense.bias", "bert.pooler.dense.weight")


def test_a_masked_lm_file_may_hold_more_than_its_class(tmp_path: Path) -> None:
    """google-bert/bert-base-uncased names BertForMaskedLM, and its weights have the pooler and the pair head."""
    save(tmp_path, "BertForPreTraining")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"architectures": ["BertForMaskedLM"]}))
    loaded = Bert.load(tmp_path, pooled=True)
    assert set(loaded.heads) == {"language_model", "pair"}
    assert loaded.missing == loaded.unused == ()


def test_the_oldest_names_and_pickled_weights_open(tmp_path: Path) -> None:
    original = save(tmp_path, "BertForPreTraining")
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    rewrite(tmp_path, lambda name: re.sub(r"LayerNorm\.\w+", lambda match: old[match[0]], name))
    loaded = Bert.load(tmp_path, pooled=True)
    assert loaded.missing == loaded.unused == ()
    for name, value in loaded.encoder.bert.state_dict().items():
        assert torch.equal(value, original.bert.state_dict()[name])


def test_weights_without_the_bert_prefix_open(tmp_path: Path) -> None:
    save(tmp_path, "BertModel")
    from safetensors import safe_open

    with safe_open(tmp_path / "model.safetensors", framework="numpy") as file:
        assert not any(name.startswith("bert.") for name in file.keys())  # noqa: SIM118
    assert Bert.load(tmp_path, pooled=True).missing == ()


def test_half_precision_weights_become_fp32(tmp_path: Path) -> None:
    with quiet_transformers():
        transformers.BertModel(transformers.BertConfig(**TINY)).to(torch.bfloat16).save_pretrained(tmp_path)
    assert {parameter.dtype for parameter in Bert.load(tmp_path, pooled=True).encoder.parameters()} == {torch.float32}


def test_labels_come_in_the_order_of_their_ids(tmp_path: Path) -> None:
    names = {2: "neutral", 0: "entailment", 1: "contradiction"}
    save(tmp_path, "BertForSequenceClassification", id2label=names, label2id={name: key for key, name in names.items()})
    assert Bert.load(tmp_path, pooled=True).labels == ("entailment", "contradiction", "neutral")


def test_placeholder_labels_are_no_labels(tmp_path: Path) -> None:
    save(tmp_path, "BertForSequenceClassification", num_labels=3)
    loaded = Bert.load(tmp_path, pooled=True)
    assert loaded.labels == ()
    assert loaded.heads["classification"].classifier.out_features == 3


def test_a_decoder_that_is_not_the_embeddings_is_no_head_of_ours(tmp_path: Path) -> None:
    save(tmp_path, "BertForMaskedLM", tie_word_embeddings=False)
    loaded = Bert.load(tmp_path, pooled=False)
    assert loaded.heads == {}
    assert "cls.predictions.decoder.weight" in loaded.unused


def test_dropout_before_the_classifier_is_that_of_transformers() -> None:
    for given, expected in ((None, 0.1), (0.3, 0.3)):
        config = Bert.configuration("bert-tiny", None, overrides=Bert.Settings(classifier_dropout=given))
        encoder = Bert.build(config, pooled=True)
        assert Bert.head("classification", encoder, outputs=2).dropout.p == expected


def test_a_decoder_is_refused(tmp_path: Path) -> None:
    save(tmp_path, "BertModel", is_decoder=True)
    with pytest.raises(ModelError, match="is a decoder"):
        Bert.load(tmp_path, pooled=True)


def test_relative_positions_are_refused(tmp_path: Path) -> None:
    save(tmp_path, "BertModel", position_embedding_type="relative_key")
    with pytest.raises(ModelError, match="position_embedding_type 'relative_key' is not supported"):
        Bert.load(tmp_path, pooled=True)


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    save(tmp_path, "BertModel")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"vocab_size": 60}))
    with pytest.raises(ModelError, match=r"weight is \(50, 32\) in the weights, but config.json says \(60, 32\)"):
        Bert.load(tmp_path, pooled=True)


def test_unknown_heads_are_our_own_mistake() -> None:
    encoder = Bert.build(Bert.configuration("bert-tiny", None, overrides=Bert.Settings()), pooled=False)
    with pytest.raises(ValueError, match="bert has no head 'sop'"):
        Bert.head("sop", encoder)
    with pytest.raises(ValueError, match="no BERT class with the heads classification, pair"):
        Bert.assemble(encoder, {"pair": torch.nn.Linear(2, 2), "classification": torch.nn.Linear(2, 2)})
