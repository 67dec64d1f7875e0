"""What a stage tells while it works: notices and progress, through one replaceable reporter.

Stages never print. The command line installs a reporter that draws; everybody else gets silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Reporter(Protocol):
    """Receives notices and progress."""

    def notice(self, text: str) -> None:
        """Something the user should know: a default that was chosen, data that were cut."""

    def start(self, task: str, total: float | None, unit: str) -> None:
        """A piece of work begins; ``total`` is in ``unit``, or None where it is not known."""

    def advance(self, done: float, text: str = "") -> None:
        """``done`` units are done in all; ``text`` is a short status."""

    def stop(self) -> None:
        """The piece of work has ended."""


class Silence:
    """The reporter of tests and of library use."""

    def notice(self, text: str) -> None:
        """Drop it."""

    def start(self, task: str, total: float | None, unit: str) -> None:
        """Drop it."""

    def advance(self, done: float, text: str = "") -> None:
        """Drop it."""

    def stop(self) -> None:
        """Drop it."""


reporter: Reporter = Silence()


def install(new: Reporter) -> None:
    """Send what stages tell to ``new`` from now on."""
    global reporter
    reporter = new


def notice(text: str) -> None:
    """Tell the user something."""
    reporter.notice(text)


class Progress:
    """One piece of work under way."""

    def update(self, done: float, text: str = "") -> None:
        """``done`` units are done in all."""
        reporter.advance(done, text)


@contextmanager
def progress(task: str, total: float | None = None, unit: str = "") -> Iterator[Progress]:
    """A piece of work of ``total`` units; the block's ``Progress`` says how much is done."""
    reporter.start(task, total, unit)
    try:
        yield Progress()
    finally:
        reporter.stop()


class _SaidOnce:
    """Passes everything on but a notice that was told before."""

    def __init__(self, heard: Reporter) -> None:
        self._told: set[str] = set()
        self._heard = heard
        self.start, self.advance, self.stop = heard.start, heard.advance, heard.stop

    def notice(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._heard.notice(text)


@contextmanager
def notices_once() -> Iterator[None]:
    """Within the block a notice is told once: for a stage that reads the same text several times."""
    heard = reporter
    install(_SaidOnce(heard))
    try:
        yield
    finally:
        install(heard)


@contextmanager
def silence() -> Iterator[None]:
    """Within the block nothing is told: for a stage that does again what it has told of."""
    heard = reporter
    install(Silence())
    try:
        yield
    finally:
        install(heard)
