from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForMaskedLM

from bertcli.architectures import _bert_modules as modules
from bertcli.contracts.batch import IGNORED, Batch
from bertcli.contracts.task import Features
from bertcli.data.bucketing import BucketedBatches
from bertcli.models.language_model_beside import LanguageModelBeside, with_masked_copy

LENGTHS = (40, 22, 4, 3)


def batch_of(examples: list[int], epoch: int = 0) -> Batch:
    """Sequences of [CLS], pieces that depend on the example alone, and [SEP]; padded."""
    lengths = [LENGTHS[example] for example in examples]
    ids = np.zeros((len(examples), max(lengths)), dtype=np.int64)
    for row, (example, length) in enumerate(zip(examples, lengths, strict=True)):
        ids[row, :length] = [2, *(10 + (example * 31 + np.arange(length - 2)) % 150), 3]
    mask = np.arange(max(lengths)) < np.asarray(lengths)[:, None]
    return Batch({"input_ids": ids, "attention_mask": mask.astype(np.int64)}, np.asarray(examples), epoch)


def test_fifteen_percent_of_the_ordinary_pieces_are_hidden_and_never_a_special(vocabulary: Any) -> None:
    batch = batch_of([0, 1, 2, 3])
    copy = with_masked_copy(batch, vocabulary=vocabulary, seed=0)
    labels = copy["lm:labels"]
    # Of 38, 20, 2 and 1 ordinary pieces: 5.7, 3, 0.3 and 0.15, rounded, and at least one.
    assert (labels != IGNORED).sum(axis=1).tolist() == [6, 3, 1, 1]
    assert copy.counts == {"mlm": 11}
    hidden = labels != IGNORED
    assert (labels[hidden] == batch["input_ids"][hidden]).all()
    assert (labels[hidden] >= 10).all()
    assert (copy["lm:input_ids"][~hidden] == batch["input_ids"][~hidden]).all()
    assert copy["input_ids"] is batch["input_ids"]


def test_masks_depend_on_seed_epoch_and_example_and_not_on_the_batch(vocabulary: Any) -> None:
    def masked(examples: list[int], *, seed: int = 0, epoch: int = 0) -> list[list[int]]:
        copy = with_masked_copy(batch_of(examples, epoch), vocabulary=vocabulary, seed=seed)
        return [row[: LENGTHS[example]].tolist() for row, example in zip(copy["lm:input_ids"], examples, strict=True)]

    together = masked([0, 1, 2])
    assert masked([1]) == [together[1]]
    assert masked([2, 0]) == [together[2], together[0]]
    assert masked([0], epoch=1) != [together[0]]
    assert masked([0], seed=1) != [together[0]]


def split_of(sequences: int, **arrays: Any) -> BucketedBatches:
    """Sequences of one text: they differ in nothing but their number."""
    ids = np.tile(np.asarray([2, *range(10, 48), 3], dtype=np.int32), sequences)
    features = Features(
        input_ids=ids,
        offsets=40 * np.arange(sequences + 1),
        second_starts=np.full(sequences, 40),
        lost=np.zeros(sequences, dtype=np.int64),
        **arrays,
    )
    return BucketedBatches(features, 0, lambda columns: 1)


@pytest.mark.parametrize(
    "batches",
    [
        pytest.param(split_of(3, examples=np.asarray([0]), item_starts=np.asarray([0, 3])), id="chunks of a document"),
        pytest.param(split_of(3, examples=np.asarray([0, 0, 0])), id="windows of a question"),
    ],
)
def test_sequences_of_one_example_are_masked_at_different_places_whatever_the_batch(
    vocabulary: Any, batches: BucketedBatches
) -> None:
    def masked(items: list[int]) -> list[list[int]]:
        copy = with_masked_copy(batches.make(np.asarray(items)), vocabulary=vocabulary, seed=0)
        return copy["lm:input_ids"].tolist()  # type: ignore[no-any-return]

    items = list(range(batches.features.items))
    together = masked(items)
    assert len({tuple(row) for row in together}) == 3
    assert [row for item in items for row in masked([item])] == together


@pytest.mark.parametrize("pooled", [False, True])
def test_its_loss_is_that_of_transformers_on_the_masked_copy(vocabulary: Any, pooled: bool) -> None:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=vocabulary.size, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    encoder = modules.BertEncoder.fresh(config, pooled=pooled).eval()
    head = modules.fresh_head("language_model", encoder, outputs=2, inputs=None)
    reference: BertForMaskedLM = BertForMaskedLM(config).eval()
    states = encoder.bert.state_dict()
    reference.bert.load_state_dict({name: value for name, value in states.items() if "pooler" not in name})
    reference.cls.predictions.load_state_dict(head.state_dict())
    copy = with_masked_copy(batch_of([0, 1, 2, 3]), vocabulary=vocabulary, seed=0).to(torch.device("cpu"))
    found = LanguageModelBeside(head, 0.5)(encoder, copy)
    logits = reference(input_ids=copy["lm:input_ids"], attention_mask=copy["attention_mask"]).logits
    expected = cross_entropy(logits.flatten(0, 1), copy["lm:labels"].flatten(), reduction="sum")
    assert list(found) == ["mlm"]
    assert found["mlm"].count == 11
    torch.testing.assert_close(found["mlm"].total, expected)


def test_a_batch_without_a_copy_has_no_such_loss() -> None:
    batch = batch_of([0]).to(torch.device("cpu"))
    assert LanguageModelBeside(torch.nn.Identity(), 0.5)(torch.nn.Identity(), batch) == {}
