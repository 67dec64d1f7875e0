"""Fine-tuning: transformers' ``Trainer`` as its example scripts set it up against ``bertcli finetune``.

    python benchmarks/finetune.py --speed --task sst2 --data DIR --model DIR
    python benchmarks/finetune.py --scores --task sst2 --data DIR --model DIR --seeds 0 1 2 --json sst2.json

Each contestant trains in a process of its own on the same files with the same settings: epochs, batch, learning rate,
warm-up, longest sequence, a linear schedule, AdamW without decay, clipping at 1, dropout of the checkpoint. They take
turns. ``--speed`` measures one epoch on a part of the training split for several rounds; ``--scores`` trains on all of
it with several seeds, scores the predictions of both with the same scorer, and measures speed as well. Examples and
tokens (pieces without padding) are those of the training split in all epochs, over the time of the training steps
alone: no start-up, evaluation or checkpoints. Whole processes, with all of these, stand beside: their time by the
clock, and the processor's, which others on the machine hardly change. Contestants:

* ``trainer``: ``Trainer`` as it comes (fp32), see ``finetune_trainer.py``
* ``trainer bf16``: the same with ``bf16=True``
* ``trainer tuned``: bf16, batches of examples of like length
* ``bertcli``: ``bertcli finetune`` with these settings and no other flags
* ``bertcli FLAGS``: the same with further flags, one more contestant for each ``--bertcli-arguments "FLAGS"``

With ``--scores --json`` every finished training is kept in that file at once; the same command goes on where a stopped
one ended. DIR holds train.* and dev.*; where there is only a dev split, halves of it by question take their place.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from finetune_tasks import TASKS, Example, Task, some, splits

from bertcli.core import atomic
from bertcli.core.workers import available_cores

CONTESTANTS = ("trainer", "trainer bf16", "trainer tuned", "bertcli")
FLAGS = {"trainer": [], "trainer bf16": ["--bf16"], "trainer tuned": ["--bf16", "--group-by-length"]}
SPEED_EXAMPLES = 3200
Run = dict[str, Any]


def main() -> None:
    """Train everything that is not in the file yet and print the tables."""
    arguments = parse()
    task = TASKS[arguments.task]
    train, dev = splits(task, arguments.data)
    train, dev = some(train, arguments.examples), some(dev, arguments.dev_examples)
    what = described(arguments, train, dev)
    runs = kept(arguments, what)
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        files = {split: Path(scratch) / f"{split}{task.suffix}" for split in ("train", "dev")}
        task.write(train, files["train"])
        task.write(dev, files["dev"])
        dev = task.read(files["dev"])  # in the order of the file, as predictions are
        for seed in arguments.seeds if arguments.scores else range(arguments.rounds):
            for name in [*arguments.only, *(f"bertcli {flags}" for flags in arguments.bertcli_arguments)]:
                if any(run["contestant"] == name and run["seed"] == seed for run in runs):
                    continue
                found = train_one(name, seed, arguments, files, Path(scratch) / "run")
                run = as_run(name, seed, found, task, len(train) * arguments.epochs, dev)
                runs.append(run)
                say(run)
                if arguments.json:
                    atomic.write_text(arguments.json, json.dumps(what | {"runs": runs}, indent=2) + "\n")
    show(arguments, what, runs)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--speed", action="store_true", help="one epoch on a part of the training split, in rounds")
    mode.add_argument("--scores", action="store_true", help="all of the training split, with several seeds")
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of the task's files")
    parser.add_argument("--model", required=True, help="directory of the pretrained model")
    parser.add_argument("--examples", type=int, help=f"of the training split; with --speed {SPEED_EXAMPLES:,}")
    parser.add_argument("--dev-examples", type=int, help="of the dev split")
    parser.add_argument("--rounds", type=int, default=3, help="of --speed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="of --scores")
    parser.add_argument("--epochs", type=float, help="default 3; with --speed 1")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=5e-5, help="peak learning rate")
    parser.add_argument("--warmup", type=float, default=0.0, help="share of the steps below 1, else steps")
    parser.add_argument("--max-length", type=int, help="default 128; movie_reviews 512, squad 384")
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, help="default: all; with --scores trainer, bertcli")
    parser.add_argument("--bertcli-arguments", action="append", default=[], metavar="FLAGS", help="one more contestant")
    parser.add_argument("--scratch", help="folder for what is written on the way")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    arguments.epochs = arguments.epochs or (1 if arguments.speed else 3)
    arguments.max_length = arguments.max_length or TASKS[arguments.task].max_length
    arguments.only = arguments.only or (CONTESTANTS if arguments.speed else ("trainer", "bertcli"))
    if arguments.speed:
        arguments.examples = arguments.examples or SPEED_EXAMPLES
    return arguments


def described(arguments: argparse.Namespace, train: list[Example], dev: list[Example]) -> dict[str, Any]:
    """What figures belong to."""
    names = ("task", "model", "epochs", "batch_size", "lr", "warmup", "max_length")
    return {
        "settings": {
            **{name: getattr(arguments, name) for name in names},
            "train_examples": len(train),
            "dev_examples": len(dev),
        },
        "machine": f"{platform.machine()}, {available_cores()} cores",
        "versions": {name: version(name) for name in ("torch", "transformers")},
    }


def kept(arguments: argparse.Namespace, what: dict[str, Any]) -> list[Run]:
    """The runs of an earlier call with the same settings. Rounds of speed are never joined: they have to take turns."""
    if arguments.speed or not arguments.json or not arguments.json.exists():
        return []
    before = json.loads(arguments.json.read_text())
    if before["settings"] != what["settings"]:
        sys.exit(f"{arguments.json} has other settings: {before['settings']}")
    runs: list[Run] = before["runs"]
    return runs


def train_one(
    name: str, seed: int, arguments: argparse.Namespace, files: dict[str, Path], output: Path
) -> dict[str, Any]:
    """One training of one contestant: what it found and how long it took."""
    command = ["--train", str(files["train"]), "--dev", str(files["dev"]), "--model", arguments.model]
    for setting in ("epochs", "batch_size", "lr", "warmup", "max_length"):
        command += ["--" + setting.replace("_", "-"), str(getattr(arguments, setting))]
    command += ["--seed", str(seed)]
    started_at, worked_before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    if name in FLAGS:
        script = Path(__file__).with_name("finetune_trainer.py")
        output = output.with_suffix(".json")
        start([str(script), "--task", arguments.task, *command, *FLAGS[name], "--output", str(output)])
        found = json.loads(output.read_text())
        output.unlink()
    else:
        further = ["--weight-decay", "0", *shlex.split(name.removeprefix("bertcli"))]
        command = ["--task", TASKS[arguments.task].bertcli, *command, *further, "--json", "--overwrite"]
        start(["-m", "bertcli", "finetune", *command, "-o", str(output)])
        found = {
            "train_seconds": training_seconds(output / "metrics.jsonl"),
            "tokens": json.loads((output / "result.json").read_text())["tokens_seen"],
            "predictions": [line["pred"] for line in lines_of(output / "predictions" / "dev.jsonl")],
        }
    worked = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = worked.ru_utime + worked.ru_stime - worked_before.ru_utime - worked_before.ru_stime
    return found | {"seconds": time.monotonic() - started_at, "processor_seconds": processor}


def start(command: list[str]) -> None:
    """Run Python to the end; what it said is shown where it fails."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    process = subprocess.run([sys.executable, *command], check=False, capture_output=True, env=environment, text=True)
    if process.returncode:
        sys.exit(f"{process.stderr[-4000:]}\n{shlex.join(command)} ended with {process.returncode}")


def training_seconds(metrics: Path) -> float:
    """The time of bertcli's steps: each line of metrics has their tokens and speed, pauses left out."""
    seconds, before = 0.0, 0
    for line in lines_of(metrics):
        if "speed/tokens_per_second" in line:
            seconds += (line["tokens_seen"] - before) / line["speed/tokens_per_second"]
            before = line["tokens_seen"]
    return seconds


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines."""
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def as_run(name: str, seed: int, found: dict[str, Any], task: Task, examples: float, dev: list[Example]) -> Run:
    """What is kept of a training."""
    return {
        "contestant": name,
        "seed": seed,
        "scores": task.score(dev, found["predictions"]),
        "examples_per_second": examples / found["train_seconds"],
        "tokens_per_second": found["tokens"] / found["train_seconds"],
        **{name: found[name] for name in ("train_seconds", "seconds", "processor_seconds")},
    }


def say(run: Run) -> None:
    """Progress, on stderr."""
    scores = ", ".join(f"{metric} {100 * value:.2f}" for metric, value in run["scores"].items())
    speed = f"{run['examples_per_second']:,.1f} examples/s, {run['train_seconds']:,.0f} of {run['seconds']:,.0f} s"
    print(f"{run['contestant']}, {run['seed']}: {speed}; {scores}", file=sys.stderr, flush=True)


def show(arguments: argparse.Namespace, what: dict[str, Any], runs: list[Run]) -> None:
    """Tables on stdout."""
    settings = what["settings"]
    print(f"{settings['train_examples']:,} training examples, {settings['dev_examples']:,} dev; {what['machine']}")
    print(", ".join(f"{name} {settings[name]}" for name in ("task", "epochs", "batch_size", "lr", "warmup")))
    names = list(dict.fromkeys(run["contestant"] for run in runs))
    of = {name: [run for run in runs if run["contestant"] == name] for name in names}
    width = max(map(len, names)) + 2
    if arguments.scores:
        show_scores(of, width)
    turns = "rounds" if arguments.speed else "seeds"
    print(f"training alone, and whole processes; median of {max(map(len, of.values()))} {turns}")
    titles = (
        "examples/s",
        "min",
        "max",
        "tokens/s",
        "bertcli is",
        "seconds",
        "bertcli is",
        "processor s",
        "bertcli is",
    )
    print(f"{'':<{width}}" + "".join(f"{title:>12}" for title in titles))
    for name, mine in of.items():
        speeds = [run["examples_per_second"] for run in mine]
        cells = [f"{value:,.1f}" for value in (statistics.median(speeds), min(speeds), max(speeds))]
        cells += [f"{median_of(mine, 'tokens_per_second'):,.0f}", times(of, name, "train_seconds")]
        for figure in ("seconds", "processor_seconds"):
            cells += [f"{median_of(mine, figure):,.1f}", times(of, name, figure)]
        print(f"{name:<{width}}" + "".join(f"{cell:>12}" for cell in cells))


def times(of: dict[str, list[Run]], name: str, figure: str) -> str:
    """How many times as long a contestant takes as bertcli."""
    if "bertcli" not in of:
        return "–"
    return f"{median_of(of[name], figure) / median_of(of['bertcli'], figure):.2f} ×"


def show_scores(of: dict[str, list[Run]], width: int) -> None:
    """A line for each contestant and metric: mean ± sd, then each seed."""
    for name, mine in of.items():
        for metric in mine[0]["scores"]:
            values = {run["seed"]: 100 * run["scores"][metric] for run in mine}
            spread = f" ± {statistics.stdev(values.values()):.2f}" if len(values) > 1 else ""
            each = "  ".join(f"seed {seed}: {value:.2f}" for seed, value in values.items())
            print(f"{name:<{width}}{metric:<12}{statistics.mean(values.values()):>7.2f}{spread:<8}  {each}")


def median_of(runs: list[Run], name: str) -> float:
    """The middle of a figure over runs."""
    return statistics.median(run[name] for run in runs)


if __name__ == "__main__":
    main()
