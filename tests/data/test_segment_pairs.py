"""Pairs: what each relation promises, how often each comes, and the procedure of create_pretraining_data.py."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertcli.core.randomness import hash64, uniform
from bertcli.data import segment_pairs
from bertcli.data.coverage import tokens_covered
from bertcli.data.sequences import make_plan
from bertcli.data.truncation import tosses, truncated_lengths

NSP, SOP, DISTANCE = ("next", "random"), ("next", "swapped"), ("next", "distant", "random")

quickly = settings(max_examples=40)
documents = st.lists(st.lists(st.integers(1, 12), min_size=1, max_size=9), min_size=2, max_size=12).filter(
    lambda several: max(map(len, several)) > 1
)


def draw(seed, purpose, epoch, number):
    return float(uniform(hash64(seed, f"segment pairs: {purpose}", epoch, np.array([number])))[0])


def cut(segment, tokens, seed, which, epoch, number):
    front = int(tosses(np.array([tokens]), seed, f"segment pairs: cut {which}", epoch, np.array([number]))[0])
    return segment[0] + front, segment[1] - (tokens - front)


def procedure_of_bert(store, *, seq_length, seed, epoch, relations, short_sequence_probability):
    """create_instances_from_document of google-research/bert, chunk after chunk, with the draws of our sentences."""
    examples, budget = [], seq_length - 3
    edges = [0, *store.sentence_ends.tolist()]
    for document, (low, high) in enumerate(pairwise(store.sentence_starts.tolist())):
        at = low
        while at < high:
            target = budget
            if draw(seed, "short", epoch, at) < short_sequence_probability:
                target = 2 + int(draw(seed, "length", epoch, at) * (budget - 1))
            stop = at + 1
            while stop < high and edges[stop] - edges[at] < target:
                stop += 1
            count = stop - at
            middle = at + 1 + int(draw(seed, "split", epoch, at) * (count - 1))
            a, number = (edges[at], edges[middle]), at
            if relations and (count == 1 or int(draw(seed, "relation", epoch, at) * 2) == 1):
                other = int(draw(seed, "other document", epoch, at) * (store.documents - 1))
                other += other >= document
                first, last = store.sentence_starts[other : other + 2].tolist()
                begin = end = first + int(draw(seed, "other sentence", epoch, at) * (last - first))
                end += 1
                while end < last and edges[end] - edges[begin] < target - (a[1] - a[0]):
                    end += 1
                b, relation, at = (edges[begin], edges[end]), 1, middle
            elif count == 1:
                tokens = max(0, a[1] - a[0] - (seq_length - 2))
                examples.append((cut(a, tokens, seed, "a", epoch, at), None, -1))
                at = stop
                continue
            else:
                b, relation, at = (a[1], edges[stop]), 0 if relations else -1, stop
            kept = truncated_lengths(np.array([a[1] - a[0]]), np.array([b[1] - b[0]]), budget)
            a = cut(a, a[1] - a[0] - int(kept[0][0]), seed, "a", epoch, number)
            b = cut(b, b[1] - b[0] - int(kept[1][0]), seed, "b", epoch, number)
            examples.append((a, b, relation))
    return examples


def examples_of(plan):
    return [
        (
            tuple(plan.bounds[first].tolist()),
            tuple(plan.bounds[first + 1].tolist()) if last - first == 2 else None,
            int(relation),
        )
        for (first, last), relation in zip(pairwise(plan.first_piece), plan.relation, strict=True)
    ]


@quickly
@given(documents, st.integers(8, 40), st.sampled_from([(), NSP]), st.sampled_from([0.0, 0.1, 1.0]))
def test_pairs_are_those_of_the_original_procedure(store_of, lengths, seq_length, relations, short):
    store = store_of(lengths)
    arguments = {"seq_length": seq_length, "seed": 5, "epoch": 2, "relations": relations}
    arguments["short_sequence_probability"] = short
    assert examples_of(make_plan(store, "segment-pairs", **arguments)) == procedure_of_bert(store, **arguments)


@quickly
@given(documents, st.sampled_from(["segment-pairs", "sentence-pairs"]), st.sampled_from([(), NSP, SOP, DISTANCE]))
def test_a_plan_does_not_depend_on_how_many_sentences_are_planned_at_once(store_of, lengths, kind, relations):
    store = store_of(lengths)
    arguments = {"seq_length": 16, "seed": 5, "epoch": 1, "relations": relations}
    whole = make_plan(store, kind, **arguments)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment_pairs, "SENTENCES_PER_BLOCK", 3)
        parts = make_plan(store, kind, **arguments)
    assert all(np.array_equal(getattr(whole, name), getattr(parts, name)) for name in vars(whole))


def sentences_of(store, segment):
    """The first and the last sentence that a segment has tokens of."""
    first, last = np.searchsorted(store.sentence_ends, [segment[0], segment[1] - 1], side="right")
    return int(first), int(last)


def document_of(store, segment):
    return int(np.searchsorted(store.document_starts, segment[0], side="right")) - 1


@quickly
@given(documents, st.sampled_from(["segment-pairs", "sentence-pairs"]), st.sampled_from([NSP, SOP, DISTANCE]))
def test_every_pair_is_what_its_relation_says(store_of, lengths, kind, relations):
    store = store_of(lengths)
    plan = make_plan(store, kind, seq_length=24, seed=1, epoch=0, relations=relations)
    for a, b, relation in examples_of(plan):
        name = relations[relation]
        (a_first, a_last), (b_first, b_last) = sentences_of(store, a), sentences_of(store, b)
        for segment in (a, b):
            assert segment[0] < segment[1]
            assert document_of(store, segment) == document_of(store, (segment[1] - 1,))
        assert a[1] - a[0] + b[1] - b[0] <= 21
        assert (document_of(store, a) == document_of(store, b)) == (name != "random")
        match name:
            case "next":
                assert a[1] <= b[0]
            case "swapped":
                assert b[1] <= a[0]
            case "distant":
                assert b_first - a_last > 1 or a_first - b_last > 1
        if kind == "sentence-pairs":
            assert (a_first, b_first) == (a_last, b_last)
            if name in ("next", "swapped"):
                assert abs(a_first - b_first) == 1


@quickly
@given(documents, st.sampled_from([NSP, SOP, DISTANCE]))
def test_neighbours_touch_where_nothing_is_cut(store_of, lengths, relations):
    store = store_of(lengths)
    plan = make_plan(store, "segment-pairs", seq_length=512, seed=1, epoch=0, relations=relations)
    edges = {0, *store.sentence_ends.tolist()}
    for a, b, relation in examples_of(plan):
        assert {*a, *b} <= edges
        if relations[relation] == "next":
            assert a[1] == b[0]
        if relations[relation] == "swapped":
            assert b[1] == a[0]


@quickly
@given(documents, st.sampled_from(["segment-pairs", "sentence-pairs"]))
def test_sop_uses_every_document_of_two_sentences_and_no_other(store_of, lengths, kind):
    store = store_of(lengths)
    plan = make_plan(store, kind, seq_length=512, seed=1, epoch=0, relations=SOP, short_sequence_probability=0.0)
    used = np.zeros(store.tokens, dtype=bool)
    for start, end in plan.bounds:
        used[start:end] = True
    expected = np.repeat([len(sentences) > 1 for sentences in lengths], [sum(sentences) for sentences in lengths])
    assert np.array_equal(used, expected)


def balanced(chosen, probability):
    """Whether a share is within 5 standard deviations of its probability."""
    return abs(np.mean(chosen) - probability) < 5 * np.sqrt(probability * (1 - probability) / len(chosen))


def test_each_relation_that_a_chunk_allows_is_as_probable(store_of):
    # A sentence number i of n has a next one unless it is the last, and distant ones at i + 2 … n - 1 and 0 … i - 2.
    sizes = np.random.default_rng(0).integers(1, 6, size=4000)
    store = store_of([[1] * size for size in sizes])
    for relations in (NSP, DISTANCE):
        plan = make_plan(store, "sentence-pairs", seq_length=16, seed=1, epoch=0, relations=relations)
        a = plan.bounds[0::2, 0]  # of one token each: the number of the sentence too
        document = np.searchsorted(store.document_starts, a, side="right") - 1
        place, size = a - store.document_starts[document], sizes[document]
        allowed = {"next": place < size - 1, "random": np.ones(len(a), dtype=bool)}
        allowed["distant"] = (place + 2 < size) | (place >= 2)
        count = sum(allowed[name].astype(int) for name in relations)
        for number, name in enumerate(relations):
            assert not (plan.relation == number)[~allowed[name]].any()
            for ways in range(2, len(relations) + 1):
                assert balanced((plan.relation == number)[allowed[name] & (count == ways)], 1 / ways)


@pytest.mark.parametrize("kind", ["segment-pairs", "sentence-pairs"])
def test_half_of_the_sop_pairs_are_swapped(make_store, kind):
    plan = make_plan(make_store(documents=600), kind, seq_length=48, seed=1, epoch=0, relations=SOP)
    assert len(plan) > 1000
    assert balanced(plan.relation == 1, 0.5)


def test_distant_sentences_are_drawn_uniformly(store_of):
    store = store_of([[1] * 5] * 4000)
    plan = make_plan(store, "sentence-pairs", seq_length=16, seed=1, epoch=0, relations=DISTANCE)
    a, b = (plan.bounds[side::2, 0][plan.relation == 1] for side in (0, 1))
    for place, others in ((0, (2, 3, 4)), (2, (0, 4)), (4, (0, 1, 2))):
        found = b[a % 5 == place] % 5
        assert set(found.tolist()) == set(others)
        for other in others:
            assert balanced(found == other, 1 / len(others))


def test_random_segments_are_of_documents_drawn_uniformly_among_the_others(store_of):
    store = store_of([[1] * (10 * size) for size in (300, 1, 2, 3)])
    plan = make_plan(store, "sentence-pairs", seq_length=16, seed=1, epoch=0, relations=NSP)
    a, b = (plan.bounds[side::2, 0][plan.relation == 1] for side in (0, 1))
    owner, other = (np.searchsorted(store.document_starts, starts, side="right") - 1 for starts in (a, b))
    found = other[owner == 0]
    for document in (1, 2, 3):
        assert balanced(found == document, 1 / 3)
    within = (b - store.document_starts[other])[(owner == 0) & (other == 3)]
    assert set(within.tolist()) == set(range(30))


def test_a_part_of_the_pairs_is_short_as_asked(store_of):
    store = store_of([[1] * 400] * 200)
    for share in (0.0, 0.1, 1.0):
        plan = make_plan(
            store, "segment-pairs", seq_length=43, seed=1, epoch=0, relations=SOP, short_sequence_probability=share
        )
        tokens = np.diff(plan.bounds, axis=1).reshape(-1, 2).sum(axis=1)
        # A short target is 2 … 40 with equal probability, and 38 of the 39 are less than all; ends of documents too.
        last = plan.bounds[:, 1].reshape(-1, 2).max(axis=1) % 400 == 0
        short = (tokens < 40)[~last]
        assert balanced(short, share * 38 / 39) if share else not short.any()


def test_both_ends_of_a_segment_are_cut_alike(store_of):
    store = store_of([[100, 100]] * 3000)
    plan = make_plan(store, "segment-pairs", seq_length=103, seed=1, epoch=0, relations=("next", "swapped"))
    front = plan.bounds[:, 0] % 100  # of 50 that are cut from each sentence
    assert (np.diff(plan.bounds, axis=1) == 50).all()
    assert abs(front.mean() - 25) < 5 * np.sqrt(50 / 4 / len(front))
    assert abs(front.var() / (50 / 4) - 1) < 5 * np.sqrt(2 / len(front))


def test_epochs_and_seeds_pair_differently(make_store):
    store = make_store()
    for relations in (NSP, SOP, DISTANCE):
        for kind in ("segment-pairs", "sentence-pairs"):
            plans = [
                make_plan(store, kind, seq_length=48, seed=seed, epoch=epoch, relations=relations)
                for seed, epoch in ((0, 0), (0, 1), (1, 0))
            ]
            assert len({plan.relation.tobytes() for plan in plans}) == 3


def test_over_epochs_every_two_neighbours_are_a_pair_of_sentences(store_of):
    store = store_of([[1] * 6])
    pairs = set()
    for epoch in range(20):
        plan = make_plan(store, "sentence-pairs", seq_length=16, seed=0, epoch=epoch, relations=SOP)
        assert tokens_covered(store, plan) == 1.0
        pairs |= {min(a, b) for a, b in plan.bounds[:, 0].reshape(-1, 2).tolist()}
    assert pairs == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("kind", ["segment-pairs", "sentence-pairs"])
def test_without_a_pair_objective_b_follows_a_and_a_lone_sentence_is_alone(store_of, kind):
    plan = make_plan(store_of([[3, 4], [30]]), kind, seq_length=16, seed=0, epoch=0)
    assert plan.bounds.tolist()[:2] == [[0, 3], [3, 7]]
    alone = plan.bounds[plan.first_piece[-2] :]
    assert len(alone) == 1
    assert np.diff(alone).item() == 14
    assert plan.segments[-1] == 0
    assert (plan.relation == -1).all()


@pytest.mark.parametrize("kind", ["segment-pairs", "sentence-pairs", "full-sentences", "document-sentences"])
def test_no_documents_give_no_examples(store_of, kind):
    plan = make_plan(store_of([]), kind, seq_length=16, seed=0, epoch=0)
    assert len(plan) == 0
    assert plan.bounds.shape == (0, 2)
    assert plan.first_piece.tolist() == [0]
