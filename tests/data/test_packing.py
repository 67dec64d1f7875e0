"""Packing changes where sequences stand, and nothing else."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertcli.contracts.batch import IGNORED
from bertcli.contracts.objective import make_default_objectives
from bertcli.data.batches import Cursor, batch_stream, make_batch
from bertcli.data.examples import DynamicExamples
from bertcli.data.packing import Packing, best_fit

ROW_LENGTH = 48
PACKING = Packing(ROW_LENGTH, pad_id=0)
LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=30)


def columns_of(lengths: list[int], *, seq: int = 40) -> dict[str, np.ndarray]:
    """Sequences of random pieces, with a label at some positions and one for each sequence."""
    draw = np.random.default_rng(len(lengths))
    mask = (np.arange(seq) < np.array(lengths)[:, None]).astype(np.int64)
    labels = np.where(draw.random(mask.shape) < 0.3, draw.integers(5, 99, mask.shape), IGNORED)
    return {
        "input_ids": draw.integers(5, 99, mask.shape) * mask,
        "token_type_ids": draw.integers(0, 2, mask.shape) * mask,
        "attention_mask": mask,
        "labels": np.where(mask == 1, labels, IGNORED),
        "next_sentence_label": draw.integers(0, 2, len(lengths)),
    }


def sequences_of(columns: dict[str, np.ndarray]) -> list[tuple[object, ...]]:
    """Every sequence of plain or packed columns as its unpadded values, in batch order."""
    ids = columns.get("sequence_ids")
    if ids is None:
        ids = columns.get("attention_mask", np.ones_like(columns["input_ids"]))
    found = []
    for row in range(len(ids)):
        for number in range(1, ids[row].max() + 1):
            values = [columns[name][row][ids[row] == number] for name in ("input_ids", "token_type_ids", "labels")]
            positions = np.flatnonzero(ids[row] == number)
            assert np.array_equal(positions, np.arange(positions[0], positions[-1] + 1))
            found.append((*(column.tobytes() for column in values), int(columns["next_sentence_label"][len(found)])))
    return found


@given(LENGTHS)
def test_unpacking_gives_the_batch_back(lengths):
    columns = columns_of(lengths)
    placement = PACKING.place(columns["attention_mask"])
    if placement is None:
        return
    assert sorted(placement.order) == list(range(len(lengths)))  # every sequence once
    alone = sequences_of(columns)
    assert sequences_of(placement.pack(columns)) == [alone[number] for number in placement.order]


@given(LENGTHS)
def test_no_row_is_longer_than_the_limit_and_padding_is_what_it_should_be(lengths):
    columns = columns_of(lengths)
    placement = PACKING.place(columns["attention_mask"])
    if placement is None:
        return
    packed = placement.pack(columns)
    assert packed["input_ids"].shape[1] <= ROW_LENGTH
    padding = packed["sequence_ids"] == 0
    assert np.array_equal(padding, packed["attention_mask"] == 0)
    assert (~padding).sum() == sum(lengths)
    for name, fill in (("input_ids", 0), ("token_type_ids", 0), ("labels", IGNORED), ("position_ids", 0)):
        assert (packed[name][padding] == fill).all(), name
    begins = np.take_along_axis(packed["position_ids"], packed["first_positions"], axis=1)
    assert (begins == 0).all()
    rows, positions = np.nonzero((packed["position_ids"] == 0) & ~padding)
    most = packed["first_positions"].shape[1]
    assert packed["first_positions"].ravel()[packed["firsts"]].tolist() == positions.tolist()
    assert (packed["firsts"] // most).tolist() == rows.tolist()


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40))
def test_no_two_rows_would_fit_into_one(lengths):
    rows = best_fit(lengths, ROW_LENGTH)
    assert sorted(number for row in rows for number in row) == list(range(len(lengths)))
    filled = sorted(sum(lengths[number] for number in row) for row in rows)
    assert len(rows) == 1 or filled[0] + filled[1] > ROW_LENGTH
    assert all(len(row) == 1 or sum(lengths[number] for number in row) <= ROW_LENGTH for row in rows)


def test_the_fullest_row_that_has_room_is_taken():
    # 30 and 25 open two rows of 48; 20 fits best beside 25 (room 23), 18 beside 30 (room 18)
    assert best_fit([18, 30, 20, 25], 48) == [[0, 1], [2, 3]]


def test_sequences_keep_their_order_within_rows_and_rows_that_of_their_first():
    assert best_fit([10, 40, 10, 40, 10], 48) == [[0, 2, 4], [1], [3]]


def test_a_sequence_that_is_longer_than_a_row_has_one_of_its_own():
    assert best_fit([60, 5, 5], 48) == [[0], [1, 2]]


@pytest.fixture(params=[("segment-pairs", ["mlm", "nsp"]), ("document-sentences", ["mlm"])], ids=lambda p: p[0])
def examples(request, make_store, vocabulary):
    kind, names = request.param
    objectives = make_default_objectives(names)
    store = make_store(documents=60, sentences=4, longest=12)
    return DynamicExamples(store, vocabulary, objectives, kind=kind, seq_length=ROW_LENGTH, seed=3), objectives


def steps(examples, count, *, start=None, workers=0, packing=PACKING):
    data, objectives = examples
    sizes = {"batch_size": 12, "micro_batch_size": 8, "seed": 3, "start": start or Cursor()}
    stream = batch_stream(data, objectives, **sizes, workers=workers, packing=packing)
    taken = list(islice(stream, count))
    stream.close()
    return taken


def equal(one, other):
    return one.columns.keys() == other.columns.keys() and all(
        np.array_equal(one[name], other[name]) for name in one.columns
    )


def same(ours, theirs):
    return all(
        one.after == other.after and all(map(equal, one.micro_batches, other.micro_batches))
        for one, other in zip(ours, theirs, strict=True)
    )


@pytest.mark.parametrize("workers", [1, 4])
def test_packed_batches_do_not_depend_on_the_number_of_workers(examples, workers):
    assert same(steps(examples, 20), steps(examples, 20, workers=workers))


def test_a_packed_stream_continues_where_a_cursor_points(examples):
    straight = steps(examples, 20)
    for cut in (1, 19):
        assert same(steps(examples, 20 - cut, start=Cursor(**straight[cut - 1].after)), straight[cut:])


def test_a_packed_batch_holds_the_same_examples_with_the_same_masks_targets_and_counts(examples):
    data, objectives = examples
    numbers = np.arange(3, 19)
    alone = make_batch(data, objectives, 0, numbers)
    packed = make_batch(data, objectives, 0, numbers, packing=PACKING)
    assert len(packed["input_ids"]) < len(numbers)
    assert sorted(packed.example_ids) == numbers.tolist()
    assert (packed.counts, packed.tokens, packed.epoch) == (alone.counts, alone.tokens, alone.epoch)
    assert packed.tokens == (packed["sequence_ids"] > 0).sum()

    def predicted(batch):
        """Example → the pieces and labels at the flattened targets of MLM."""
        rows = np.repeat(np.arange(len(batch["input_ids"])), batch["target_positions"].shape[1])[batch["mlm:targets"]]
        positions = batch["target_positions"].ravel()[batch["mlm:targets"]]
        ids = batch.get("sequence_ids")
        ids = np.ones_like(batch["input_ids"]) if ids is None else ids
        before = np.concatenate([[0], np.cumsum(ids.max(axis=1))])[:-1]  # sequences in the rows before
        found = {}
        for row, position in zip(rows, positions, strict=True):
            example = int(batch.example_ids[before[row] + ids[row, position] - 1])
            found.setdefault(example, []).append((batch["input_ids"][row, position], batch["labels"][row, position]))
        return found

    assert predicted(packed) == predicted(alone)
    if "nsp" in objectives:
        labels = dict(zip(alone.example_ids.tolist(), alone["next_sentence_label"].tolist(), strict=True))
        assert packed["next_sentence_label"].tolist() == [labels[number] for number in packed.example_ids.tolist()]


def test_padding_is_told_only_where_there_is_some(examples):
    for step in steps(examples, 20):
        for batch in step.micro_batches:
            mask = batch.get("attention_mask")
            assert batch.tokens == (batch["input_ids"].size if mask is None else len(batch["token_positions"]))


def test_a_batch_in_which_nothing_fits_together_stays_as_it_is(examples):
    data, objectives = examples
    numbers = np.arange(6)
    alone = make_batch(data, objectives, 0, numbers)
    packed = make_batch(data, objectives, 0, numbers, packing=Packing(2, pad_id=0))
    assert equal(alone, packed)
    assert np.array_equal(alone.example_ids, packed.example_ids)
