"""A corpus: files of text or tables, found, opened and read document by document in constant memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from bertcli.core import fingerprints
from bertcli.core.messages import notice
from bertcli.errors import ConfigError, InputFileError
from bertcli.text.finding import file_format, find_files
from bertcli.text.lines import Errors, has_blank_lines, read_lines, read_whole_lines
from bertcli.text.records import TABLE_SUFFIXES, Record, read_records
from bertcli.text.remote_files import CorpusFile, RemoteFile
from bertcli.text.selection import Selection
from bertcli.text.spans import Spans

__all__ = ["Document", "Selection", "file_fingerprint", "find_files", "fingerprint", "read_documents"]

DEFAULT_TEXT_COLUMN = "text"

Documents = Literal["auto", "blank-line", "line", "file", "row"]
_Found = tuple[int, str, str | None, Spans]
"""Line, text, group and spans of a document."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document: its text, the group that it is held out with, and where it begins (lines and rows from 1).

    ``spans`` are those that its table tells of.
    """

    text: str
    group: str | None
    path: str
    line: int
    spans: Spans = ()


def read_documents(
    files: Sequence[CorpusFile],
    *,
    documents: Documents = "auto",
    text_column: str | None = None,
    group_column: str | None = None,
    spans_column: str | None = None,
    errors: Errors = "strict",
    selection: Selection | None = None,
    limit: int | None = None,
    share_of: Sequence[CorpusFile] | None = None,
) -> Iterator[Document]:
    """The documents of all files in order that are kept, at most ``limit``; texts of white space alone are none.

    ``auto``: a row of a table is a document; in a text file blank lines stand between documents, and where there is
    none, every line is one. Raises ``InputFileError`` where a file does not hold what is asked, or none holds a
    document; ``ConfigError`` where a column is named and no file is a table. Where ``files`` are a share of a corpus
    they may hold no document and no table.
    """
    if not any(file_format(file) in TABLE_SUFFIXES for file in share_of or files):
        columns = {"--text-column": text_column, "--group-column": group_column, "--spans-column": spans_column}
        for flag, column in columns.items():
            if column is not None:
                raise ConfigError(
                    f"{flag} {column}: no file of the corpus is a table", hint="text files have no columns"
                )
    reader = _Reader(documents, text_column or DEFAULT_TEXT_COLUMN, group_column, spans_column, errors)
    selection = selection or Selection()
    found = (document for file in files for document in reader.read(file) if selection.keeps(document.text))
    count = 0
    for document in islice(found, limit):
        count += 1
        yield document
    reader.tell_skipped()
    selection.tell()
    if not count and share_of is None:
        names = ", ".join(map(str, files[:3])) + (", …" if len(files) > 3 else "")
        if selection.short:
            raise InputFileError(
                f"no document of the corpus has {selection.min_characters:,} characters: {names}",
                hint="ask for fewer with --min-characters",
            )
        raise InputFileError(
            f"no document in the corpus: {names}", hint="a document needs a character that is no space"
        )


def fingerprint(files: Sequence[CorpusFile]) -> str:
    """SHA-256 over the contents of the files as they are on disk, in their order; their names do not matter."""
    return fingerprints.of_value(list(map(file_fingerprint, files)))


def file_fingerprint(file: CorpusFile) -> str:
    """SHA-256 of a file as it is on disk.

    Of a remote file, which would have to be read once more, it knows the address and the version instead.
    """
    return file.version() if isinstance(file, RemoteFile) else fingerprints.of_file(file)


class _Reader:
    """Reads one file after the other, and counts what it passed over."""

    def __init__(
        self,
        documents: Documents,
        text_column: str,
        group_column: str | None,
        spans_column: str | None,
        errors: Errors,
    ) -> None:
        self.documents = documents
        self.text_column = text_column
        self.group_column = group_column
        self.spans_column = spans_column
        self.errors = errors
        self.rows_without_text = 0

    def read(self, path: CorpusFile) -> Iterator[Document]:
        is_table = file_format(path) in TABLE_SUFFIXES
        kind = self.documents
        if kind == "auto":
            kind = "row" if is_table else self._kind_of_text(path)
        if is_table and kind in ("line", "blank-line"):
            raise InputFileError(f"--documents {kind} is for text files, and this is a table", path=path, hint=_WAYS)
        if not is_table and kind == "row":
            raise InputFileError("--documents row is for tables, and this is a text file", path=path, hint=_WAYS)
        found: Iterator[_Found]
        if is_table:
            found = self._rows(path) if kind == "row" else self._whole_table(path)
        else:
            found = ((line, text, None, ()) for line, text in self._texts(path, kind))
        for line, text, group, spans in found:
            if text and not text.isspace():
                yield Document(text, group, str(path), line, spans)

    def tell_skipped(self) -> None:
        if self.rows_without_text:
            many = self.rows_without_text > 1
            rows = f"{self.rows_without_text:,} rows have no text and were" if many else "1 row has no text and was"
            notice(f"{rows} passed over")

    def _kind_of_text(self, path: CorpusFile) -> Documents:
        if has_blank_lines(path):
            return "blank-line"
        notice(
            f"{path} has no blank line between two lines: every line is a document (--documents file takes it whole)"
        )
        return "line"

    def _texts(self, path: CorpusFile, kind: Documents) -> Iterator[tuple[int, str]]:
        if kind == "file":
            yield 1, "".join(read_whole_lines(path, errors=self.errors))
        elif kind == "line":
            yield from enumerate(read_lines(path, errors=self.errors), start=1)
        else:
            yield from _separated_by_blank_lines(read_whole_lines(path, errors=self.errors))

    def _rows(self, path: CorpusFile) -> Iterator[_Found]:
        for record in self._records(path):
            if record.text is None or not record.text or record.text.isspace():
                self.rows_without_text += 1
            else:
                yield record.line, record.text, record.group, record.spans

    def _whole_table(self, path: CorpusFile) -> Iterator[_Found]:
        groups: list[str | None] = []
        texts = []
        all_spans: list[tuple[int, int]] = []
        characters = 0
        for line, text, group, spans in self._rows(path):
            if groups and group != groups[0]:
                raise InputFileError(
                    f"--documents file with rows of several groups: {groups[0]!r} and {group!r}",
                    path=path,
                    line=line,
                    hint="leave --group-column or --documents out",
                )
            groups.append(group)
            texts.append(text)
            all_spans += [(start + characters, end + characters) for start, end in spans]
            characters += len(text) + 1
        if texts:
            yield 1, "\n".join(texts), groups[0], tuple(all_spans)

    def _records(self, path: CorpusFile) -> Iterator[Record]:
        return read_records(
            path,
            str(file_format(path)),
            text_column=self.text_column,
            group_column=self.group_column,
            spans_column=self.spans_column,
            errors=self.errors,
        )


_WHITE_BEGINS_LINE = re.compile(r"\n[^\S\n]")
_WAYS = "--documents auto takes rows of tables, and lines or blank-line blocks of text files"


def _separated_by_blank_lines(blocks: Iterable[str]) -> Iterator[tuple[int, str]]:
    """What stands between blank lines in blocks of whole lines, with the number of its first line."""
    waiting: list[str] = []  # of a text that may go on in the next block
    begins = number = 1
    for block in map(_with_empty_blank_lines, blocks):
        if waiting and block.startswith("\n"):
            yield begins, "".join(waiting).strip("\n")
            waiting = []
        *ended, rest = block.split("\n\n")
        for piece in ended:
            if not waiting:
                begins = number + _leading_lines(piece)
            text = "".join((*waiting, piece)).strip("\n")
            if text:
                yield begins, text
            waiting = []
            number += piece.count("\n") + 2
        if not waiting:
            begins = number + _leading_lines(rest)
        if rest.strip("\n"):
            waiting.append(rest)
        number += rest.count("\n")
    if waiting:
        yield begins, "".join(waiting).strip("\n")


def _with_empty_blank_lines(block: str) -> str:
    """Whole lines, of which those of white space alone lose it."""
    if not block[0].isspace() and not _WHITE_BEGINS_LINE.search(block):
        return block
    return "\n".join("" if line.isspace() else line for line in block.split("\n"))


def _leading_lines(piece: str) -> int:
    """Empty lines at the beginning."""
    return len(piece) - len(piece.lstrip("\n"))
