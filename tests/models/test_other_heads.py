"""Heads that transformers has no place for are kept beside the model, and found there again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file

from bertcli.architectures.bert import Bert
from bertcli.contracts.objective import Head
from bertcli.core.chatter import quiet_transformers
from bertcli.errors import ModelError
from bertcli.models.checkpoint import open_model, save_model, trained_parts
from bertcli.models.pretraining import PretrainingModel

TINY = Bert.Settings(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=16)
LANGUAGE, PAIR = {"language_model": Head("language_model")}, {"pair": Head("pair")}
TOKEN, SEQUENCE = {"capitals": Head("token", 2)}, {"distance": Head("sequence", 3)}


class NoTokenizer:
    def save(self, directory: Path) -> None:
        """The model alone is looked at here."""


class Asking:
    """Of an objective, what it asks for."""

    def __init__(self, heads: dict[str, Head]) -> None:
        self.heads = heads


def build(*heads: dict[str, Head]) -> PretrainingModel:
    torch.manual_seed(0)
    config = Bert.configuration("bert-tiny", None, overrides=TINY)
    config.vocab_size = 50
    pooled = any(head.reads_pooled for asked in heads for head in asked.values())
    objectives: Any = {str(number): Asking(asked) for number, asked in enumerate(heads)}
    return PretrainingModel(Bert, {"main": Bert.build(config, pooled=pooled)}, objectives)


def save(directory: Path, model: PretrainingModel) -> Path:
    trained = ["encoder", *model.heads]
    save_model(directory, model.assembled(), trained=trained, tokenizer=NoTokenizer(), other_heads=model.other_heads())
    return directory


@pytest.mark.parametrize(
    ("heads", "class_name", "beside"),
    [
        ((LANGUAGE,), "BertForMaskedLM", None),
        ((LANGUAGE, TOKEN), "BertForMaskedLM", {"capitals.weight": (2, 32), "capitals.bias": (2,)}),
        ((LANGUAGE, PAIR, TOKEN), "BertForPreTraining", {"capitals.weight": (2, 32), "capitals.bias": (2,)}),
        ((LANGUAGE, SEQUENCE), "BertForPreTraining", {"distance.weight": (3, 32), "distance.bias": (3,)}),
        ((PAIR,), "BertForNextSentencePrediction", None),
        ((SEQUENCE,), "BertModel", {"distance.weight": (3, 32), "distance.bias": (3,)}),
        ((TOKEN,), "BertModel", {"capitals.weight": (2, 32), "capitals.bias": (2,)}),
    ],
)
def test_transformers_opens_the_model_without_missing_keys(
    heads: tuple[dict[str, Head], ...], class_name: str, beside: dict[str, tuple[int, ...]] | None, tmp_path: Path
) -> None:
    model = build(*heads)
    directory = save(tmp_path / "model", model)
    assert json.loads((directory / "config.json").read_text())["architectures"] == [class_name]
    options = {"add_pooling_layer": heads == (SEQUENCE,)} if class_name == "BertModel" else {}
    with quiet_transformers():
        theirs, info = getattr(transformers, class_name).from_pretrained(directory, output_loading_info=True, **options)
    assert not any(info.values())
    bert = getattr(theirs, "bert", theirs)
    ours = model.main_encoder.bert.state_dict()
    assert all(torch.equal(value, ours[name]) for name, value in bert.state_dict().items())
    file = directory / "heads.safetensors"
    found = {name: tuple(value.shape) for name, value in load_file(file).items()} if file.is_file() else None
    assert found == beside


def test_a_pair_head_that_nothing_asked_for_is_fresh_and_the_record_says_so(tmp_path: Path) -> None:
    model = build(LANGUAGE, SEQUENCE)
    state = torch.get_rng_state()
    first, second = model.assembled(), model.assembled()
    assert torch.equal(torch.get_rng_state(), state)
    weight = first.cls.seq_relationship.weight
    assert torch.equal(weight, second.cls.seq_relationship.weight)
    assert weight.std().item() == pytest.approx(0.02, rel=0.3)  # transformers' initializer_range
    assert first.cls.seq_relationship.bias.tolist() == [0, 0]
    directory = save(tmp_path / "model", model)
    assert trained_parts(directory) == {"encoder", "language_model", "distance"}
    assert "pair" in open_model(str(directory), pooled=True)[1].heads
    assert "pair" not in open_model(str(directory), pooled=True, heads=PAIR)[1].heads


def test_heads_are_initialised_as_transformers_does() -> None:
    model = build({"wide": Head("token", 500)}, {"narrow": Head("sequence", 400)})
    for name in ("wide", "narrow"):
        assert model.heads[name].weight.std().item() == pytest.approx(0.02, rel=0.05)
        assert not model.heads[name].bias.any()


def test_heads_are_found_again_by_their_names(tmp_path: Path) -> None:
    model = build(LANGUAGE, SEQUENCE, TOKEN)
    directory = save(tmp_path / "model", model)
    loaded = open_model(str(directory), pooled=True, heads=LANGUAGE | TOKEN | {"other": Head("token", 2)})[1]
    assert set(loaded.heads) == {"language_model", "capitals"}
    assert torch.equal(loaded.heads["capitals"].weight, model.heads["capitals"].weight)
    again = PretrainingModel(Bert, {"main": loaded.encoder}, {"a": Asking(TOKEN), "b": Asking(SEQUENCE)}, loaded.heads)  # type: ignore[dict-item]
    assert again.fresh_heads == ("distance",)


def test_saving_again_without_such_heads_leaves_none(tmp_path: Path) -> None:
    directory = save(tmp_path / "model", build(LANGUAGE, TOKEN))
    save(directory, build(LANGUAGE))
    assert not (directory / "heads.safetensors").exists()
    assert set(open_model(str(directory), pooled=False, heads=LANGUAGE | TOKEN)[1].heads) == {"language_model"}


def test_a_head_of_another_shape_is_refused_naming_both(tmp_path: Path) -> None:
    directory = save(tmp_path / "model", build(LANGUAGE, TOKEN))
    with pytest.raises(ModelError) as caught:
        open_model(str(directory), pooled=False, heads={"capitals": Head("token", 3)})
    assert caught.value.message == (
        "the head capitals has bias (2,), weight (2, 32) in it, but is asked for with bias (3,), weight (3, 32)"
    )
    assert caught.value.path == str(directory / "heads.safetensors")
    assert caught.value.hint


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_file_that_was_cut_off_is_said(tmp_path: Path, share: float) -> None:
    directory = save(tmp_path / "model", build(LANGUAGE, TOKEN))
    file = directory / "heads.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelError, match="the heads do not open") as caught:
        open_model(str(directory), pooled=False, heads=TOKEN)
    assert caught.value.hint == "fetch or copy the model again; without this file its heads start fresh"
    assert "\n" not in caught.value.message
    open_model(str(directory), pooled=False)  # who asks for no heads is not concerned


def test_heads_of_other_encoders_are_not_saved(tmp_path: Path) -> None:
    model = build(LANGUAGE, TOKEN)
    config = Bert.configuration("bert-tiny", None, overrides=TINY)
    encoders = {"main": model.main_encoder, "generator": Bert.build(config, pooled=False)}
    heads = TOKEN | {"drawing": Head("language_model", encoder="generator")}
    both: Any = {"rtd": Asking(heads)}
    model = PretrainingModel(Bert, encoders, both)
    assert model.heads["drawing"].decoder.weight is encoders["generator"].bert.embeddings.word_embeddings.weight
    assert set(model.other_heads()) == {"capitals"}
    assert type(model.assembled()).__name__ == "BertModel"
