"""Scores of entities and tags: by hand, and equal to seqeval's on whatever is tagged, where that is installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertcli.contracts.tally import Tally
from bertcli.tasks._entity_scores import tally_entities, tally_tags
from bertcli.tasks._tag_schemes import entities, strict_entities, tags_of_types

Sentences = list[list[str]]


def scores_of(tally: Tally) -> dict[str, float]:
    return {name: float(of_sums(tally.counts.sum(axis=0))) for name, of_sums in tally.metrics.items()}


def entity_scores(
    gold: Sentences, predicted: Sentences, types: Sequence[str], read: Any = entities
) -> dict[str, float]:
    return scores_of(tally_entities(gold, predicted, types, read, per_type=True))


def split(*sentences: str) -> Sentences:
    return [sentence.split() for sentence in sentences]


# Gold: per 0-2, loc 3-4 | per 0-1. Predicted: per 0-2, loc 2-4 | per 0-1, loc 2-3. Two of four are right.
GOLD = split("B-per I-per O B-loc", "B-per O O")
PREDICTED = split("B-per I-per B-loc I-loc", "B-per O B-loc")


def test_scores_by_hand() -> None:
    assert entity_scores(GOLD, PREDICTED, ["loc", "per"]) == pytest.approx(
        {
            "f1": 2 * 2 / (3 + 4),
            "precision": 2 / 4,
            "recall": 2 / 3,
            "accuracy": 4 / 7,
            "f1_loc": 0.0,
            "precision_loc": 0.0,
            "recall_loc": 0.0,
            "f1_per": 1.0,
            "precision_per": 1.0,
            "recall_per": 1.0,
        }
    )


def test_an_entity_is_right_only_where_type_beginning_and_end_are() -> None:
    for wrong in ("B-a I-a I-a", "B-a O O", "B-b I-b O", "B-a B-a O"):
        assert entity_scores(split("B-a I-a O"), split(wrong), ["a", "b"])["f1"] == 0.0
    assert entity_scores(split("B-a I-a O"), split("B-a I-a O"), ["a", "b"])["f1"] == 1.0


def test_nothing_to_find_and_nothing_found_is_0() -> None:
    scores = entity_scores(split("O O"), split("O O"), ["a"])
    assert (scores["f1"], scores["precision"], scores["recall"], scores["accuracy"]) == (0.0, 0.0, 0.0, 1.0)


def test_types_are_left_out_where_they_are_not_asked_for_or_have_no_name() -> None:
    names = list(tally_entities(GOLD, PREDICTED, ["loc", "per"], entities, per_type=False).metrics)
    assert names == ["f1", "precision", "recall", "accuracy"]
    assert list(entity_scores(split("B I"), split("B I"), [""])) == names


def test_what_breaks_the_scheme_by_hand() -> None:
    gold = split("O I-a I-a B-b", "B-a I-b O I-b", "B-b B-b I-a")
    predicted = split("O B-a I-a I-b", "B-a B-b O I-b", "I-b B-b O")
    # Leniently 8 of gold and 7 predicted, all of them right. In iob2 of gold b 3 | a 0 | b 0, b 1 and of predicted
    # a 1-2 | a 0, b 1 | b 1, of which a 0 and b 1 are right.
    lenient = entity_scores(gold, predicted, ["a", "b"])
    assert (lenient["precision"], lenient["recall"]) == (7 / 7, 7 / 8)
    strict = entity_scores(gold, predicted, ["a", "b"], partial(strict_entities, scheme="iob2"))
    assert (strict["precision"], strict["recall"]) == (2 / 4, 2 / 4)


def test_scores_of_tags_by_hand() -> None:
    scores = scores_of(tally_tags(split("N V N", "D"), split("N N N", "D"), ["D", "N", "V", "X"]))
    # D: 1; N: right 2, predicted 3, gold 2; V: never predicted; X: neither.
    assert scores == pytest.approx({"accuracy": 3 / 4, "macro_f1": (1 + 2 * 2 / 5 + 0 + 0) / 4})


def tagged(tags: Sequence[str]) -> st.SearchStrategy[tuple[Sentences, Sentences]]:
    sentence = st.lists(st.tuples(st.sampled_from(tags), st.sampled_from(tags)), min_size=1, max_size=6)
    return st.lists(sentence, min_size=1, max_size=3).map(
        lambda found: ([[g for g, _ in words] for words in found], [[p for _, p in words] for words in found])
    )


def check_against_seqeval(gold: Sentences, predicted: Sentences, ours: dict[str, float], **options: Any) -> None:
    metrics = pytest.importorskip("seqeval.metrics")
    options |= {"zero_division": 0}
    for name in ("precision", "recall", "f1"):
        theirs: Callable[..., float] = getattr(metrics, f"{name}_score")
        assert ours[name] == pytest.approx(float(theirs(gold, predicted, **options)), abs=1e-12)
    assert ours["accuracy"] == pytest.approx(metrics.accuracy_score(gold, predicted))
    report = metrics.classification_report(gold, predicted, output_dict=True, **options)
    for kind in ("x", "y"):
        for name, theirs_called in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            theirs_of_type = report[kind][theirs_called] if kind in report else 0.0
            assert ours[f"{name}_{kind}"] == pytest.approx(float(theirs_of_type), abs=1e-12)


@pytest.mark.parametrize("letters", ["BI", "BIES"])
@settings(max_examples=50)
@given(data=st.data())
def test_lenient_scores_are_those_of_seqeval(letters: str, data: st.DataObject) -> None:
    gold, predicted = data.draw(tagged(["O", *(f"{letter}-{kind}" for letter in letters for kind in "xy")]))
    if not any(map(entities, (*gold, *predicted))):
        return  # of which seqeval's report takes the mean of nothing
    check_against_seqeval(gold, predicted, entity_scores(gold, predicted, ["x", "y"]))


@pytest.mark.parametrize(
    ("scheme", "theirs"), [("iob1", "IOB1"), ("iob2", "IOB2"), ("bilou", "BILOU"), ("iobes", "IOBES")]
)
@settings(max_examples=50)
@given(data=st.data())
def test_strict_scores_are_those_of_seqeval(scheme: Any, theirs: str, data: st.DataObject) -> None:
    schemes = pytest.importorskip("seqeval.scheme")
    gold, predicted = data.draw(tagged(tags_of_types("xy", scheme)))
    ours = entity_scores(gold, predicted, ["x", "y"], partial(strict_entities, scheme=scheme))
    if not any(strict_entities(tags, scheme) for tags in (*gold, *predicted)):
        return  # of which seqeval's report takes the mean of nothing
    check_against_seqeval(gold, predicted, ours, mode="strict", scheme=getattr(schemes, theirs))
