from itertools import islice

import numpy as np
import pytest

from bertcli.contracts.batch import IGNORED
from bertcli.contracts.objective import make_default_objectives
from bertcli.data.batches import Cursor, batch_stream, evaluation_batches, predicting_only
from bertcli.data.examples import DynamicExamples, LimitedExamples
from bertcli.objectives.mlm import MaskedLanguageModel
from bertcli.text.word_boundaries import WordBoundaries


@pytest.fixture
def examples(make_store, vocabulary):
    objectives = make_default_objectives(["mlm", "nsp"])
    return DynamicExamples(
        make_store(), vocabulary, objectives, kind="segment-pairs", seq_length=48, seed=3
    ), objectives


def steps(examples, count, *, batch_size=8, micro_batch_size=8, start=None, workers=0, **more):
    data, objectives = examples
    stream = batch_stream(
        data,
        objectives,
        batch_size=batch_size,
        micro_batch_size=micro_batch_size,
        seed=3,
        start=start or Cursor(),
        workers=workers,
        **more,
    )
    taken = list(islice(stream, count))
    stream.close()
    return taken


def rows(steps_):
    """Every example as (epoch, number) → its unpadded columns, whatever batch it came in."""
    found = {}
    for step in steps_:
        for batch in step.micro_batches:
            mask = batch.get("attention_mask")
            for row, number in enumerate(batch.example_ids.tolist()):
                length = batch["input_ids"].shape[1] if mask is None else int(mask[row].sum())
                found[batch.epoch, number] = (
                    batch["input_ids"][row, :length].tobytes(),
                    batch["labels"][row, :length].tobytes(),
                    int(batch["next_sentence_label"][row]),
                )
    return found


@pytest.mark.parametrize("workers", [1, 4])
def test_batches_do_not_depend_on_the_number_of_workers(examples, workers):
    alone, helped = steps(examples, 30), steps(examples, 30, workers=workers)
    for one, other in zip(alone, helped, strict=True):
        assert one.after == other.after
        for ours, theirs in zip(one.micro_batches, other.micro_batches, strict=True):
            assert ours.columns.keys() == theirs.columns.keys()
            assert all(np.array_equal(ours[name], theirs[name]) for name in ours.columns)


def test_masks_do_not_depend_on_the_size_of_batches(examples):
    small, large = rows(steps(examples, 40, batch_size=4)), rows(steps(examples, 10, batch_size=16, micro_batch_size=5))
    assert small == large


def test_a_stream_continues_where_a_cursor_points(examples):
    straight = steps(examples, 30)
    for cut in (1, 7, 29):
        resumed = steps(examples, 30 - cut, start=Cursor(**straight[cut - 1].after))
        assert rows(resumed) == rows(straight[cut:])


class EveryFourth(WordBoundaries):
    """Every fourth piece continues a word."""

    def starts(self, ids):
        return ids % 4 != 3


@pytest.fixture
def moving(make_store, vocabulary):
    """Examples whose words are masked at 50 % at the beginning of a run and at 10 % at its end."""
    settings = MaskedLanguageModel.Settings(unit="span", probability={"start": 0.5, "end": 0.1})
    objectives = {"mlm": MaskedLanguageModel(settings), **make_default_objectives(["nsp"])}
    boundaries = EveryFourth()
    return DynamicExamples(
        make_store(), vocabulary, objectives, kind="segment-pairs", seq_length=48, seed=3, boundaries=boundaries
    ), objectives


def test_a_rate_that_moves_follows_the_steps(moving):
    shares = [
        sum(batch.counts["mlm"] for batch in step.micro_batches)
        / sum(batch.tokens - 3 * len(batch.example_ids) for batch in step.micro_batches)
        for step in steps(moving, 21, batch_size=64, micro_batch_size=64, steps=21)
    ]
    assert shares[0] == pytest.approx(0.5, abs=0.05)
    assert shares[10] == pytest.approx(0.3, abs=0.05)
    assert shares[20] == pytest.approx(0.12, abs=0.05)  # at the last step 1/21 of the way is still to go


def test_masks_that_move_do_not_depend_on_workers_micro_batches_or_a_resume(moving):
    straight = steps(moving, 20, steps=20)
    for workers, micro_batch_size in ((0, 3), (1, 8), (4, 5)):
        others = steps(moving, 20, steps=20, workers=workers, micro_batch_size=micro_batch_size)
        assert [rows([step]) for step in others] == [rows([step]) for step in straight]
    for cut in (1, 13):
        resumed = steps(moving, 20 - cut, steps=20, start=Cursor(**straight[cut - 1].after))
        assert [rows([step]) for step in resumed] == [rows([step]) for step in straight[cut:]]
    assert rows(straight) != rows(steps(moving, 20, steps=40))


def test_every_example_of_an_epoch_comes_once_before_the_next_epoch_begins(examples):
    data, _ = examples
    count = data.count(0)
    taken = steps(examples, -(-2 * count // 8))
    seen = [(batch.epoch, number) for step in taken for batch in step.micro_batches for number in batch.example_ids]
    first = [number for epoch, number in seen if epoch == 0]
    assert sorted(first) == list(range(count))
    assert [epoch for epoch, _ in seen] == sorted(epoch for epoch, _ in seen)
    assert first != sorted(first)


def test_processes_share_every_step_without_overlap(examples):
    whole = steps(examples, 6, batch_size=16, micro_batch_size=4)
    shares = [steps(examples, 6, batch_size=16, micro_batch_size=4, rank=rank, world_size=2) for rank in (0, 1)]
    for step in range(6):
        ids = [number for share in shares for batch in share[step].micro_batches for number in batch.example_ids]
        assert sorted(ids) == sorted(number for batch in whole[step].micro_batches for number in batch.example_ids)


def test_targets_are_the_predicted_positions_and_nothing_else(examples):
    (step,) = steps(examples, 1)
    (batch,) = step.micro_batches
    labels = np.take_along_axis(batch["labels"], batch["target_positions"], axis=1).ravel()
    own = batch["mlm:targets"]
    assert len(own) == batch.counts["mlm"] == (batch["labels"] != IGNORED).sum()
    assert (labels[own] != IGNORED).all()


def test_a_mask_is_there_only_where_something_is_padded(examples):
    for step in steps(examples, 20):
        for batch in step.micro_batches:
            mask = batch.get("attention_mask")
            if mask is None:
                assert batch.tokens == batch["input_ids"].size
            else:
                assert batch.tokens == mask.sum() == len(batch["token_positions"])
                assert (batch["input_ids"].ravel()[batch["token_positions"]] != 0).all()


def test_evaluation_takes_the_first_epoch_in_order(examples):
    data, objectives = examples
    batches = list(evaluation_batches(data, objectives, batch_size=8, limit=20))
    assert [number for batch in batches for number in batch.example_ids] == list(range(20))


def test_a_limit_cuts_every_epoch(examples):
    data, objectives = examples
    taken = steps((LimitedExamples(data, 5), objectives), 3, batch_size=5)
    assert [sorted(step.micro_batches[0].example_ids) for step in taken] == [[0, 1, 2, 3, 4]] * 3


def test_targets_can_be_cut_to_some_labels(examples):
    data, objectives = examples
    for batch in islice(evaluation_batches(data, objectives, batch_size=8), 3):
        labels = batch["labels"]
        for ids in (np.arange(50), np.arange(50, 200), np.array([], dtype=np.int64)):
            chosen = predicting_only(batch, ids)
            read = np.take_along_axis(labels, chosen["target_positions"], axis=1).ravel()[chosen["mlm:targets"]]
            expected = labels[np.isin(labels, ids)]
            assert sorted(read.tolist()) == sorted(expected.tolist())
            assert chosen.counts == {"mlm": len(expected)}
        assert batch.counts["mlm"] == (labels != IGNORED).sum()
