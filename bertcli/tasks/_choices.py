"""Questions with choices as tables have them: SWAG's columns, RACE's lists, ARC's lists with letters of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from bertcli.contracts.task import Table
from bertcli.data import tables
from bertcli.errors import InputFileError


@dataclass(frozen=True)
class Choices:
    """The choices of one question, and what the table calls each of them, if anything."""

    texts: tuple[str, ...]
    labels: tuple[str, ...] = ()


def choices_in_columns(table: Table, columns: Sequence[str]) -> list[Choices]:
    """One choice in each of these columns. Raises ``InputFileError`` where one is not there or holds no text."""
    for name in columns:
        tables.find_column(table, (name,), flag="task_settings.choice_columns")
    return [Choices(tuple(tables.text_cell(table, name, row) for name in columns)) for row in range(len(table))]


def choices_in_lists(table: Table, column: str) -> list[Choices]:
    """All choices in one cell: a list of texts or of ``{text, label}``, or ``{text: […], label: […]}``.

    Raises ``InputFileError`` with file and row where it is something else.
    """
    found = []
    for row, cell in enumerate(table.columns[column]):
        choices = _choices(cell["choices"] if isinstance(cell, dict) and "choices" in cell else cell)
        if choices is None:
            raise InputFileError(
                f"the column {column!r} holds no list of texts here, expected the choices",
                path=table.path,
                line=table.lines[row],
                hint="choices in columns of their own are named by --set task_settings.choice_columns=[A,B]",
            )
        found.append(choices)
    return found


def _choices(cell: Any) -> Choices | None:
    labels: Any = ()
    texts: Any = cell
    if isinstance(cell, dict):
        texts, labels = cell.get("text"), cell.get("label", ())
    elif isinstance(cell, list) and cell and all(isinstance(one, dict) for one in cell):
        texts = [one.get("text") for one in cell]
        labels = [one["label"] for one in cell if "label" in one]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return None
    if not isinstance(labels, list | tuple) or (labels and len(labels) != len(texts)):
        return None
    return Choices(tuple(texts), tuple(map(str, labels)))


def letter(number: int) -> str:
    """The letter of a choice, from A."""
    return ascii_uppercase[min(number, len(ascii_uppercase) - 1)]


def answer_of(written: str, choices: Choices, *, first: int) -> int | None:
    """Which choice an answer names, from 0; None where it names none.

    Names that the table gives its choices come first; then numbers, of which the lowest is ``first``; then letters.
    """
    if written in choices.labels:
        return choices.labels.index(written)
    if written.isdecimal():
        number = int(written) - first
    elif len(written) == 1 and written.upper() in ascii_uppercase:
        number = ascii_uppercase.index(written.upper())
    else:
        return None
    return number if 0 <= number < len(choices.texts) else None
