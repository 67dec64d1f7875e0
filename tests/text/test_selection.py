"""Which documents of a corpus are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bertcli.core import messages
from bertcli.errors import InputFileError
from bertcli.text.corpus import Selection, read_documents


@pytest.fixture
def notices(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []
    reporter = messages.Silence()
    monkeypatch.setattr(reporter, "notice", heard.append)
    monkeypatch.setattr(messages, "reporter", reporter)
    return heard


def kept(path: Path, texts: list[str], limit: int | None = None, **asked: Any) -> tuple[list[str], dict[str, int]]:
    path.joinpath("a.txt").write_text("\n\n".join(texts))
    selection = Selection(**asked)
    found = read_documents([path / "a.txt"], selection=selection, limit=limit)
    return [document.text for document in found], selection.dropped()


def test_without_a_word_every_document_is_kept(tmp_path: Path, notices: list[str]):
    assert kept(tmp_path, ["a", "b", "a"]) == (["a", "b", "a"], {"duplicates": 0, "short": 0})
    assert notices == []


def test_a_text_that_was_there_before_is_dropped(tmp_path: Path, notices: list[str]):
    assert kept(tmp_path, ["a", "b", "a", "A", "a b", "a  b", "b", "a"], deduplicate=True) == (
        ["a", "b", "A", "a b", "a  b"],
        {"duplicates": 3, "short": 0},
    )
    assert notices == ["3 documents dropped with the text of an earlier one (--deduplicate)"]


def test_the_same_characters_written_otherwise_are_the_same_text(tmp_path: Path):
    texts = ["caf\u00e9", "cafe\u0301", "cafe", "\ufb01", "fi"]
    assert kept(tmp_path, texts, deduplicate=True)[0] == ["caf\u00e9", "cafe", "\ufb01", "fi"]


def test_documents_with_fewer_characters_are_dropped(tmp_path: Path, notices: list[str]):
    texts = ["four", " 123\u3000\u00a0", "fünf", "𠀀𠀀𠀀", "a\nb\nc"]
    assert kept(tmp_path, texts, min_characters=4) == (["four", "fünf", "a\nb\nc"], {"duplicates": 0, "short": 2})
    assert notices == ["2 documents dropped with fewer than 4 characters (--min-characters 4)"]
    notices.clear()
    assert kept(tmp_path, ["ab", "c"], min_characters=2)[1] == {"duplicates": 0, "short": 1}
    assert notices == ["1 document dropped with fewer than 2 characters (--min-characters 2)"]


def test_a_limit_counts_what_is_kept(tmp_path: Path):
    texts = ["aa", "aa", "b", "cc", "dd", "dd"]
    found, dropped = kept(tmp_path, texts, limit=3, deduplicate=True, min_characters=2)
    assert found == ["aa", "cc", "dd"]
    assert dropped == {"duplicates": 1, "short": 1}


def test_a_corpus_of_short_documents_alone_is_refused(tmp_path: Path):
    with pytest.raises(InputFileError) as error:
        kept(tmp_path, ["aa", "b"], min_characters=1000)
    assert str(error.value) == f"no document of the corpus has 1,000 characters: {tmp_path / 'a.txt'}"
    assert error.value.hint == "ask for fewer with --min-characters"


def test_duplicates_are_found_across_files(tmp_path: Path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("one\n\ntwo")
    found = read_documents([tmp_path / "a.txt", tmp_path / "b.txt"], selection=Selection(deduplicate=True))
    assert [document.text for document in found] == ["one", "two"]
