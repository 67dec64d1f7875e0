"""A vocabulary that grew from another is recognised, and each new piece by what its text was before."""

from __future__ import annotations

import pytest

from bertcli.text.bpe import learn_bpe
from bertcli.text.extension import extend
from bertcli.text.grown_vocabulary import GrownVocabulary, grown_from
from bertcli.text.pieces import SPECIALS
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_making import bpe_tokenizer, wordpiece_tokenizer

OLD = ["[PAD]", "[unused0]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "to", "##ma", "##to", "##t", "##o"]


def tokenizer(pieces: list[str], **rules: bool) -> Tokenizer:
    return wordpiece_tokenizer(pieces, lowercase=rules.pop("lowercase", True), **rules)


def test_new_pieces_come_from_the_pieces_of_their_text():
    grown = grown_from(tokenizer(OLD), tokenizer([*OLD, "tomato", "toto", "##tot", "☃", "##x"]))
    assert grown == GrownVocabulary(17, 12, {12: [7, 8, 9], 13: [7, 9], 14: [9, 10], 15: [3], 16: [3]})
    assert grown.replaced == 0


def test_unused_places_may_be_filled():
    extended = extend(OLD, ["tomato", "toto", "totoo"], fill_unused=True)
    grown = grown_from(tokenizer(OLD), tokenizer(extended.pieces))
    assert grown == GrownVocabulary(13, 12, {1: [7, 8, 9], 2: [7, 9], 12: [7, 9, 11]})
    assert grown.replaced == extended.filled == 2
    assert grown_from(tokenizer(OLD), tokenizer(extended.pieces[:12])) == GrownVocabulary(
        12, 12, {1: [7, 8, 9], 2: [7, 9]}
    )


@pytest.mark.parametrize(
    "pieces",
    [
        OLD[:-1],
        [*OLD[:-1], "##u", "tomato"],
        [*OLD[:7], "tomato", *OLD[7:]],
        ["[unused0]", "[PAD]", *OLD[2:], "tomato"],
        ["[PAD]", "[UNK]", *OLD[2:3], "[unused0]", *OLD[4:], "tomato"],
    ],
    ids=["shorter", "another piece", "ids moved", "a special moved", "a special in an unused place"],
)
def test_any_other_difference_is_none_of_growth(pieces: list[str]):
    assert grown_from(tokenizer(OLD), tokenizer(pieces)) is None


def test_other_rules_are_none_of_growth():
    old, more = tokenizer(OLD), [*OLD, "tomato"]
    assert grown_from(old, tokenizer(more, lowercase=False)) is None
    assert grown_from(old, tokenizer(more, strip_accents=False)) is None
    learned = learn_bpe({"lower": 9, "low": 9}, size=30)
    bpe = bpe_tokenizer(learned.pieces, learned.merges, lowercase=True)
    assert grown_from(bpe, bpe) is None
    assert grown_from(tokenizer(list(SPECIALS)), bpe) is None
