"""Pretraining speed: transformers' ``Trainer`` against bertcli, on the same rows, model and batch.

    python benchmarks/pretrain.py CORPUS --vocab VOCAB

The corpus becomes static rows with MLM and NSP once (``bertcli mask build --static``); every contestant reads these
same rows. Each runs in a process of its own, one after the other, for several rounds; the figure is non-padding tokens
per second over the median optimizer step after warm-up. Contestants:

* ``trainer``: ``Trainer`` with ``BertForPreTraining`` as it comes (fp32)
* ``trainer bf16``: the same with ``bf16=True``
* ``trainer tuned``: bf16, fused AdamW, ``torch_compile`` and two data workers
* ``trainer tuned fp32``: the same in fp32, for machines without bf16 instructions
* ``bertcli``: ``bertcli pretrain`` with no other flags than the sizes
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CONTESTANTS = ("trainer", "trainer bf16", "trainer tuned", "trainer tuned fp32", "bertcli")


def main() -> None:
    """Run every contestant in every round and print the table."""
    arguments = parse()
    if arguments.contestant:
        print(json.dumps(run_trainer(arguments)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        build_rows(arguments, data)
        names = [name for name in CONTESTANTS if name in arguments.only]
        rounds: dict[str, list[float]] = {name: [] for name in names}
        for number in range(arguments.rounds):
            for name in names:
                started_at = time.monotonic()
                speed = measure(name, arguments, data, Path(scratch) / "run")
                rounds[name].append(speed)
                print(
                    f"round {number + 1}: {name:<20} {speed:9,.0f} tokens/s  ({time.monotonic() - started_at:.0f} s)",
                    file=sys.stderr,
                    flush=True,
                )
    show(arguments, rounds)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus")
    parser.add_argument("--vocab", required=True, help="vocabulary directory; 30,522 pieces for the published figure")
    parser.add_argument("--arch", default="bert-mini")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seq-length", type=int, default=128)
    parser.add_argument("--steps", type=int, default=16, help="optimizer steps of each contestant in a round")
    parser.add_argument("--warmup-steps", type=int, default=6, help="steps that are not counted")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--documents", type=int, default=2000, help="documents of the corpus to use")
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    parser.add_argument("--data", help=argparse.SUPPRESS)
    return parser.parse_args()


def build_rows(arguments: argparse.Namespace, data: Path) -> None:
    """Static rows, the same for everybody."""
    command = ["mask", "build", arguments.corpus, "--vocab", arguments.vocab, "--static", "--duplicates", "1"]
    command += ["--mlm", "--nsp", "--seq-length", str(arguments.seq_length), "--limit", str(arguments.documents)]
    subprocess.run([sys.executable, "-m", "bertcli", *command, "-o", str(data)], check=True, stdout=subprocess.DEVNULL)


def measure(name: str, arguments: argparse.Namespace, data: Path, run: Path) -> float:
    """Tokens per second of one contestant, run in a process of its own."""
    sizes = ["--arch", arguments.arch, "--batch-size", str(arguments.batch_size), "--steps", str(arguments.steps)]
    if name == "bertcli":
        quiet = ["--log-every", "1", "--save-every", "1000000", "--eval-limit", "1", "--quiet", "--overwrite"]
        command = ["-m", "bertcli", "pretrain", "--data", str(data), *sizes, *quiet, "-o", str(run)]
        subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
        lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
        speeds = [line["speed/tokens_per_second"] for line in lines if "speed/tokens_per_second" in line]
        return statistics.median(speeds[arguments.warmup_steps :])
    warmup = ["--warmup-steps", str(arguments.warmup_steps)]
    command = [__file__, arguments.corpus, "--vocab", arguments.vocab, *sizes, *warmup, "--contestant", name]
    output = subprocess.run(
        [sys.executable, *command, "--data", str(data)], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return float(json.loads(output.stdout.splitlines()[-1])["tokens_per_second"])


def run_trainer(arguments: argparse.Namespace) -> dict[str, Any]:
    """``Trainer`` on the rows, its steps timed by a callback."""
    import torch
    from datasets import load_from_disk
    from transformers import BertForPreTraining, Trainer, TrainerCallback, TrainingArguments

    from bertcli.architectures.bert import Bert
    from bertcli.data.token_store import DataDirectory

    name = arguments.contestant
    vocabulary = DataDirectory.open(Path(arguments.data)).vocabulary
    torch.manual_seed(0)
    model = BertForPreTraining(Bert.configuration(arguments.arch, vocabulary, overrides=Bert.Settings()))
    rows = load_from_disk(arguments.data)["train"]
    times: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *unused: Any, **more: Any) -> None:
            self.started_at = time.perf_counter()

        def on_step_end(self, *unused: Any, **more: Any) -> None:
            times.append(time.perf_counter() - self.started_at)

    def collate(examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        return {key: torch.tensor([example[key] for example in examples]) for key in examples[0]}

    with tempfile.TemporaryDirectory() as scratch:
        tuned = "tuned" in name
        trainer = Trainer(
            model,
            TrainingArguments(
                scratch,
                per_device_train_batch_size=arguments.batch_size,
                max_steps=arguments.steps,
                learning_rate=1e-4,
                save_strategy="no",
                report_to="none",
                disable_tqdm=True,
                logging_steps=1000,
                bf16=name in ("trainer bf16", "trainer tuned"),
                optim="adamw_torch_fused" if tuned else "adamw_torch",
                torch_compile=tuned,
                dataloader_num_workers=2 if tuned else 0,
                use_cpu=not torch.cuda.is_available(),
            ),
            train_dataset=rows,
            data_collator=collate,
            callbacks=[Clock()],
        )
        trainer.train()
    # Batches are drawn from all rows, so a step has the mean number of pieces on average.
    mean = sum(sum(row) for row in rows["attention_mask"]) / len(rows) * arguments.batch_size
    step = statistics.median(times[arguments.warmup_steps :])
    return {"tokens_per_second": mean / step, "seconds_per_step": step}


def show(arguments: argparse.Namespace, rounds: dict[str, list[float]]) -> None:
    """A table on stdout, and JSON where asked."""
    ours = statistics.median(rounds["bertcli"]) if "bertcli" in rounds else None
    size = f"{arguments.arch}, {arguments.batch_size} × {arguments.seq_length}"
    print(f"{size}; median of {arguments.rounds} rounds of {arguments.steps} steps; {platform.machine()}")
    print(f"{'':<22}{'tokens/s':>10}{'min':>10}{'max':>10}{'bertcli is':>12}")
    for name, speeds in rounds.items():
        middle = statistics.median(speeds)
        ratio = f"{ours / middle:.2f} ×" if ours else "–"
        print(f"{name:<22}{middle:>10,.0f}{min(speeds):>10,.0f}{max(speeds):>10,.0f}{ratio:>12}")
    if arguments.json:
        figures = {"arch": arguments.arch, "batch_size": arguments.batch_size, "seq_length": arguments.seq_length}
        arguments.json.write_text(json.dumps(figures | {"tokens_per_second": rounds}, indent=2) + "\n")


if __name__ == "__main__":
    main()
