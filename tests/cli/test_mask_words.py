"""``mask build --words``, and what ``vocab build`` makes of Chinese."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import datasets
import numpy as np
import pytest

from bertcli.data import building
from bertcli.data.opening import DataDirectory
from bertcli.data.token_store import open_split

SENTENCES = ("我们 喜欢 北京 。", "他 来到 清华大学 ， 带 着 linux 和 书 。", "天安门 在 北京 ： “ 好 ！ ” 我们 说 。")
DOCUMENTS = [f"{SENTENCES[number % 3]} {SENTENCES[(number + 1) % 3]}" for number in range(24)]
WORDS = {
    0: ["我们", "喜欢", "北京", "。"],
    1: ["他", "来到", "清华大学", "，", "带", "着", "linux", "和", "书", "。"],
    2: ["天安门", "在", "北京", "：", "“", "好", "！", "”", "我们", "说", "。"],
}


@pytest.fixture
def chinese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bertcli) -> Path:
    """A folder with a corpus of spaced words, the same without spaces, and its vocabulary."""
    monkeypatch.chdir(tmp_path)
    Path("spaced.txt").write_text("\n".join(DOCUMENTS), encoding="utf-8")
    Path("plain.txt").write_text("\n".join(DOCUMENTS).replace(" ", ""), encoding="utf-8")
    assert bertcli("vocab", "build", "spaced.txt", "--size", 120).code == 0
    return tmp_path


def build(bertcli, corpus, *options):
    outcome = bertcli("mask", "build", corpus, "--held-out", 0, "--json", *options)
    assert outcome.code == 0, outcome.err
    return outcome


def words_of(row: dict[str, list], pieces: list[str]) -> list[str]:
    words: list[str] = []
    for number, starts in zip(row["input_ids"], row["word_starts"], strict=True):
        if starts:
            words.append("")
        words[-1] += pieces[number].removeprefix("##")
    return words


def test_the_store_tells_where_the_words_between_spaces_begin(chinese, bertcli):
    report = build(bertcli, "spaced.txt", "--words", "spaces", "-o", "spaces").json()
    rows = datasets.load_from_disk("spaces")["train"]
    assert rows.features["word_starts"].feature.dtype == "bool"
    pieces = Path("spaces/vocab/vocab.txt").read_text("utf-8").splitlines()
    expected = [WORDS[number % 3] + WORDS[(number + 1) % 3] for number in range(24)]
    assert sorted(words_of(row, pieces) for row in rows) == sorted(expected)
    sentences = {0: 2, 1: 3, 2: 3}  # 好 ！ ” ends one
    found = [len(ends) for ends in rows["sentence_ends"]]
    assert sorted(found) == sorted(sentences[number % 3] for number in range(24))
    manifest = json.loads(Path("spaces/manifest.json").read_text())
    assert (manifest["words"], manifest["config"]["words"]) == ("spaces", "spaces")
    assert report["words"] == manifest["counts"]["train"]["words"] == sum(map(len, expected))
    data = DataDirectory.open(Path("spaces"))
    assert data.words == "spaces"
    kept = open_split(data, "train").gather("word_starts", np.array([0]), np.array([4]))
    assert kept.tolist() == rows[0]["word_starts"][:4]


def test_all_else_is_as_without_words(chinese, bertcli):
    report = build(bertcli, "spaced.txt", "-o", "without").json()
    build(bertcli, "spaced.txt", "--words", "spaces", "-o", "spaces")
    without, spaces = (datasets.load_from_disk(name)["train"] for name in ("without", "spaces"))
    assert without.column_names == ["input_ids", "sentence_ends"]
    assert without["input_ids"][:] == spaces["input_ids"][:]
    assert report["words"] is None
    assert json.loads(Path("without/manifest.json").read_text())["words"] == "none"
    assert DataDirectory.open(Path("without")).words == "none"


def test_jieba_tells_the_words_of_text_without_spaces(chinese, bertcli):
    build(bertcli, "plain.txt", "-o", "without")
    outcome = build(bertcli, "plain.txt", "--words", "jieba", "-o", "jieba")
    without, jieba = (datasets.load_from_disk(name)["train"] for name in ("without", "jieba"))
    assert without["input_ids"][:] == jieba["input_ids"][:]
    assert without["sentence_ends"][:] == jieba["sentence_ends"][:]
    pieces = Path("jieba/vocab/vocab.txt").read_text("utf-8").splitlines()
    found = {tuple(words_of(row, pieces)) for row in jieba}
    assert found == {(*WORDS[number], *WORDS[(number + 1) % 3]) for number in range(3)}
    assert "jieba" not in outcome.err.replace("--data jieba", "")


@pytest.mark.slow  # each process reads jieba's dictionary
def test_the_number_of_processes_changes_no_word(chinese, bertcli, monkeypatch):
    monkeypatch.setattr(building, "_CHARACTERS_PER_CALL", 100)
    for workers in (1, 3):
        build(bertcli, "plain.txt", "--words", "jieba", "--workers", workers, "-o", f"of-{workers}")
    stores = [Path(f"of-{workers}/train/data-00000.arrow").read_bytes() for workers in (1, 3)]
    assert stores[0] == stores[1]


def test_words_that_are_too_long_are_told(chinese, bertcli):
    assert "are there spaces between the words" not in build(bertcli, "spaced.txt", "--words", "spaces").err
    Path("clauses.txt").write_text("\n".join(["天安门在北京，linux我们喜欢北京。"] * 12), encoding="utf-8")
    said = build(bertcli, "clauses.txt", "--words", "spaces", "-o", "clauses").err
    assert "a word of Chinese has 6.0 ideographs on average: are there spaces between the words of this corpus?" in said
    assert "are there spaces" not in build(bertcli, "clauses.txt", "-o", "without").err


def test_the_report_tells_how_long_words_are(chinese, bertcli):
    build = ("mask", "build", "one.txt", "--held-out", 0, "--words", "spaces", "-o")
    Path("one.txt").write_text("我们 喜欢 天安门 ， linux 好 。", encoding="utf-8")
    assert "words      7, 2.00 ideographs in a word of Chinese" in bertcli(*build, "chinese").out
    Path("one.txt").write_text("linux linux .", encoding="utf-8")
    assert "words      3\n" in bertcli(*build, "latin").out


def test_without_jieba_nothing_is_begun(chinese, bertcli, monkeypatch):
    monkeypatch.setitem(sys.modules, "jieba", None)
    outcome = bertcli("mask", "build", "plain.txt", "--words", "jieba")
    assert outcome.code == 2
    assert "error: --words jieba needs the package jieba" in outcome.err
    assert "hint: pip install 'bertcli[chinese]'" in outcome.err
    assert not Path("bertcli-out/data").exists()


def test_static_rows_have_no_words(chinese, bertcli):
    outcome = bertcli("mask", "build", "spaced.txt", "--static", "--mlm", "--words", "spaces")
    assert outcome.code == 2
    assert "--words spaces is for a token store, or for masks that are told by words" in outcome.err
    assert "hint: add --mask-unit word, or leave out --static or --words" in outcome.err


def test_a_chinese_vocabulary_has_single_ideographs_and_latin_pieces(chinese):
    pieces = Path("bertcli-out/vocab/vocab.txt").read_text("utf-8").splitlines()
    ideographs = {piece for piece in pieces if any("\u4e00" <= character <= "\u9fff" for character in piece)}
    assert ideographs == set("我们喜欢北京他来到清华大学带着天安门在好说和书")
    assert {"，", "。", "：", "！", "“", "”"} <= set(pieces)
    assert "linux" in pieces
