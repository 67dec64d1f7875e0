"""The answers that a data set gives: how they are written, where in their context they stand, and what is wrong there.

In examples they are the column ``label``, of each question a tuple of (text, character at which it begins).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.task import Examples, Fault, Table
from bertcli.errors import InputFileError

Answers = tuple[tuple[str, int], ...]
"""Each answer's text and the character at which it begins; -1 where that is not said."""

_FORMS = 'expected {"text": […], "answer_start": […]}, or a list of {"text": …, "answer_start": …}'
_SHOWN = 40
"""Characters of an answer that a message shows."""


def answers_cell(table: Table, column: str, row: int) -> Answers | None:
    """The answers in a cell, none or several; None where nothing is said of them.

    Raises ``InputFileError`` with file and line where it holds anything else.
    """
    cell = table.columns[column][row]
    if cell is None:
        return None
    try:
        return tuple(_pairs(cell))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputFileError(
            f"the column {column!r} holds no answers here", path=table.path, line=table.lines[row], hint=_FORMS
        ) from error


def _pairs(cell: Any) -> Iterator[tuple[str, int]]:
    if isinstance(cell, dict):
        texts = cell["text"]
        starts = cell.get("answer_start", [-1] * len(texts))
        pairs = list(zip(texts, starts, strict=True))
    else:
        pairs = [(answer["text"], answer.get("answer_start", -1)) for answer in cell]
    for text, start in pairs:
        if not isinstance(text, str) or isinstance(start, bool) or int(start) != start:
            raise TypeError
        yield text, int(start)


def places(examples: Examples) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(examples,) the characters at which the first answer of each that stands in its context begins and ends.

    Both are -1 where there is none.
    """
    found = np.full((len(examples), 2), -1, dtype=np.int64)
    for row, (context, answers) in enumerate(zip(examples.columns["context"], examples.columns["label"], strict=True)):
        for text, start in answers:
            place = start if stands_at(context, text, start) else nearest_place(context, text, start)
            if place is not None:
                found[row] = place, place + len(text)
                break
    return found[:, 0], found[:, 1]


def stands_at(context: str, text: str, start: int) -> bool:
    """Whether the text stands at that character of the context."""
    return start >= 0 and context.startswith(text, start)


def nearest_place(context: str, text: str, start: int) -> int | None:
    """The character nearest to ``start`` at which the text stands, of two the first; None where it stands nowhere."""
    before = context.rfind(text, 0, max(start, 0) + len(text))
    after = context.find(text, max(start, 0))
    return min((place for place in (before, after) if place >= 0), key=lambda place: abs(place - start), default=None)


def answer_faults(examples: Examples, *, no_answer: bool, find_answers: bool) -> Iterator[Fault]:
    """What is wrong with questions and their answers, in their order.

    ``no_answer``: a question may have none. ``find_answers``: an answer may stand elsewhere than is said.
    """
    contexts, questions = examples.columns["context"], examples.columns["question"]
    labels = examples.columns.get("label", [None] * len(examples))
    repeated = {name for name, count in Counter(examples.ids).items() if count > 1}
    for row, name in enumerate(examples.ids):
        where = (examples.paths[row], examples.lines[row])
        if not questions[row].strip():
            yield Fault("error", f"question {name!r} has no text", *where)
        if name in repeated:
            repeated.remove(name)
            yield Fault("warning", f"several questions have the id {name!r}; a file of answers holds one", *where)
        if labels[row] == () and not no_answer:
            yield Fault(
                "error",
                f"question {name!r} has no answer",
                *where,
                hint="where questions may have none, as in SQuAD 2.0: --set task_settings.no_answer=true",
            )
        if labels[row] and examples.columns["impossible"][row]:
            yield Fault("error", f"question {name!r} has an answer, and is_impossible says that it has none", *where)
        for text, start in labels[row] or ():
            if not text.strip():
                yield Fault("error", f"question {name!r}: an answer has no text", *where)
            elif not stands_at(contexts[row], text, start):
                what, hint = _misplaced(contexts[row], text, start)
                level: Literal["error", "warning"] = "warning" if find_answers else "error"
                yield Fault(level, f"question {name!r}: {what}", *where, hint=None if find_answers else hint)


def _misplaced(context: str, text: str, start: int) -> tuple[str, str]:
    """What is wrong with the place of an answer, and what to do."""
    what = f"the answer {_shown(text)} does not stand at character {start} of the context"
    if 0 <= start < len(context):
        what += f", but {_shown(context[start : start + len(text)])}"
    place = nearest_place(context, text, start)
    if place is None:
        return what, "it stands nowhere in it; --set task_settings.find_answers=true passes over such answers"
    return what, f"it stands at {place}; --set task_settings.find_answers=true takes answers from the nearest place"


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…")
