"""BERT taken apart and put together again computes what transformers' own classes compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from transformers import BertConfig

from bertcli.architectures.bert import WITHOUT_POOLER, Bert
from bertcli.contracts.batch import Batch
from bertcli.core.chatter import quiet_transformers

TINY = Bert.Settings(hidden_size=32, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=24)

HEADS = {
    "BertForPreTraining": ("language_model", "pair"),
    "BertForMaskedLM": ("language_model",),
    "BertForNextSentencePrediction": ("pair",),
    "BertForSequenceClassification": ("classification",),
    "BertForTokenClassification": ("token_classification",),
    "BertForQuestionAnswering": ("span",),
    "BertForMultipleChoice": ("choice",),
    "BertModel": (),
}
OUTPUTS = {"choice": 1}
POOLED = HEADS.keys() - WITHOUT_POOLER


def tiny_config(vocabulary_size: int = 50) -> BertConfig:
    config = Bert.configuration("bert-mini", None, overrides=TINY)
    config.vocab_size = vocabulary_size
    return config


def tiny_encoder(*, pooled: bool = True, seed: int = 0) -> Any:
    torch.manual_seed(seed)
    encoder = Bert.build(tiny_config(), pooled=pooled)
    with torch.no_grad():  # biases and norms start at 0 and 1, which would hide mistakes
        for parameter in encoder.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return encoder.eval()


def batch(**columns: Any) -> Batch:
    tensors = {name: torch.as_tensor(values) for name, values in columns.items()}
    return Batch(tensors, np.arange(len(columns["input_ids"])))


@pytest.fixture
def padded() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(1)
    mask = np.ones((4, 11), dtype=np.int64)
    mask[1, 7:], mask[2, 3:], mask[3, 10:] = 0, 0, 0
    ids = draw.integers(5, 50, mask.shape) * mask
    return {"input_ids": ids, "token_type_ids": draw.integers(0, 2, mask.shape), "attention_mask": mask}


TARGETS = np.array([[1, 3, 10], [2, 6, 0], [1, 0, 0], [0, 5, 9]])  # padded with 0; [CLS] itself may be a target


def test_hidden_states_and_pooled_equal_transformers(padded: dict[str, np.ndarray]) -> None:
    encoder = tiny_encoder()
    ours = encoder(batch(**padded), layers=True)
    theirs = encoder.bert(**batch(**padded).columns, output_hidden_states=True)
    real = torch.as_tensor(padded["attention_mask"]).bool()
    assert len(ours.layers) == len(theirs.hidden_states) == 4
    for own, other in zip(ours.layers, theirs.hidden_states, strict=True):
        torch.testing.assert_close(own[real], other[real], atol=1e-5, rtol=0)
    torch.testing.assert_close(ours.streams["last"][real], theirs.last_hidden_state[real], atol=1e-5, rtol=0)
    torch.testing.assert_close(ours.pooled, theirs.pooler_output, atol=1e-5, rtol=0)


@pytest.mark.parametrize("with_padding", [False, True])
@pytest.mark.parametrize("pooled", [False, True])
def test_the_last_layer_at_the_targets_equals_the_full_computation(
    padded: dict[str, np.ndarray], with_padding: bool, pooled: bool
) -> None:
    columns = padded if with_padding else {"input_ids": padded["input_ids"]}
    encoder = tiny_encoder(pooled=pooled)
    full = encoder(batch(**columns))
    part = encoder(batch(**columns, target_positions=TARGETS))
    expected = torch.stack([row[positions] for row, positions in zip(full.streams["last"], TARGETS, strict=True)])
    assert set(part.streams) == {"targets"}
    torch.testing.assert_close(part.streams["targets"], expected, atol=1e-6, rtol=0)
    if pooled:
        torch.testing.assert_close(part.pooled, full.pooled, atol=1e-6, rtol=0)
    else:
        assert part.pooled is None and full.pooled is None


def test_gradients_at_the_targets_equal_the_full_computation(padded: dict[str, np.ndarray]) -> None:
    def gradients(columns: dict[str, Any]) -> list[torch.Tensor]:
        encoder = tiny_encoder()
        encoded = encoder(batch(**columns))
        targets = encoded.streams.get("targets")
        if targets is None:
            targets = torch.stack([row[where] for row, where in zip(encoded.streams["last"], TARGETS, strict=True)])
        (targets.square().sum() + encoded.pooled.sum()).backward()
        return [parameter.grad for parameter in encoder.parameters()]

    for part, full in zip(gradients({**padded, "target_positions": TARGETS}), gradients(padded), strict=True):
        torch.testing.assert_close(part, full, atol=1e-4, rtol=1e-5)


def test_layers_are_whole_even_when_there_are_targets(padded: dict[str, np.ndarray]) -> None:
    encoded = tiny_encoder()(batch(**padded, target_positions=TARGETS), layers=True)
    assert encoded.layers[-1].shape == (4, 11, 32)
    torch.testing.assert_close(encoded.streams["targets"][0], encoded.streams["last"][0, TARGETS[0]])


@pytest.mark.parametrize("with_targets", [False, True])
def test_packed_sequences_equal_the_same_sequences_alone(with_targets: bool) -> None:
    encoder = tiny_encoder()
    draw = np.random.default_rng(2)
    first, second, third = (draw.integers(5, 50, length) for length in (4, 5, 6))
    rows = np.stack([np.concatenate([first, second, [0]]), np.concatenate([third, [0] * 4])])
    sequence_ids = np.array([[1] * 4 + [2] * 5 + [0], [1] * 6 + [0] * 4])
    targets = np.array([[1, 3, 6], [2, 5, 0]])
    columns = {"input_ids": rows, "sequence_ids": sequence_ids}
    if with_targets:
        columns["target_positions"] = targets
    packed = encoder(batch(**columns))
    alone = [encoder(batch(input_ids=ids[None])) for ids in (first, second, third)]
    torch.testing.assert_close(packed.pooled, torch.cat([one.pooled for one in alone]), atol=1e-5, rtol=0)
    if with_targets:
        last = [one.streams["last"][0] for one in alone]
        expected = torch.stack([last[0][1], last[0][3], last[1][2]])
        torch.testing.assert_close(packed.streams["targets"][0], expected, atol=1e-5, rtol=0)
        torch.testing.assert_close(packed.streams["targets"][1, :2], last[2][[2, 5]], atol=1e-5, rtol=0)
    else:
        torch.testing.assert_close(packed.streams["last"][0, 4:9], alone[1].streams["last"][0], atol=1e-5, rtol=0)
        torch.testing.assert_close(packed.streams["last"][1, :6], alone[2].streams["last"][0], atol=1e-5, rtol=0)
    assert not packed.streams[next(iter(packed.streams))].isnan().any()


@pytest.mark.parametrize("class_name", HEADS)
def test_an_assembled_model_computes_the_same_logits(class_name: str, padded: dict[str, np.ndarray]) -> None:
    encoder = tiny_encoder(pooled=class_name in POOLED)
    heads = {name: Bert.head(name, encoder, outputs=OUTPUTS.get(name, 3)).eval() for name in HEADS[class_name]}
    model = Bert.assemble(encoder, heads)
    assert type(model).__name__ == class_name
    assert not model.training
    ours = encoder(batch(**padded))
    columns = batch(**padded).columns
    if "choice" in heads:  # one item, whose choices are the rows
        columns = {name: values[None] for name, values in columns.items()}
    theirs = model(**columns)
    real = torch.as_tensor(padded["attention_mask"]).bool()
    if "language_model" in heads:
        logits = theirs.prediction_logits if class_name == "BertForPreTraining" else theirs.logits
        torch.testing.assert_close(heads["language_model"](ours.streams["last"])[real], logits[real], atol=1e-5, rtol=0)
    if "pair" in heads:
        logits = theirs.seq_relationship_logits if class_name == "BertForPreTraining" else theirs.logits
        torch.testing.assert_close(heads["pair"](ours.pooled), logits, atol=1e-5, rtol=0)
    if "classification" in heads:
        torch.testing.assert_close(heads["classification"](ours.pooled), theirs.logits, atol=1e-5, rtol=0)
    if "choice" in heads:
        torch.testing.assert_close(heads["choice"](ours.pooled).T, theirs.logits, atol=1e-5, rtol=0)
    if "token_classification" in heads:
        logits = heads["token_classification"](ours.streams["last"])
        torch.testing.assert_close(logits[real], theirs.logits[real], atol=1e-5, rtol=0)
    if "span" in heads:
        logits = torch.stack([theirs.start_logits, theirs.end_logits], dim=-1)
        torch.testing.assert_close(heads["span"](ours.streams["last"])[real], logits[real], atol=1e-5, rtol=0)


@pytest.mark.parametrize("class_name", HEADS)
def test_from_pretrained_opens_what_was_saved_without_missing_or_unexpected_keys(
    class_name: str, tmp_path: Path
) -> None:
    encoder = tiny_encoder(pooled=class_name in POOLED)
    heads = {name: Bert.head(name, encoder, outputs=OUTPUTS.get(name, 3)) for name in HEADS[class_name]}
    with quiet_transformers():
        Bert.assemble(encoder, heads).save_pretrained(tmp_path)
        model, info = getattr(transformers, class_name).from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    assert model.config.architectures == [class_name]
    saved = encoder.bert.state_dict()
    opened = model if class_name == "BertModel" else model.bert
    for name, value in opened.state_dict().items():
        assert torch.equal(value, saved[name])


def test_the_decoder_stays_tied_from_build_to_reload(tmp_path: Path) -> None:
    encoder = tiny_encoder()
    head = Bert.head("language_model", encoder)
    assert head.decoder.weight is encoder.bert.embeddings.word_embeddings.weight
    assert head.decoder.bias is head.bias
    hidden = torch.randn(5, 32)
    expected = head.transform(hidden) @ head.decoder.weight.T + head.bias
    torch.testing.assert_close(head(hidden), expected, atol=1e-6, rtol=0)
    with quiet_transformers():
        Bert.assemble(encoder, {"language_model": head}).save_pretrained(tmp_path)
    loaded = Bert.load(tmp_path, pooled=False)
    again = loaded.heads["language_model"]
    assert again.decoder.weight is loaded.encoder.bert.embeddings.word_embeddings.weight
    assert again.decoder.bias is again.bias
    torch.testing.assert_close(again(hidden), head(hidden))


def test_fresh_weights_are_drawn_as_transformers_draws_them() -> None:
    config = Bert.configuration("bert-tiny", None, overrides=Bert.Settings())
    torch.manual_seed(3)
    encoder = Bert.build(config, pooled=True)
    torch.manual_seed(3)
    theirs = transformers.BertModel(config)
    for name, value in theirs.state_dict().items():
        assert torch.equal(encoder.bert.state_dict()[name], value), name
    heads = {name: Bert.head(name, encoder, outputs=3) for name in ("language_model", "pair", "classification")}
    assert not encoder.bert.embeddings.word_embeddings.weight[0].any()  # the padding row
    for name, parameter in [pair for head in heads.values() for pair in head.named_parameters()]:
        if "LayerNorm.weight" in name:
            assert parameter.eq(1).all()
        elif "bias" in name:
            assert parameter.eq(0).all()
        else:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.15), name


def test_dropout_reaches_the_targets_in_training(padded: dict[str, np.ndarray]) -> None:
    encoder = tiny_encoder().train()
    columns = batch(**padded, target_positions=TARGETS)
    first, second = encoder(columns), encoder(columns)
    assert not torch.equal(first.streams["targets"], second.streams["targets"])
    assert not torch.equal(first.pooled, second.pooled)
