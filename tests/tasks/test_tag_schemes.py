"""Schemes of tags: entities and their spelling by hand, laws between them, and which scheme a file is in."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertcli.tasks._tag_schemes import (
    Entity,
    EntityScheme,
    detect,
    entities,
    faults,
    read_tag,
    spell,
    strict_entities,
    tags_of_types,
)

SCHEMES: tuple[EntityScheme, ...] = get_args(EntityScheme)

# "Kim Clark and New York City Hall Boston", with two places side by side; io cannot tell them apart.
WORDS = 7
FOUND = [Entity("per", 0, 2), Entity("loc", 3, 6), Entity("loc", 6, 7)]
SPELLED = {
    "iob1": "I-per I-per O I-loc I-loc I-loc B-loc",
    "iob2": "B-per I-per O B-loc I-loc I-loc B-loc",
    "bilou": "B-per L-per O B-loc I-loc L-loc U-loc",
    "iobes": "B-per E-per O B-loc I-loc E-loc S-loc",
    "bmes": "B-per E-per O B-loc M-loc E-loc S-loc",
}


@pytest.mark.parametrize("scheme", SPELLED)
def test_a_sentence_is_spelled_as_its_scheme_says(scheme: EntityScheme) -> None:
    assert spell(FOUND, WORDS, scheme) == SPELLED[scheme].split()
    assert entities(SPELLED[scheme].split()) == FOUND
    assert strict_entities(SPELLED[scheme].split(), scheme) == FOUND


def test_io_joins_entities_of_a_type_that_touch() -> None:
    tags = spell(FOUND, WORDS, "io")
    assert tags == ["I-per", "I-per", "O", "I-loc", "I-loc", "I-loc", "I-loc"]
    assert entities(tags) == [Entity("per", 0, 2), Entity("loc", 3, 7)]


def test_iob1_begins_with_b_only_behind_the_same_type() -> None:
    assert spell([Entity("a", 0, 1), Entity("b", 1, 2), Entity("b", 2, 3)], 3, "iob1") == ["I-a", "I-b", "B-b"]


@st.composite
def sentences(draw: st.DrawFn) -> tuple[list[Entity], int]:
    found, at = [], 0
    for gap, length, kind in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from("ab")))):
        found.append(Entity(kind, at + gap, at + gap + length))
        at += gap + length
    return found, at + draw(st.integers(0, 2))


@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if scheme != "io"])
@given(sentence=sentences())
def test_spelling_loses_nothing_and_is_legal(scheme: EntityScheme, sentence: tuple[list[Entity], int]) -> None:
    found, words = sentence
    tags = spell(found, words, scheme)
    assert entities(tags) == found
    assert strict_entities(tags, scheme) == found
    assert list(faults(tags, scheme)) == []
    assert set(tags) <= set(tags_of_types("ab", scheme))


@pytest.mark.parametrize("scheme", SCHEMES)
@given(data=st.data())
def test_legal_tags_are_read_alike_by_both_readings(scheme: EntityScheme, data: st.DataObject) -> None:
    tags = data.draw(st.lists(st.sampled_from(tags_of_types("ab", scheme)), max_size=6))
    if not list(faults(tags, scheme)):
        assert strict_entities(tags, scheme) == entities(tags)
        assert spell(entities(tags), len(tags), scheme) == tags


# By hand from conlleval's rules: an entity begins after O and where the type changes, whatever the letter.
@pytest.mark.parametrize(
    ("tags", "lenient", "strict"),
    [
        ("O I-a I-a", [("a", 1, 3)], []),
        ("B-a I-b", [("a", 0, 1), ("b", 1, 2)], [("a", 0, 1)]),
        ("B-a O I-a", [("a", 0, 1), ("a", 2, 3)], [("a", 0, 1)]),
        ("I-a B-a", [("a", 0, 1), ("a", 1, 2)], [("a", 1, 2)]),
        ("B-a B-a", [("a", 0, 1), ("a", 1, 2)], [("a", 0, 1), ("a", 1, 2)]),
    ],
)
def test_what_the_scheme_does_not_allow_counts_in_the_lenient_reading_alone(
    tags: str, lenient: list[tuple[str, int, int]], strict: list[tuple[str, int, int]]
) -> None:
    assert entities(tags.split()) == lenient
    assert strict_entities(tags.split(), "iob2") == strict


@pytest.mark.parametrize(
    ("tags", "strict"),
    [
        ("B-a I-a O", []),  # does not end
        ("B-a L-a", [("a", 0, 2)]),
        ("B-a L-b", []),
        ("U-a L-a", [("a", 0, 1)]),
        ("I-a L-a", []),
    ],
)
def test_strict_bilou_asks_for_a_beginning_and_an_end(tags: str, strict: list[tuple[str, int, int]]) -> None:
    assert strict_entities(tags.split(), "bilou") == strict


@pytest.mark.parametrize(
    ("scheme", "tags", "expected"),
    [
        ("iob2", "O I-a", [(1, "the tag 'I-a' may not follow 'O' in iob2")]),
        ("iob2", "I-a B-b", [(0, "the tag 'I-a' may not begin a sentence in iob2")]),
        ("iob2", "B-b I-a", [(1, "the tag 'I-a' may not follow 'B-b' in iob2")]),
        ("iob1", "B-a I-a", [(0, "the tag 'B-a' may not begin a sentence in iob1")]),
        ("iob1", "I-a B-a I-b", []),
        ("iob1", "I-a B-b", [(1, "the tag 'B-b' may not follow 'I-a' in iob1")]),
        ("bilou", "B-a O", [(1, "the tag 'O' may not follow 'B-a' in bilou")]),
        ("bilou", "O B-a", [(1, "the tag 'B-a' may not end a sentence in bilou")]),
        ("iobes", "S-a E-a", [(1, "the tag 'E-a' may not follow 'S-a' in iobes")]),
        ("io", "I-a I-b O I-a", []),
    ],
)  # fmt: skip
def test_what_is_not_legal_is_told_with_its_word(
    scheme: EntityScheme, tags: str, expected: list[tuple[int, str]]
) -> None:
    assert list(faults(tags.split(), scheme)) == expected


@pytest.mark.parametrize(
    ("written", "scheme"),
    [
        (["O B-a I-a", "B-b"], "iob2"),
        (["I-a I-a B-a O I-b"], "iob1"),
        (["I-a O"], "iob1"),
        (["B-a B-a"], "iob2"),
        (["B-a L-a U-b"], "bilou"),
        (["U-b O"], "bilou"),
        (["B-a E-a", "S-b"], "iobes"),
        (["B-a M-a E-a"], "bmes"),
        (["B I O"], "iob2"),
        (["O B-a I-a I-a", "B-a O I-a", "B-b B-a O"], "iob2"),  # one slip among four beginnings
        (["NN VBZ O"], None),
        (["B-a U-a E-a"], None),
        (["DET X"], None),
    ],
)
def test_a_scheme_is_told_by_its_letters_and_by_which_rule_is_broken_less(
    written: list[str], scheme: EntityScheme | None
) -> None:
    assert detect([tags.split() for tags in written]) == scheme


def test_types_may_have_hyphens_or_be_missing() -> None:
    assert read_tag("B-creative-work") == ("B", "creative-work")
    assert read_tag("I") == ("I", "")
    assert read_tag("L-x") == ("E", "x")
    assert [read_tag(tag) for tag in ("NN", "B-", "-LRB-", "", "b-x", "BX")] == [None] * 6
    assert tags_of_types([""], "iob2") == ["O", "B", "I"]
    assert tags_of_types(["a", "b"], "io") == ["O", "I-a", "I-b"]
