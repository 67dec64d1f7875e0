"""Messages reach the installed reporter, and within a block each notice once."""

from __future__ import annotations

import pytest

from bertcli.core import messages
from bertcli.core.messages import notice, notices_once, progress, silence


class Listener(messages.Silence):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def notice(self, text: str) -> None:
        self.heard.append(text)

    def advance(self, done: float, text: str = "") -> None:
        self.heard.append(f"{done} {text}")


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Listener:
    listener = Listener()
    monkeypatch.setattr(messages, "reporter", listener)
    return listener


def test_a_notice_is_told_once_in_the_block_and_again_after_it(listener: Listener):
    with notices_once():
        for text in ("first", "second", "first"):
            notice(text)
    notice("first")
    assert listener.heard == ["first", "second", "first"]


def test_progress_passes_and_an_error_restores_the_reporter(listener: Listener):
    with pytest.raises(ZeroDivisionError), notices_once(), progress("work") as bar:
        bar.update(3, "done")
        bar.update(3, "done")
        raise ZeroDivisionError
    assert listener.heard == ["3 done", "3 done"]
    assert messages.reporter is listener


def test_nothing_is_told_in_a_silent_block(listener: Listener):
    with pytest.raises(ZeroDivisionError), silence():
        notice("first")
        raise ZeroDivisionError
    notice("second")
    assert listener.heard == ["second"]
