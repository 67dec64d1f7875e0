"""Sentences of tagged words, taken from tables whose cells are lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bertcli.contracts.task import Examples, Table
from bertcli.data import tables
from bertcli.data.column_files import TAGS, TOKEN_LINES, TOKENS
from bertcli.errors import InputFileError

_USUAL_TOKENS = (TOKENS, "words")
_USUAL_TAGS = (TAGS, "ner_tags", "labels", "upos", "pos_tags")


def select_words(
    given: Sequence[Table],
    split: str,
    *,
    labelled: bool,
    text_column: Sequence[str],
    label_column: Sequence[str],
    id_column: Sequence[str],
    labels: Sequence[str],
) -> tuple[Examples, int]:
    """Examples with ``tokens``, their ``token_lines`` and, where the split has tags, ``label``.

    Also how many rows have no words and are passed over. ``labels`` are the names of tags that are numbers. Raises
    ``InputFileError`` with file and line.
    """
    columns: dict[str, list[Any]] = {"tokens": [], "token_lines": []}
    ids: list[str] = []
    paths: list[str] = []
    lines: list[int] = []
    rows_before = empty = 0
    has_tags = labelled or all(_has_tags(table, label_column) for table in given)
    for table in given:
        from_columns = TOKEN_LINES in table.columns
        text = TOKENS if from_columns else tables.find_column(table, text_column or _USUAL_TOKENS, flag="--text-column")
        tags = _tag_column(table, label_column) if has_tags else None
        name = next((name for name in id_column if name in table.columns), None)
        for row, line in enumerate(table.lines):
            words = _words(table, text, row)
            if not words:
                empty += 1
                continue
            if tags is not None:
                columns.setdefault("label", []).append(_tags(table, tags, row, words, labels))
            columns["tokens"].append(words)
            columns["token_lines"].append(table.columns[TOKEN_LINES][row] if from_columns else [line] * len(words))
            ids.append(str(table.columns[name][row]) if name else str(rows_before + row))
            lines.append(line)
        paths += [table.path] * (len(lines) - len(paths))
        rows_before += len(table)
    if not lines:
        raise InputFileError(f"no sentence of the {split} split has words", path=given[0].path)
    return Examples(split, ids, columns, paths, lines), empty


def _has_tags(table: Table, wanted: Sequence[str]) -> bool:
    if TOKEN_LINES in table.columns:
        return TAGS in table.columns
    name = next((name for name in wanted or _USUAL_TAGS if name in table.columns), None)
    return name is not None and any(
        cell is not None and any(tag is not None for tag in cell) for cell in _lists(table, name)
    )


def _lists(table: Table, name: str) -> list[list[Any] | None]:
    return [cell if isinstance(cell, list) else None for cell in table.columns[name]]


def _tag_column(table: Table, wanted: Sequence[str]) -> str:
    if TOKEN_LINES not in table.columns:
        return tables.find_column(table, wanted or _USUAL_TAGS, flag="--label-column")
    if TAGS not in table.columns:
        raise InputFileError(
            "there is a single column, and no tags",
            path=table.path,
            line=table.lines[0],
            hint="each line has a word and, behind a space or a TAB, its tag",
        )
    return TAGS


def _words(table: Table, column: str, row: int) -> list[str]:
    cell = table.columns[column][row]
    path, line = table.path, table.lines[row]
    if not isinstance(cell, list):
        found = "nothing" if cell is None else f"a {type(cell).__name__}"
        raise InputFileError(
            f"the column {column!r} holds {found} here, expected a list of words", path=path, line=line
        )
    for number, word in enumerate(cell, start=1):
        if not isinstance(word, str):
            found = "nothing" if word is None else f"a {type(word).__name__}"
            raise InputFileError(f"word {number} of {len(cell)} is {found}, expected text", path=path, line=line)
        if not word:
            raise InputFileError(f"word {number} of {len(cell)} is empty", path=path, line=line)
    return cell


def _tags(table: Table, column: str, row: int, words: Sequence[str], labels: Sequence[str]) -> list[str]:
    cell = table.columns[column][row]
    path, line = table.path, table.lines[row]
    if not isinstance(cell, list):
        found = "nothing" if cell is None else f"a {type(cell).__name__}"
        raise InputFileError(f"the column {column!r} holds {found} here, expected a list of tags", path=path, line=line)
    if len(cell) != len(words):
        raise InputFileError(
            f"{len(words)} words and {len(cell)} tags, expected one for each word", path=path, line=line
        )
    tags = []
    for number, tag in enumerate(cell, start=1):
        if isinstance(tag, int) and not isinstance(tag, bool):
            if labels and not 0 <= tag < len(labels):
                raise InputFileError(
                    f"tag {number} of {len(cell)} is {tag}, expected 0 to {len(labels) - 1}",
                    path=path,
                    line=line,
                    hint=f"numbers stand for: {', '.join(labels)}",
                )
            tags.append(labels[tag] if labels else str(tag))
        elif isinstance(tag, str) and tag.strip():
            tags.append(tag.strip())
        else:
            found = "nothing" if tag is None or isinstance(tag, str) else f"a {type(tag).__name__}"
            raise InputFileError(f"tag {number} of {len(cell)} is {found}, expected a tag", path=path, line=line)
    return tags
