"""What a finished run looks like from near: which classes are confused, and which mistakes are worst.

Both are of the predictions on the main dev split as they are on disk, of all seeds together.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from bertcli.contracts.task import Examples, Task
from bertcli.core import atomic
from bertcli.training.confusion import Confusion, confusion_of
from bertcli.training.mistakes import Mistake, worst_mistakes
from bertcli.training.run_directory import RunDirectory
from bertcli.training.saved_predictions import read_predictions


@dataclass(frozen=True)
class Reports:
    """``confusion`` is None where there are no classes."""

    confusion: Confusion | None
    mistakes: list[Mistake]


def write_reports(run: RunDirectory, task: Task, examples: Examples, *, text: bool) -> Reports:
    """``confusion.json`` and ``mistakes.jsonl``; with ``text`` mistakes show their examples."""
    runs = [saved.predictions for saved in read_predictions(run.path, examples.split)]
    confusion = confusion_of(task, examples.split, runs)
    if confusion is not None:
        atomic.write_json(run.path / "confusion.json", confusion.dump())
    mistakes = worst_mistakes(task, examples, runs, text=text)
    lines = (json.dumps(mistake.dump(), ensure_ascii=False) + "\n" for mistake in mistakes)
    atomic.write_text(run.path / "mistakes.jsonl", "".join(lines))
    return Reports(confusion, mistakes)
