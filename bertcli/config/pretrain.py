"""What ``bertcli pretrain`` may be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from bertcli.config.sections import Device, Precision, PretrainingOptimizer, Schedule
from bertcli.config.sequences import Sequences
from bertcli.core.settings import Flag


class Pretrain(Sequences):
    """Pretrain an encoder."""

    data: Annotated[Path, Flag("--data")] = Path("bertcli-out/data")
    """Data directory that `bertcli mask build` wrote."""
    arch: Annotated[str, Flag("--arch")] = "bert-mini"
    """Named size of the encoder."""
    init: Annotated[str | None, Flag("--init")] = None
    """Continue from this model: a directory, or a Hub id."""
    steps: Annotated[int | None, Field(ge=1), Flag("--steps")] = None
    """Optimizer steps."""
    epochs: Annotated[float | None, Field(gt=0), Flag("--epochs")] = None
    """Passes over the training documents (default 1)."""
    minutes: Annotated[float | None, Field(gt=0), Flag("--minutes")] = None
    """Time to train for; fixes the number of steps after timing a few."""
    batch_size: Annotated[int | None, Field(ge=1), Flag("--batch-size")] = None
    """Sequences per optimizer step over all devices (default 512 on a GPU, 32 on a CPU)."""
    micro_batch_size: Annotated[int | None, Field(ge=1), Flag("--micro-batch-size")] = None
    """Sequences in one forward pass (default: the batch size, at most 64)."""
    pack: Annotated[bool, Flag("--pack")] = False
    """Put several short sequences of a micro-batch into one row, where they do not see each other."""
    learning_rate: Annotated[float | None, Field(gt=0), Flag("--lr")] = None
    """Peak learning rate (default 5e-4 at 512 sequences, with --init 5e-5 at 32, by the square root of the batch)."""
    dropout: Annotated[float | None, Field(ge=0, lt=1), Flag("--dropout")] = None
    """Dropout while pretraining (default: the architecture's); the saved configuration keeps the architecture's."""
    schedule: Schedule = Schedule()
    optimizer: PretrainingOptimizer = PretrainingOptimizer()
    seed: Annotated[int, Field(ge=0), Flag("--seed")] = 0
    """Seed of initial weights, dropout, order and masks."""
    device: Annotated[Device, Flag("--device")] = "auto"
    """Where to compute."""
    precision: Annotated[Precision, Flag("--precision")] = "auto"
    """Arithmetic: bf16 where the device has it, or fp32."""
    threads: Annotated[int | None, Field(ge=1), Flag("--threads")] = None
    """Threads of a CPU run (default: torch's)."""
    workers: Annotated[int, Field(ge=0), Flag("--workers")] = 2
    """Threads that prepare batches ahead."""
    eval_every: Annotated[int | None, Field(ge=1), Flag("--eval-every")] = None
    """Steps between evaluations (default: a tenth of the steps, at least 50)."""
    eval_limit: Annotated[int, Field(ge=1), Flag("--eval-limit")] = 2000
    """Held-out sequences in an evaluation."""
    save_every: Annotated[int | None, Field(ge=1), Flag("--save-every")] = None
    """Steps between checkpoints (default: a tenth of the steps, at least 50)."""
    log_every: Annotated[int, Field(ge=1), Flag("--log-every")] = 10
    """Steps between lines of metrics."""
    keep: Annotated[int, Field(ge=1), Flag("--keep")] = 2
    """Checkpoints to keep."""
    limit: Annotated[int | None, Field(ge=1), Flag("--limit")] = None
    """Train on so many examples of every epoch only, to try things out."""
    output: Annotated[Path, Flag("--output", "-o")] = Path("bertcli-out/runs/pretrain")
    """Run directory to write."""
    overwrite: Annotated[bool, Flag("--overwrite")] = False
    """Replace what is there."""
    resume: Annotated[bool, Flag("--resume")] = False
    """Continue the run in the output directory, if there is one."""
    dry_run: Annotated[bool, Flag("--dry-run")] = False
    """Print the plan and train nothing."""

    @model_validator(mode="after")
    def _one_duration(self) -> Pretrain:
        given = [name for name in ("steps", "epochs", "minutes") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude one another | hint: keep one of them")
        return self
