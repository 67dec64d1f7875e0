"""Terminal output: results to stdout; progress, notices and errors to stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from bertcli.errors import BertcliError, ConfigError

PIPED_WIDTH = 120
"""Columns of a table that goes to a file or a pipe."""

_quiet = False


def set_verbosity(*, quiet: bool) -> None:
    """Install the reporter that draws notices and progress on stderr; ``quiet`` leaves only errors."""
    global _quiet
    from bertcli.core import messages

    _quiet = quiet
    messages.install(messages.Silence() if quiet else TerminalReporter())


def _colour(text: str, code: str, stream: Any) -> str:
    if os.environ.get("NO_COLOR") or not stream.isatty():
        return text
    return f"\x1b[{code}m{text}\x1b[0m"


def paint(text: str, code: str) -> str:
    """Text in a colour where stdout is a terminal; ``code`` is ANSI's, e.g. ``1;33``."""
    return _colour(text, code, sys.stdout)


def show_error(error: BertcliError) -> None:
    """``error: …`` with file and line where there is one, then ``hint: …``; several faults, a line each."""
    faults = error.faults if isinstance(error, ConfigError) and error.faults else (str(error),)
    for fault in faults:
        show_usage_error(fault, None)
    if error.hint:
        print(f"{_colour('hint:', '36', sys.stderr)} {error.hint}", file=sys.stderr)


def show_usage_error(message: str, hint: str | None) -> None:
    """One line ``error: …`` and, where there is one, ``hint: …``."""
    print(f"{_colour('error:', '1;31', sys.stderr)} {message}", file=sys.stderr)
    if hint:
        print(f"{_colour('hint:', '36', sys.stderr)} {hint}", file=sys.stderr)


def show_json(value: Any) -> None:
    """One JSON object on stdout."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False))


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on stdout; the first column is text, the others are figures."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    for number, column in enumerate(columns):
        table.add_column(Text(column), justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    _show(title, table)


def show_columns(title: str, items: Sequence[str]) -> None:
    """Short texts in as many columns as there is room for, on stdout."""
    from rich.columns import Columns
    from rich.padding import Padding
    from rich.text import Text

    _show(title, Padding(Columns(map(Text, items), padding=(0, 3)), (1, 2)))


def _show(title: str, what: Any) -> None:
    from rich.console import Console
    from rich.text import Text

    width = None if sys.stdout.isatty() else PIPED_WIDTH
    console = Console(file=sys.stdout, highlight=False, width=width)
    console.print(Text(title, style="bold"), soft_wrap=True)  # a table's own title is broken at the table's width
    console.print(what)


def printable(text: str) -> str:
    """Text whose control characters are written out, so that no terminal obeys them."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def show_facts(title: str, facts: dict[str, str]) -> None:
    """A title and one line per fact, on stdout."""
    width = max(map(len, facts), default=0)
    print(title)
    for name, value in facts.items():
        print(f"  {name:<{width}}  {value}")


class TerminalReporter:
    """Notices as lines and progress as one line that is rewritten; both on stderr.

    Where stderr is no terminal (a log of CI), progress becomes a line every 30 seconds.
    """

    def __init__(self) -> None:
        self._task = ""
        self._total: float | None = None
        self._unit = ""
        self._drawn_at = 0.0
        self._started_at = 0.0
        self._dirty = False

    def notice(self, text: str) -> None:
        """Print a notice above the progress line."""
        self._clear()
        print(f"{_colour('note:', '33', sys.stderr)} {text}", file=sys.stderr)

    def start(self, task: str, total: float | None, unit: str) -> None:
        """Begin a progress line."""
        self._task, self._total, self._unit = task, total, unit
        self._started_at = self._drawn_at = time.monotonic()

    def advance(self, done: float, text: str = "") -> None:
        """Redraw the progress line, ten times a second at most."""
        now = time.monotonic()
        terminal = sys.stderr.isatty()
        if now - self._drawn_at < (0.1 if terminal else 30.0):
            return
        self._drawn_at = now
        line = f"{self._task}: {self._amount(done)}{self._left(done, now)}{'  ' + text if text else ''}"
        if terminal:
            width = os.get_terminal_size(sys.stderr.fileno()).columns
            print(f"\r\x1b[2K{line[: width - 1]}", end="", file=sys.stderr, flush=True)
            self._dirty = True
        else:
            print(line, file=sys.stderr, flush=True)

    def stop(self) -> None:
        """End the progress line."""
        self._clear()

    def _amount(self, done: float) -> str:
        unit = f" {self._unit}" if self._unit else ""
        if self._total:
            return f"{done / self._total:4.0%} of {self._total:,.0f}{unit}"
        return f"{done:,.0f}{unit}"

    def _left(self, done: float, now: float) -> str:
        elapsed = now - self._started_at
        if not self._total or done <= 0 or elapsed < 2:
            return ""
        seconds = elapsed * (self._total - done) / done
        return f", {seconds / 60:.0f} min left" if seconds >= 90 else f", {max(seconds, 0):.0f} s left"

    def _clear(self) -> None:
        if self._dirty:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
            self._dirty = False
