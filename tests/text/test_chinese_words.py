"""Where words of Chinese begin, with flags written out by hand, and jieba against its own published examples."""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertcli.errors import UserError, VocabularyError
from bertcli.text import tokenizer as tokenizer_module
from bertcli.text import word_cache
from bertcli.text.chinese_words import JiebaWords, check_words, split_spaced_sentences
from bertcli.text.normalization import Normalization
from bertcli.text.pieces import SPECIALS
from bertcli.text.sentences import split_sentences
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_making import bpe_tokenizer, wordpiece_tokenizer

PIECES = [
    *SPECIALS,
    *"我们喜欢北京来到清华大学天安门月，。“”3ab",
    "bert",
    "##cli",
    "##们",
    "20",
    "##08",
    "テ",
    "##スト",
]


def tokenizer(**rules: Any) -> Tokenizer:
    return wordpiece_tokenizer(PIECES, **{"lowercase": True} | rules)


def marked(text: str, cutter: Tokenizer | None = None) -> str:
    """Its pieces, a bar before each that begins a word."""
    cutter = cutter or tokenizer()
    encoded = cutter.encode_with([text], word_starts=True)
    assert encoded.word_starts is not None
    pieces = cutter.pieces(encoded.ids)
    return " ".join("|" * begins + piece for piece, begins in zip(pieces, encoded.word_starts.tolist(), strict=True))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我们 喜欢 北京", "|我 们 |喜 欢 |北 京"),
        ("我们喜欢 北京", "|我 们 喜 欢 |北 京"),
        ("我们 喜欢，北京。", "|我 们 |喜 欢 |， |北 京 |。"),
        ("BERTcli 2008 bert3", "|bert ##cli |20 ##08 |[UNK]"),
        ("我们bertcli北京 3月", "|我 们 |bert ##cli |北 京 |3 |月"),
        ("我。们 “我们”", "|我 |。 |们 |“ |我 们 |”"),
        ("我\u3000们\t喜\u00a0欢", "|我 |们 |喜 |欢"),
        ("我  们 a  b", "|我 |们 |a |b"),
        ("我\u200b们", "|我 们"),
        ("大龘学", "|大 [UNK] 学"),  # an ideograph without a piece is part of its word
        ("テスト北京", "|テ ##スト |北 京"),
        ("", ""),
    ],
)
def test_ideographs_between_spaces_are_a_word_and_all_else_as_bert_cuts_it(text, expected):
    assert marked(text) == expected


def test_where_ideographs_are_joined_a_word_is_what_stands_between_spaces():
    assert marked("我们 我\u3000\u3000们 我们3", tokenizer(tokenize_chinese_chars=False)) == "|我 ##们 |我 |们 |[UNK]"


def test_bpe_knows_its_words_without_a_mark_of_continuation():
    pieces = [*SPECIALS, "a", "b", "b</w>", "我</w>", "们</w>"]
    assert marked("ab 我们 b", bpe_tokenizer(pieces, [], lowercase=True)) == "|a b</w> |我</w> 们</w> |b</w>"


def test_ideographs_of_a_piece_are_counted_where_it_has_nothing_else():
    cutter = wordpiece_tokenizer([*SPECIALS, "我", "##们", "我们", "我a", "，", "々"], lowercase=True)
    assert cutter.ideographs.tolist() == [0, 0, 0, 0, 0, 1, 1, 2, 0, 0, 0]


TEXT = st.text(
    alphabet=st.one_of(
        st.sampled_from(list("我们喜欢北京来到清华大学龘㐀豈𠀀\U0002f800")),
        st.sampled_from(list(" \t\n\u3000\u00a0\u200b\u0301，。“”…aB3-é々〇テｶﾞ한\x00")),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(TEXT, max_size=4))
@pytest.mark.parametrize("joined", [False, True])
def test_the_ids_are_those_without_word_starts_and_every_text_begins_a_word(joined, texts):
    cutter = tokenizer(tokenize_chinese_chars=not joined)
    plain, encoded = cutter.encode_all(texts), cutter.encode_with(texts, word_starts=True)
    assert plain.word_starts is None
    assert encoded.ids.tolist() == plain.ids.tolist()
    assert encoded.ends.tolist() == plain.ends.tolist()
    assert encoded.word_starts is not None
    assert encoded.word_starts.dtype == np.bool_
    assert encoded.word_starts.shape == encoded.ids.shape
    begins = [0, *encoded.ends[:-1].tolist()]
    assert all(encoded.word_starts[start] for start, end in zip(begins, encoded.ends, strict=False) if start < end)
    assert not encoded.word_starts[cutter.continuation[encoded.ids]].any()


def test_words_that_were_met_keep_their_flags_when_the_cache_starts_anew(monkeypatch):
    cutter = tokenizer()
    expected = [marked(text, cutter) for text in ("我们 喜欢", "喜欢我们 bertcli")]
    monkeypatch.setattr(word_cache, "_MOST_PIECES", 1)
    assert [marked(text, cutter) for text in ("我们 喜欢", "喜欢我们 bertcli")] == expected


def test_a_long_text_is_cut_without_cutting_a_word(monkeypatch):
    text = "我们喜欢北京 来到，清华大学a" * 20
    expected = marked(text)
    for longest in (3, 4, 5, 7, 50):
        cutter = tokenizer()
        monkeypatch.setattr(tokenizer_module, "LONGEST_TEXT", longest)
        monkeypatch.setattr(tokenizer_module.cut_long, "__kwdefaults__", {"at_ideographs": True, "longest": longest})
        assert marked(text, cutter) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我 喜欢 。 他 来 了 ！ 走", ["我 喜欢 。", "他 来 了 ！", "走"]),
        ("老人 曰 ： “ 我 来 。 ” 他 走 。", ["老人 曰 ： “ 我 来 。 ”", "他 走 。"]),
        ("《 你好 ！ 》 是 书 。 好", ["《 你好 ！ 》 是 书 。", "好"]),
        ('他 说 ： " 来 ？ " 我 来 。', ['他 说 ： " 来 ？ "', "我 来 。"]),
        ("他\u3000来\u3000。\u3000”\u3000我\u3000走", ["他\u3000来\u3000。\u3000”", "我\u3000走"]),
        ("一 来 ． 二 来 ． 3 ． 5", ["一 来 ．", "二 来 ．", "3 ． 5"]),
        ("He came. 我 走 。", ["He came.", "我 走 。"]),
        ("It is. “ And so. ” It was!\n第一\n 我 走", ["It is.", "“ And so.", "” It was!", "第一", "我 走"]),
    ],
)
def test_a_sentence_of_spaced_words_ends_where_it_ends_without_the_spaces(text, expected):
    assert split_spaced_sentences(text) == expected


@settings(max_examples=200, deadline=None)
@given(text=TEXT, wide=st.text("我他。！？”“》《…", max_size=30))
def test_no_character_is_lost_and_spaces_between_words_change_no_sentence(text, wide):
    assert "".join("".join(split_spaced_sentences(text)).split()) == "".join(text.split())
    spaced = ["".join(sentence.split()) for sentence in split_spaced_sentences("我" + " ".join(wide))]
    assert spaced == split_sentences("我" + wide)


@given(text=st.text("He said. “Go!” (Mr. B) said… ‘no’ 12.5\n", max_size=60))
@settings(max_examples=100, deadline=None)
def test_sentences_without_ideographs_are_as_ever(text):
    assert split_spaced_sentences(text) == split_sentences(text)


@pytest.fixture(scope="module")
def jieba_words() -> JiebaWords:
    return JiebaWords()


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("我来到北京清华大学", "我 来到 北京 清华大学"),  # both are examples of jieba's own README
        ("他来到了网易杭研大厦", "他 来到 了 网易 杭研 大厦"),
        ("我们 喜欢，北京bert3月。", "我们 喜欢，北京bert3月。"),
        ("no ideograph, no work", "no ideograph, no work"),
        ("", ""),
    ],
)
def test_jieba_puts_spaces_between_ideographs_alone(jieba_words, sentence, expected):
    assert jieba_words(sentence) == expected


def test_words_that_jieba_found_are_marked(jieba_words):
    assert (
        marked(jieba_words("我来到北京清华大学bertcli，我们"))
        == "|我 |来 到 |北 京 |清 华 大 学 |bert ##cli |， |我 们"
    )


@settings(max_examples=150, deadline=None)
@given(text=TEXT)
@pytest.mark.parametrize("form", ["none", "nfc", "nfkc"])
def test_the_spaces_that_jieba_puts_change_no_id(jieba_words, form: Normalization, text):
    cutter = tokenizer(normalization=form)
    spaced = jieba_words(text)
    assert "".join(spaced.split()) == "".join(text.split())
    assert cutter.encode([spaced])[0].tolist() == cutter.encode([text])[0].tolist()


def test_jieba_is_silent_and_leaves_nothing_in_the_folder_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert JiebaWords()("北京清华大学") == "北京 清华大学"
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_without_jieba_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(UserError) as error:
        check_words("jieba", tokenizer())
    assert (error.value.message, error.value.hint) == (
        "--words jieba needs the package jieba",
        "pip install 'bertcli[chinese]'",
    )
    check_words("spaces", tokenizer())


def test_jieba_needs_a_vocabulary_that_cuts_ideographs_apart():
    with pytest.raises(VocabularyError, match="cuts every ideograph alone, and this one joins them"):
        check_words("jieba", tokenizer(tokenize_chinese_chars=False))


@pytest.mark.parametrize("words", ["spaces", "jieba"])
def test_words_need_a_vocabulary_that_splits_as_bert(words):
    cutter: Any = SimpleNamespace(cuts_as_bert=False)
    check_words("none", cutter)
    with pytest.raises(VocabularyError, match=f"--words {words} needs a vocabulary that splits text as BERT does"):
        check_words(words, cutter)
