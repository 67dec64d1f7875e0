"""The faults that a task finds in the content of examples, by kind: how many there are, and the first of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bertcli.contracts.task import Examples, Fault, Task
from bertcli.data.findings import Finding, Level, Place, Showing

# Quoted as repr does; an apostrophe inside a word opens no quotation.
_QUOTED = re.compile(r"""(?<!\w)(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")(?!\w)""")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\w)")


@dataclass
class _Kind:
    """Faults whose messages differ in what they quote alone."""

    level: Level
    message: str
    hint: str | None
    count: int = 0
    messages: set[str] = field(default_factory=set)
    hints: set[str | None] = field(default_factory=set)
    first: list[Fault] = field(default_factory=list)


def content_findings(task: Task, examples: Examples, showing: Showing) -> tuple[list[Finding], set[tuple[str, int]]]:
    """A finding for each kind of fault, in the order in which they are met, and the places of all errors.

    The task is fitted.
    """
    kinds: dict[tuple[str, str, str | None], _Kind] = {}
    errors: set[tuple[str, int]] = set()
    for fault in task.faults(examples):
        if fault.level == "error":
            errors.add((fault.path, fault.line))
        message, hint = kind_of(fault.message), fault.hint and kind_of(fault.hint)
        kind = kinds.setdefault((fault.level, message, hint), _Kind(fault.level, message, hint))
        kind.count += 1
        kind.messages.add(fault.message)
        kind.hints.add(fault.hint)
        if len(kind.first) < showing.examples:
            kind.first.append(fault)
    return [_finding(kind, examples, showing) for kind in kinds.values()], errors


def _finding(kind: _Kind, examples: Examples, showing: Showing) -> Finding:
    alike = len(kind.messages) == 1
    message = next(iter(kind.messages)) if alike and showing.text else kind.message
    hint = next(iter(kind.hints)) if len(kind.hints) == 1 else kind.hint
    places = tuple(_places(kind, showing, with_message=not alike))
    return Finding(kind.level, "content", examples.split, kind.count, message, places, hint)


def _places(kind: _Kind, showing: Showing, *, with_message: bool) -> Iterator[Place]:
    for fault in kind.first:
        note = fault.message if with_message and showing.text else None
        yield Place(fault.path, fault.line, note=note)


def kind_of(message: str) -> str:
    """A message without what it quotes and counts: "the label 'x' is …" is of the kind "the label '…' is …"."""
    return _NUMBER.sub("N", _QUOTED.sub("'…'", message))
