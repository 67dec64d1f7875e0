"""Files of questions with answers in SQuAD's JSON form, read into a table with a row for every question.

``{"data": [{"paragraphs": [{"context": …, "qas": [{"id": …, "question": …, "answers": […]}]}]}]}``; in the place of an
article there may be a plain row with ``question``, ``context`` and ``answers``, and the list may stand alone.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bertcli.contracts.task import Table
from bertcli.data.tables import text_lines
from bertcli.errors import EmptyTableError, InputFileError

Row = dict[str, Any]

_FORM = 'expected SQuAD\'s form: {"data": [{"paragraphs": [{"context": …, "qas": […]}]}]}'
_ID = re.compile(r'"id"\s*:\s*("(?:[^"\\]|\\.)*"|-?\d+)')


def read_squad(path: Path) -> Table:
    """The questions of a file with all that is said of each. Raises ``InputFileError`` naming the place in the file.

    ``lines`` are those on which the questions' ids stand; 1 where a question has none.
    """
    text = "".join(line for _, line in text_lines(path))
    try:
        rows = list(_rows(json.loads(text), path))
    except json.JSONDecodeError as error:
        raise InputFileError(
            f"not JSON: {error.msg}", path=path, line=error.lineno, hint="a file with a row on each line is .jsonl"
        ) from error
    except RecursionError as error:
        raise InputFileError("lists within lists without end", path=path, hint=_FORM) from error
    if not rows:
        raise EmptyTableError("the file has no questions", path=path, hint=_FORM)
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    lines = _lines(text, columns.get("id", [None] * len(rows)))
    if "\\ud" in text.lower():
        _refuse_lone_surrogates(rows, lines, path)
    return Table(str(path), columns, lines)


def _rows(values: Any, path: Path) -> Iterator[Row]:
    entries = values.get("data") if isinstance(values, dict) else values
    if not isinstance(entries, list):
        raise InputFileError("there is no list of articles", path=path, hint=_FORM)
    for number, entry in enumerate(entries, start=1):
        where = f"article {number}"
        if isinstance(entry, dict) and "paragraphs" in entry:
            yield from _of_article(entry, where, path)
        elif isinstance(entry, dict) and "question" in entry:
            yield entry
        else:
            raise InputFileError(f"{where} has no 'paragraphs'", path=path, hint=_FORM)


def _of_article(article: Row, where: str, path: Path) -> Iterator[Row]:
    for number, paragraph in enumerate(_list(article, "paragraphs", where, path), start=1):
        here = f"paragraph {number} of {where}"
        if not isinstance(paragraph, dict) or "context" not in paragraph:
            raise InputFileError(f"{here} has no 'context'", path=path, hint=_FORM)
        for question in _list(paragraph, "qas", here, path):
            if not isinstance(question, dict):
                raise InputFileError(f"a question in {here} is no object", path=path, hint=_FORM)
            yield {**question, "context": paragraph["context"]}


def _list(holder: Row, name: str, where: str, path: Path) -> list[Any]:
    values = holder.get(name)
    if not isinstance(values, list):
        raise InputFileError(f"{where} has no list {name!r}", path=path, hint=_FORM)
    return values


def _lines(text: str, ids: Sequence[Any]) -> list[int]:
    """(questions,) the line on which each id first stands in the file."""
    ends = [found.start() for found in re.finditer("\n", text)]
    if len(ends) < 2:
        return [1] * len(ids)
    lines: dict[Any, int] = {}
    for found in _ID.finditer(text):
        lines.setdefault(json.loads(found[1]), bisect_left(ends, found.start()) + 1)
    return [lines.get(one, 1) if isinstance(one, str | int) else 1 for one in ids]


def _refuse_lone_surrogates(rows: Sequence[Row], lines: Sequence[int], path: Path) -> None:
    for row, line in zip(rows, lines, strict=True):
        try:
            json.dumps(row, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise InputFileError(
                f"question {row.get('id')!r} has half of a surrogate pair, which is no character", path=path, line=line
            ) from error
