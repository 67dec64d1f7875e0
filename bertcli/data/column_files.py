"""Files with a word on each line: CoNLL columns and CoNLL-U, read into sentences of words with their tags.

A blank line ends a sentence, and ``-DOCSTART-`` stands between documents. Columns stand between TABs where the first
word's line has one, and between spaces otherwise. Comments are known to CoNLL-U alone: elsewhere ``#`` is a word.

*Source*: Tjong Kim Sang and De Meulder 2003, section 2.1; https://universaldependencies.org/format.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bertcli.contracts.task import Table
from bertcli.core.component_folder import suggestion
from bertcli.data.tables import file_format, text_lines
from bertcli.errors import EmptyTableError, InputFileError

SUFFIXES = (".conll", ".conllu", ".bio", ".iob", ".txt", ".tsv")
"""What such files are usually called; by its full name any file is taken for one."""

CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
"""The names of the columns of CoNLL-U."""

TOKENS, TAGS, TOKEN_LINES, ID = "tokens", "tags", "token_lines", "id"
"""Columns of the table that is read: a sentence's words, their tags, the lines on which they stand, its name."""

_BETWEEN = " \t\r\n"  # no other space parts columns: a word may be, or hold, any of Unicode's
_DOCUMENT = "-DOCSTART-"
_SENTENCE_ID = re.compile(r"#\s*sent_id\s*=\s*(.*\S)")


@dataclass
class _Sentence:
    id: str | None = None
    words: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def read_columns(path: Path, *, words: Sequence[str] = (), tags: Sequence[str] = ()) -> Table:
    """The sentences of a file: ``tokens``, ``token_lines``, and ``tags`` where there is a column for them.

    ``words`` and ``tags`` name columns, the first that is there is taken: numbers, from the front (1) or the end (-1),
    or the names of CoNLL-U. By themselves they are the first and the last, of CoNLL-U FORM and UPOS. A line begins a
    sentence's entry in ``lines``. Raises ``InputFileError`` with file and line.
    """
    is_conllu = file_format(path, (".conllu",)) is not None
    sentences = [sentence for sentence in _sentences(path, words, tags, is_conllu=is_conllu) if sentence.words]
    if not sentences:
        raise EmptyTableError(
            "there is no sentence in the file", path=path, hint="a word and its tag stand on each line"
        )
    columns: dict[str, list[Any]] = {
        TOKENS: [sentence.words for sentence in sentences],
        TOKEN_LINES: [sentence.lines for sentence in sentences],
    }
    if sentences[0].tags:
        columns[TAGS] = [sentence.tags for sentence in sentences]
    names = [sentence.id for sentence in sentences]
    if None not in names:
        columns[ID] = names
    return Table(str(path), columns, [sentence.lines[0] for sentence in sentences])


def _sentences(path: Path, words: Sequence[str], tags: Sequence[str], *, is_conllu: bool) -> Iterator[_Sentence]:
    """Every sentence, also those without words."""
    layout: _Layout | None = None
    sentence = _Sentence()
    for number, line in text_lines(path):
        text = line.rstrip("\r\n")
        if is_conllu and text.startswith("#"):
            named = _SENTENCE_ID.match(text)
            sentence.id = named[1] if named else sentence.id
            continue
        if not text.strip(_BETWEEN) or text.startswith(_DOCUMENT):
            yield sentence
            sentence = _Sentence()
            continue
        layout = layout or _Layout.of(text, path, number, words, tags, is_conllu=is_conllu)
        cells = layout.cells(text, path, number)
        if is_conllu and not cells[0].isdecimal():  # 3-4 is a contraction of words 3 and 4, 3.1 a word left out
            continue
        word = cells[layout.word]
        if not word:
            raise InputFileError("an empty word", path=path, line=number, hint="a blank line ends a sentence")
        sentence.words.append(word)
        sentence.lines.append(number)
        if layout.tag is not None:
            tag = cells[layout.tag].strip(" ")
            if not tag:
                raise InputFileError(f"the word {word!r} has no tag", path=path, line=number)
            sentence.tags.append(tag)
    yield sentence


@dataclass(frozen=True)
class _Layout:
    """How the lines of a file are cut, as its first word's line tells."""

    separator: str | None
    count: int
    first_line: int
    word: int
    tag: int | None

    @classmethod
    def of(
        cls, text: str, path: Path, line: int, words: Sequence[str], tags: Sequence[str], *, is_conllu: bool
    ) -> _Layout:
        separator = "\t" if "\t" in text else None
        count = len(_cut(text, separator))
        names = CONLLU if is_conllu else ()
        if is_conllu and count != len(CONLLU):
            raise InputFileError(
                f"{count} columns on this line, CoNLL-U has {len(CONLLU)}",
                path=path,
                line=line,
                hint="a file of another kind of columns ends in .conll",
            )
        usual = ("form", "upos") if is_conllu else ("1", "-1")
        word = _place(words or usual[:1], count, names, path, line, flag="--text-column")
        tag = _place(tags or usual[1:], count, names, path, line, flag="--label-column")
        return cls(separator, count, line, word, tag if tag != word else None)

    def cells(self, text: str, path: Path, line: int) -> list[str]:
        """The cells of a line. Raises ``InputFileError`` where it has not as many as the first."""
        cells = _cut(text, self.separator)
        if len(cells) != self.count:
            columns, apart = "column" if len(cells) == 1 else "columns", "TABs" if self.separator else "spaces"
            raise InputFileError(
                f"{len(cells)} {columns} on this line, expected {self.count} as on line {self.first_line}",
                path=path,
                line=line,
                hint=f"columns stand between {apart} here, and a blank line ends a sentence",
            )
        return cells


def _cut(text: str, separator: str | None) -> list[str]:
    """``str.split`` without a separator would also cut at Unicode's spaces."""
    return text.split(separator) if separator else re.split("[ \t]+", text.strip(_BETWEEN))


def _place(wanted: Sequence[str], count: int, names: Sequence[str], path: Path, line: int, *, flag: str) -> int:
    """Where the first of the wanted columns stands, from 0. Raises ``InputFileError`` saying which there are."""
    for name in wanted:
        if name.lower() in names:
            return names.index(name.lower())
        if re.fullmatch(r"-?[1-9][0-9]*", name) and 1 <= abs(int(name)) <= count:
            return int(name) - 1 if int(name) > 0 else count + int(name)
    start = suggestion([name.lower() for name in wanted], names)
    known = f"columns: {', '.join(names)}" if names else f"columns are numbered from 1 to {count}, or from -1 backwards"
    raise InputFileError(
        f"no column {' or '.join(map(repr, wanted))}", path=path, line=line, hint=f"{start}{known}; choose with {flag}"
    )
