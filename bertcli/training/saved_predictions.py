"""``predictions/SPLIT.jsonl`` of finished runs, read again: one list for each seed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from bertcli.contracts.task import Prediction
from bertcli.errors import InputFileError

PREDICTIONS = "predictions"
SEED_DIRECTORIES = "seed-*"


@dataclass(frozen=True)
class SavedPredictions:
    """One file of predictions; ``predictions[n]`` stands on line n + 1."""

    path: Path
    predictions: list[Prediction]


def read_predictions(run: Path, split: str) -> list[SavedPredictions]:
    """The predictions of a run on a split, of each seed where there are several. Raises ``InputFileError``."""
    own = run / PREDICTIONS / f"{split}.jsonl"
    seeds = sorted(run.glob(SEED_DIRECTORIES), key=lambda path: (len(path.name), path.name))
    files = [own] if own.is_file() or not seeds else [seed / PREDICTIONS / own.name for seed in seeds]
    for file in files:
        if not file.is_file():
            known = sorted(path.stem for path in file.parent.glob("*.jsonl"))
            hint = f"there are: {', '.join(known)}" if known else "is the run finished?"
            raise InputFileError(f"no predictions on the split {split!r}", path=file, hint=hint)
    return [SavedPredictions(file, _read(file)) for file in files]


def check_same_examples(a: SavedPredictions, b: SavedPredictions) -> None:
    """Raise ``InputFileError`` at the first line where two files are of different examples."""
    for number, (ours, theirs) in enumerate(zip_longest(a.predictions, b.predictions), start=1):
        if ours is None or theirs is None:
            long, short = (a, b) if theirs is None else (b, a)
            raise InputFileError(
                f"{len(long.predictions):,} predictions, and {len(short.predictions):,} in {short.path}",
                path=long.path,
                line=number,
                hint="runs are compared on the same examples",
            )
        for name, here, there in (("id", theirs.id, ours.id), ("gold", theirs.gold, ours.gold)):
            if here != there:
                raise InputFileError(
                    f"the {name} is {_shown(here)} here, and {_shown(there)} in {a.path}",
                    path=b.path,
                    line=number,
                    hint="runs are compared on the same examples: was the same file, --limit and --split-seed given?",
                )


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _read(path: Path) -> list[Prediction]:
    found: list[Prediction] = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            values = json.loads(line)
            found.append(Prediction(**{**values, "id": str(values["id"])}))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputFileError(
                "not a prediction that bertcli has written", path=path, line=number, hint="expected id, gold and pred"
            ) from error
    if not found:
        raise InputFileError("the file is empty", path=path)
    _check_gold(path, found)
    return found


def _check_gold(path: Path, found: Sequence[Prediction]) -> None:
    for number, prediction in enumerate(found, start=1):
        if prediction.gold is None:
            raise InputFileError(
                "there is no gold label, so that nothing can be scored",
                path=path,
                line=number,
                hint="choose a labelled split with --split",
            )
