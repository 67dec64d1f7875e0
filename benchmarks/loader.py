"""The data loader alone: tokens per second that it delivers, beside what training consumes on the same machine.

    python benchmarks/loader.py CORPUS --vocab VOCAB
    python benchmarks/loader.py DATA_DIR

A corpus is encoded first (``bertcli mask build``), which is not counted. For each way of cutting, packed and not,
``batch_stream`` is drained with 0, 1 and 2 workers, in rounds that take turns; ``a thread`` is the work of one thread
in processor time, which others on the machine hardly change. The plan of an epoch is made before and is a column of
its own: how many of the epoch's tokens a second of planning is good for. Training is real steps of ``bertcli pretrain``
in this process: loss, gradient and optimizer; ``× training`` is the loader without workers over it, both by the clock.
Tokens are pieces without padding.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bertcli.config.pretrain import Pretrain
from bertcli.contracts.objective import OBJECTIVES
from bertcli.core.workers import available_cores
from bertcli.data.batches import Cursor, batch_stream
from bertcli.data.opening import OpenData, open_data
from bertcli.data.packing import Packing

WORKERS = (0, 1, 2)


@dataclass(frozen=True)
class Case:
    """One kind of pretraining data: its objectives with their settings, and how documents are cut."""

    name: str
    objectives: dict[str, dict[str, Any]]
    sequences: Any


CASES = (
    Case("MLM, full sentences", {"mlm": {}}, "full-sentences"),
    Case("MLM, document sentences", {"mlm": {}}, "document-sentences"),
    Case("MLM + NSP, pairs", {"mlm": {}, "nsp": {}}, "segment-pairs"),
    Case("MLM on words", {"mlm": {"unit": "word"}}, "full-sentences"),
)


def main() -> None:
    """Measure, print the table, write the JSON."""
    arguments = parse()
    with tempfile.TemporaryDirectory() as scratch:
        data = built(arguments, Path(scratch))
        consumed = training_speed(arguments, data, Path(scratch) / "run")
        measured = [
            measure(arguments, data, case, packed=packed)
            for case in CASES
            if is_available(case)
            for packed in (False, True)
        ]
    show(arguments, measured, consumed)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a corpus, or a data directory of bertcli mask build")
    parser.add_argument("--vocab", help="vocabulary directory, for a corpus")
    parser.add_argument("--arch", default="bert-mini", help="what is trained beside it")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seq-length", type=int, default=128)
    parser.add_argument("--steps", type=int, default=200, help="batches drained in a round")
    parser.add_argument("--training-steps", type=int, default=8, help="of which the first two are not counted")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    if not arguments.corpus.is_dir() and not arguments.vocab:
        parser.error("a corpus needs --vocab")
    return arguments


def built(arguments: argparse.Namespace, scratch: Path) -> Path:
    """The data directory: as given, or made of the corpus."""
    if arguments.corpus.is_dir():
        return Path(arguments.corpus)
    command = [sys.executable, "-m", "bertcli", "mask", "build", str(arguments.corpus), "--vocab", arguments.vocab]
    subprocess.run([*command, "-q", "-o", str(scratch / "data")], check=True, stdout=subprocess.DEVNULL)
    return scratch / "data"


def is_available(case: Case) -> bool:
    """Whether the objectives have the settings of a case."""
    return all(
        settings.keys() <= OBJECTIVES.load(name).Settings.model_fields.keys()
        for name, settings in case.objectives.items()
    )


def opened(arguments: argparse.Namespace, data: Path, case: Case) -> OpenData:
    """The training examples of a case."""
    chosen = {name: OBJECTIVES.load(name).Settings(**settings) for name, settings in case.objectives.items()}
    return open_data(data, chosen, kind=case.sequences, seq_length=arguments.seq_length, seed=0)


def measure(arguments: argparse.Namespace, data: Path, case: Case, *, packed: bool) -> dict[str, Any]:
    """Tokens per second of every number of workers, in rounds; and of a thread, by its processor time."""
    open_case = opened(arguments, data, case)
    started_at = time.process_time()
    examples = open_case.examples.count(0)
    planning_seconds = time.process_time() - started_at
    packing = Packing(arguments.seq_length, open_case.data.vocabulary.pad_id) if packed else None
    rounds: dict[str, list[float]] = {f"{workers} workers": [] for workers in WORKERS} | {"a thread": []}
    tokens, positions = 0, 0
    for _ in range(arguments.rounds):
        for workers in WORKERS:
            stream = batch_stream(
                open_case.examples,
                open_case.objectives,
                batch_size=arguments.batch_size,
                micro_batch_size=arguments.batch_size,
                seed=0,
                start=Cursor(),
                workers=workers,
                packing=packing,
            )
            next(stream)  # the order of the epoch
            wall, processor = time.perf_counter(), time.process_time()
            batches = [batch for step in islice(stream, arguments.steps) for batch in step.micro_batches]
            wall, processor = time.perf_counter() - wall, time.process_time() - processor
            stream.close()
            tokens = sum(batch.tokens for batch in batches)
            positions = sum(batch["input_ids"].size for batch in batches)
            rounds[f"{workers} workers"].append(tokens / wall)
            if workers == 0:
                rounds["a thread"].append(tokens / processor)
    name = f"{case.name}, packed" if packed else case.name
    print(f"{name}: {statistics.median(rounds['a thread']) / 1e6:.1f} M tokens/s a thread", file=sys.stderr, flush=True)
    return {
        "name": name,
        "tokens_per_second": rounds,
        "padding_share": 1 - tokens / positions,
        "planned_tokens_per_second": tokens / len(batches) / arguments.batch_size * examples / planning_seconds,
    }


def training_speed(arguments: argparse.Namespace, data: Path, run: Path) -> float:
    """Tokens per second of real steps with MLM and NSP, the median after the first two."""
    from bertcli.stages.pretrain import pretrain

    pretrain(
        Pretrain(
            objectives={"mlm": {}, "nsp": {}},  # type: ignore[arg-type]
            data=data,
            arch=arguments.arch,
            batch_size=arguments.batch_size,
            seq_length=arguments.seq_length,
            steps=arguments.training_steps,
            log_every=1,
            eval_limit=1,
            output=run,
        )
    )
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    speeds = [line["speed/tokens_per_second"] for line in lines if "speed/tokens_per_second" in line]
    return statistics.median(speeds[2:])


def show(arguments: argparse.Namespace, measured: list[dict[str, Any]], consumed: float) -> None:
    """A table on stdout, and JSON where asked."""
    size = f"batches of {arguments.batch_size} × {arguments.seq_length}"
    print(f"{size}, {available_cores()} cores; median of {arguments.rounds} rounds, in million tokens a second")
    print(f"training {arguments.arch} consumes {consumed:,.0f} tokens/s")
    columns = ("a thread", *(f"{workers} workers" for workers in WORKERS))
    print(
        f"{'':<34}" + "".join(f"{name:>11}" for name in columns) + f"{'planning':>11}{'padding':>9}{'× training':>12}"
    )
    for case in measured:
        medians = {name: statistics.median(speeds) for name, speeds in case["tokens_per_second"].items()}
        cells = "".join(f"{medians[name] / 1e6:>11.2f}" for name in columns)
        planning, times = case["planned_tokens_per_second"] / 1e6, medians["0 workers"] / consumed
        print(f"{case['name']:<34}{cells}{planning:>11.2f}{case['padding_share']:>9.1%}{times:>12,.0f}")
    if arguments.json:
        figures = {
            "batch_size": arguments.batch_size,
            "seq_length": arguments.seq_length,
            "training": {"arch": arguments.arch, "tokens_per_second": consumed},
            "loader": measured,
        }
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
