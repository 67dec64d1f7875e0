"""Texts one by one, from lines, a table or standard input; an empty line is a text too: order and count stay."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from bertcli.core.messages import notice
from bertcli.errors import InputFileError
from bertcli.text.finding import file_format
from bertcli.text.lines import Errors, read_lines, read_stream
from bertcli.text.records import TABLE_SUFFIXES, read_records

STANDARD_INPUT = "-"


def read_texts(source: str, *, text_column: str, errors: Errors) -> Iterator[str]:
    """The texts of a file with one a line, of a table's column, or of standard input (``-``), one a line.

    A row without text is an empty one, and said to be. Raises ``InputFileError`` saying where.
    """
    if source == STANDARD_INPUT:
        return read_stream(sys.stdin.buffer, errors=errors)
    path = Path(source)
    if not path.exists():
        raise InputFileError("no such file", path=path, hint="give a text file, a table, or - for standard input")
    if path.is_dir():
        raise InputFileError("a directory, not a file", path=path, hint="give one of the files in it")
    suffix = file_format(path)
    if suffix in TABLE_SUFFIXES:
        return _cells(path, suffix, text_column, errors)
    return read_lines(path, errors=errors)


def _cells(path: Path, suffix: str, text_column: str, errors: Errors) -> Iterator[str]:
    without = 0
    for record in read_records(path, suffix, text_column=text_column, group_column=None, errors=errors):
        without += record.text is None
        yield record.text or ""
    if without:
        notice(f"{path}: rows without text in {text_column!r}, which have the vector of an empty text: {without:,}")
