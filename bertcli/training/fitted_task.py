"""``task.json``: what a run's task took from its training split, so that its predictions can be scored without it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bertcli.contracts.task import Task
from bertcli.core import atomic
from bertcli.errors import DataError

TASK_NAME = "task.json"


def write_settled(run: Path, task: Task) -> None:
    """What scores depend on besides the run's settings, e.g. its labels."""
    atomic.write_json(run / TASK_NAME, task.settled())


def read_settled(run: Path) -> dict[str, Any]:
    """What ``write_settled`` wrote. Raises ``DataError`` where it did not."""
    path = run / TASK_NAME
    hint = f"`bertcli finetune {run / 'config.yaml'} -o {run} --resume` writes it again, if the data is still there"
    if not path.is_file():
        raise DataError(f"no {TASK_NAME}: nothing says what the task took from its training split", path=run, hint=hint)
    try:
        values = json.loads(path.read_text("utf-8"))
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise DataError("not what bertcli has written", path=path, hint=hint)
    return values
