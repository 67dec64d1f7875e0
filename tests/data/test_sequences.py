from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertcli.core.randomness import permutation
from bertcli.data import whole_sentences
from bertcli.data.coverage import tokens_covered
from bertcli.data.sequences import make_plan
from bertcli.errors import DataError


def lengths(plan):
    """Positions of each example, specials included."""
    pieces = plan.bounds[:, 1] - plan.bounds[:, 0] + 1
    return [1 + pieces[a:b].sum() for a, b in pairwise(plan.first_piece)]


def document_of(store, positions):
    return np.searchsorted(store.document_starts, positions, side="right") - 1


@pytest.mark.parametrize("kind", ["segment-pairs", "sentence-pairs", "full-sentences", "document-sentences"])
@pytest.mark.parametrize("seq_length", [8, 32, 128])
def test_no_example_is_longer_than_the_length_and_none_is_empty(make_store, kind, seq_length):
    plan = make_plan(make_store(), kind, seq_length=seq_length, seed=1, epoch=0)
    assert len(plan)
    assert max(lengths(plan)) <= seq_length
    assert (plan.bounds[:, 1] > plan.bounds[:, 0]).all()


@pytest.mark.parametrize("kind", ["full-sentences", "document-sentences"])
def test_sentences_are_used_whole_once_and_completely(make_store, kind):
    store = make_store(longest=20)
    plan = make_plan(store, kind, seq_length=64, seed=1, epoch=0)
    assert (plan.bounds[:, 1] - plan.bounds[:, 0]).sum() == store.tokens
    assert tokens_covered(store, plan) == 1.0
    assert set(plan.bounds[:, 1]) <= set(store.sentence_ends)


def test_a_sentence_longer_than_a_sequence_is_cut_and_nothing_of_it_is_lost(make_store):
    store = make_store(longest=30)
    plan = make_plan(store, "full-sentences", seq_length=10, seed=1, epoch=0)
    assert tokens_covered(store, plan) == 1.0


def filled_one_by_one(store, seq_length, seed, epoch, across_documents):
    """Each sentence into the sequence under way where it fits, else into the next; too long ones cut."""
    budget = seq_length - 2
    examples, pieces, room = [], [], budget
    edges = [0, *store.sentence_ends.tolist()]
    for document in permutation(seed, "document order", epoch, store.documents).tolist():
        if pieces and not across_documents:
            examples.append(pieces)
            pieces, room = [], budget
        room -= bool(pieces)  # the [SEP] between documents
        opens = True
        for sentence in range(*store.sentence_starts[document : document + 2].tolist()):
            start, end = edges[sentence], edges[sentence + 1]
            while start < end:
                if pieces and min(end - start, budget) > room:
                    examples.append(pieces)
                    pieces, room = [], budget
                stop = min(end, start + budget)
                if pieces and not opens:
                    pieces[-1] = (pieces[-1][0], stop)
                else:
                    pieces.append((start, stop))
                room -= stop - start
                start, opens = stop, False
    return examples + ([pieces] if pieces else [])


@given(
    st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=8), min_size=1, max_size=12),
    st.integers(8, 40),
    st.booleans(),
    st.sampled_from([1, 4, 1 << 16]),
)
def test_sequences_are_filled_as_sentence_after_sentence_would(store_of, lengths, seq_length, across, block):
    store = store_of(lengths)
    kind = "full-sentences" if across else "document-sentences"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole_sentences, "SENTENCES_PER_BLOCK", block)
        plan = make_plan(store, kind, seq_length=seq_length, seed=4, epoch=3)
    found = [list(map(tuple, plan.bounds[a:b].tolist())) for a, b in pairwise(plan.first_piece)]
    assert found == filled_one_by_one(store, seq_length, 4, 3, across)


def test_document_sentences_never_cross_documents(make_store):
    store = make_store()
    plan = make_plan(store, "document-sentences", seq_length=64, seed=1, epoch=0)
    for first, last in pairwise(plan.first_piece):
        assert len(set(document_of(store, plan.bounds[first:last, 0]))) == 1


def test_full_sentences_fill_sequences_better_than_document_sentences(make_store):
    store = make_store(longest=10, sentences=4)
    across = make_plan(store, "full-sentences", seq_length=64, seed=1, epoch=0)
    within = make_plan(store, "document-sentences", seq_length=64, seed=1, epoch=0)
    assert len(across) < len(within)


def test_next_segments_follow_and_random_ones_are_of_other_documents(make_store):
    store = make_store(documents=80)
    plan = make_plan(
        store,
        "segment-pairs",
        seq_length=48,
        seed=3,
        epoch=2,
        relations=("next", "random"),
        short_sequence_probability=0.1,
    )
    a, b = plan.bounds[0::2], plan.bounds[1::2]
    same = document_of(store, a[:, 0]) == document_of(store, b[:, 0])
    follows = a[:, 1] <= b[:, 0]
    assert (same & follows)[plan.relation == 0].all()
    assert not same[plan.relation == 1].any()
    # Every chunk of at least two sentences tosses a fair coin; lone sentences make it a little more than half.
    assert 0.45 < (plan.relation == 1).mean() < 0.75


def test_a_document_of_one_sentence_yields_negatives_only(make_store):
    store = make_store(documents=30, sentences=1)
    plan = make_plan(store, "segment-pairs", seq_length=48, seed=0, epoch=0, relations=("next", "random"))
    assert len(plan) == 30
    assert (plan.relation == 1).all()


def test_one_document_alone_cannot_have_random_next_segments(make_store):
    with pytest.raises(DataError, match="at least two documents"):
        make_plan(
            make_store(documents=1), "segment-pairs", seq_length=48, seed=0, epoch=0, relations=("next", "random")
        )


def test_swapped_pairs_come_from_one_document_in_reverse(make_store):
    store = make_store()
    plan = make_plan(store, "segment-pairs", seq_length=48, seed=0, epoch=0, relations=("next", "swapped"))
    a, b = plan.bounds[0::2], plan.bounds[1::2]
    assert (document_of(store, a[:, 0]) == document_of(store, b[:, 0])).all()
    swapped = plan.relation == 1
    assert (b[swapped, 1] <= a[swapped, 0]).all()
    assert (a[~swapped, 1] <= b[~swapped, 0]).all()


def test_a_plan_depends_on_the_seed_and_the_epoch_alone(make_store):
    store = make_store()
    arguments = {"seq_length": 48, "relations": ("next", "random")}
    one = make_plan(store, "segment-pairs", seed=1, epoch=0, **arguments)
    again = make_plan(store, "segment-pairs", seed=1, epoch=0, **arguments)
    later = make_plan(store, "segment-pairs", seed=1, epoch=1, **arguments)
    assert np.array_equal(one.bounds, again.bounds)
    assert np.array_equal(one.relation, again.relation)
    assert not np.array_equal(one.relation, later.relation[: len(one)]) or len(one) != len(later)
