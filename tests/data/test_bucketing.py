"""Length-bucketed batches: every example once, little padding, and an order that depends on (seed, epoch) alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from bertcli.contracts.task import Features
from bertcli.data.bucketing import BucketedBatches, micro_batches, plan_epoch, steps_per_epoch
from bertcli.errors import DataError


def make_features(lengths: list[int], *, second_at: int | None = None, per_item: int = 1) -> Features:
    sizes = np.asarray(lengths, dtype=np.int64)
    items = len(sizes) // per_item
    return Features(
        input_ids=np.concatenate([np.full(size, 10 + row) for row, size in enumerate(sizes)]).astype(np.int32),
        offsets=np.concatenate([[0], np.cumsum(sizes)]),
        second_starts=sizes if second_at is None else np.full(len(sizes), second_at),
        lost=np.zeros_like(sizes),
        examples=np.arange(items),
        item_columns={"labels": np.arange(items)},
        token_columns={"tags": np.arange(sizes.sum())},
        item_starts=None if per_item == 1 else np.arange(0, len(sizes) + 1, per_item),
    )


def batches_of(features: Features, **options: bool) -> BucketedBatches:
    return BucketedBatches(features, 0, lambda columns: len(columns["labels"]), **options)


def draw_lengths(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(4, 100, size=count)


@pytest.mark.parametrize(("count", "batch_size"), [(1000, 32), (31, 32), (64, 32), (1, 4)])
def test_every_item_stands_in_one_batch_of_an_epoch(count: int, batch_size: int) -> None:
    plan = plan_epoch(draw_lengths(count), seed=0, epoch=0, batch_size=batch_size)
    assert sorted(np.concatenate(plan).tolist()) == list(range(count))
    assert len(plan) == steps_per_epoch(count, batch_size)
    assert max(map(len, plan)) <= batch_size


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return np.concatenate(plan_epoch(draw_lengths(500), seed=seed, epoch=epoch, batch_size=16)).tolist()

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_bucketing_leaves_little_padding_and_mixes_lengths_over_the_epoch() -> None:
    lengths = draw_lengths(5000)
    plan = plan_epoch(lengths, seed=0, epoch=0, batch_size=32)
    padded = sum(int(lengths[items].max()) * len(items) for items in plan)
    assert lengths.sum() / padded > 0.93
    firsts = [int(lengths[items].max()) for items in plan]
    # Neighbouring batches are not sorted: their lengths do not correlate.
    assert abs(np.corrcoef(firsts[:-1], firsts[1:])[0, 1]) < 0.25


def test_a_batch_is_padded_to_its_own_longest_sequence() -> None:
    batch = batches_of(make_features([3, 5, 2])).make(np.asarray([0, 2]))
    assert batch["input_ids"].tolist() == [[10, 10, 10], [12, 12, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert batch["tags"].tolist() == [[0, 1, 2], [8, 9, -100]]
    assert batch["labels"].tolist() == [0, 2]
    assert batch.tokens == 5
    assert batch.counts == {"task": 2}


def test_nothing_padded_means_no_attention_mask_and_single_texts_no_segments() -> None:
    batch = batches_of(make_features([3, 3])).make(np.asarray([0, 1]))
    assert batch.get("attention_mask") is None
    assert batch.get("token_type_ids") is None


def test_segments_are_0_before_the_second_text_and_on_padding() -> None:
    batch = batches_of(make_features([4, 6], second_at=2)).make(np.asarray([0, 1]))
    assert batch["token_type_ids"].tolist() == [[0, 0, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1]]


def test_pooled_batches_ask_for_no_other_position() -> None:
    batch = batches_of(make_features([3, 3]), firsts_only=True).make(np.asarray([0, 1]))
    assert batch["target_positions"].shape == (2, 0)


def test_several_sequences_of_an_item_stay_together() -> None:
    batch = batches_of(make_features([3, 5, 2, 2], per_item=2)).make(np.asarray([1, 0]))
    assert batch["input_ids"][:, 0].tolist() == [12, 13, 10, 11]
    assert batch["labels"].tolist() == [1, 0]
    assert batch["sequence_items"].tolist() == [0, 0, 1, 1]
    assert batch["item_sequences"].tolist() == [[0, 1], [2, 3]]


def test_a_batch_says_which_sequences_each_item_has() -> None:
    features = replace(make_features([3, 5, 2, 4]), examples=np.arange(2), item_starts=np.asarray([0, 1, 4]))
    batch = batches_of(features).make(np.asarray([1, 0, 1]))
    assert batch["item_sequences"].tolist() == [[0, 1, 2], [3, -1, -1], [4, 5, 6]]


def test_evaluation_cuts_its_batches_by_sequences() -> None:
    counts = np.asarray([1, 5, 2, 2, 1])
    features = replace(make_features([3] * counts.sum()), examples=np.arange(5), item_starts=np.cumsum([0, *counts]))
    found = [items.tolist() for items, _ in batches_of(features).evaluation(batch_size=4)]
    # Longest first: the item of five sequences is alone, the two of two fill a batch.
    assert [sorted(items) for items in found] == [[1], [2, 3], [0, 4]]


def test_items_may_have_different_numbers_of_sequences() -> None:
    features = replace(make_features([3, 5, 2, 4]), examples=np.arange(2), item_starts=np.asarray([0, 1, 4]))
    assert features.lengths().tolist() == [3, 11]
    assert features.sequence_counts().tolist() == [1, 3]
    sequences, items = features.sequences_of(np.asarray([1, 0, 1]))
    assert sequences.tolist() == [1, 2, 3, 0, 1, 2, 3]
    assert items.tolist() == [0, 0, 0, 1, 2, 2, 2]
    cut = replace(features, lost=np.asarray([0, 0, 7, 1]))
    assert cut.truncated_examples() == 1


def test_a_stream_goes_on_from_any_point() -> None:
    batches = batches_of(make_features(draw_lengths(50).tolist()))
    whole = list(islice(batches.training(seed=3, batch_size=8), 20))
    rest = list(islice(batches.training(seed=3, batch_size=8, start=whole[8].after), 11))
    assert [step.after for step in whole[9:]] == [step.after for step in rest]
    for one, other in zip(whole[9:], rest, strict=True):
        assert one.micro_batches[0].example_ids.tolist() == other.micro_batches[0].example_ids.tolist()


def test_workers_change_nothing() -> None:
    batches = batches_of(make_features(draw_lengths(50).tolist()))
    ids = [
        [
            step.micro_batches[0].example_ids.tolist()
            for step in islice(batches.training(seed=0, batch_size=8, workers=w), 9)
        ]
        for w in (0, 2)
    ]
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("count", "accumulate", "world_size"), [(32, 4, 1), (32, 2, 2), (5, 8, 1), (5, 4, 2), (3, 1, 3)]
)
def test_micro_batches_part_a_step_evenly_over_processes(count: int, accumulate: int, world_size: int) -> None:
    items = np.arange(count)
    shares = [micro_batches(items, accumulate, rank=rank, world_size=world_size) for rank in range(world_size)]
    assert len({len(share) for share in shares}) == 1
    assert all(len(piece) for share in shares for piece in share)
    assert sorted(np.concatenate([piece for share in shares for piece in share]).tolist()) == list(range(count))


def test_a_last_batch_too_small_for_all_processes_is_left_out() -> None:
    assert steps_per_epoch(65, 32, world_size=2) == 2
    assert len(plan_epoch(draw_lengths(65), seed=0, epoch=0, batch_size=32, world_size=2)) == 2


@pytest.mark.parametrize(("items", "batch_size"), [(1, 8), (8, 1)])
def test_a_step_without_an_example_for_every_process_is_refused(items: int, batch_size: int) -> None:
    batches = batches_of(make_features([5] * items))
    with pytest.raises(DataError, match="1 training examples a step for 2 processes, each of which needs one"):
        batches.training(seed=0, batch_size=batch_size, world_size=2)


def test_evaluation_gives_every_item_once() -> None:
    batches = batches_of(make_features(draw_lengths(50).tolist()))
    found = [items.tolist() for items, _ in batches.evaluation(batch_size=8)]
    assert sorted(number for items in found for number in items) == list(range(50))
