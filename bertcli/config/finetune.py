"""What ``bertcli finetune`` may be told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from bertcli.config.labelled_data import Files, LabelledData, OfTheTask
from bertcli.config.long_texts import LongTexts
from bertcli.config.recipe import RecipeName, Transfer, under_recipe
from bertcli.config.sections import Device, FinetuningSchedule, Optimizer, Precision
from bertcli.core.settings import Flag, ShareBelowOne

DEFAULT_MODEL = "bertcli-out/runs/pretrain/model"


def _threshold(text: Any) -> Any:
    if not isinstance(text, str) or re.fullmatch(r"[\w-]+=-?\d*\.?\d+(e-?\d+)?", text) is None:
        raise ValueError(f"{text!r} is not METRIC=VALUE | hint: for example --fail-under accuracy=0.9")
    name, _, value = text.partition("=")
    if float(value) >= 2 and name != "mse":  # a percentage, as tables show it
        raise ValueError(f"{text} can never be reached, scores are fractions | hint: {name}={float(value) / 100:g}?")
    return text


Threshold = Annotated[str, BeforeValidator(_threshold)]


class Finetune(LabelledData):
    """Fine-tune a model on a labelled task."""

    model: Annotated[str, Flag("--model")] = DEFAULT_MODEL
    """Model to start from: a directory, or a Hub id."""
    dev: Annotated[Files, Flag("--dev")] = ()
    """Files of the dev split (default: a tenth of the training split)."""
    label_smoothing: Annotated[ShareBelowOne | None, Flag("--label-smoothing"), OfTheTask()] = None
    """Share of every target of the loss that is spread evenly over all labels (default: 0)."""
    class_weights: Annotated[str | dict[str, float] | None, Flag("--class-weights"), OfTheTask()] = None
    """Weights of the labels in the loss: none, balanced or '{LABEL: WEIGHT, …}' (default: none)."""
    recipe: Annotated[RecipeName | None, Flag("--recipe")] = None
    """A published way to fine-tune, which flags and YAML override: Devlin et al. 2019; Mosbach et al. 2021, for small
    data; Howard & Ruder 2018; or the encoder frozen."""
    max_length: Annotated[int | None, Field(ge=4), Flag("--max-length")] = None
    """Longest sequence in pieces, special ones included; longer texts are cut (default: the data set's, else 128)."""
    long_texts: LongTexts = LongTexts()
    batch_size: Annotated[int | None, Field(ge=1), Flag("--batch-size")] = None
    """Examples per optimizer step over all devices (default: the data set's, else 32)."""
    accumulate: Annotated[int, Field(ge=1), Flag("--accumulate")] = 1
    """Pieces in which a batch goes through the model, to save memory."""
    epochs: Annotated[float | None, Field(gt=0), Flag("--epochs")] = None
    """Passes over the training split (default: the data set's, else 3; small models 4; under 5,000 examples 20)."""
    steps: Annotated[int | None, Field(ge=1), Flag("--steps")] = None
    """Optimizer steps, instead of epochs."""
    learning_rate: Annotated[float | None, Field(gt=0), Flag("--lr")] = None
    """Peak learning rate (default: the data set's, else 2e-5; models up to a width of 512, 1e-4)."""
    optimizer: Optimizer = Optimizer()
    schedule: FinetuningSchedule = FinetuningSchedule()
    transfer: Transfer = Transfer()
    seed: Annotated[int, Field(ge=0), Flag("--seed")] = 0
    """Seed of the head, the order of examples and dropout."""
    split_seed: Annotated[int | None, Field(ge=0), Flag("--split-seed")] = None
    """Seed of a dev split that has to be made and of the examples that --limit takes (default: SEED)."""
    seeds: Annotated[int, Field(ge=1), Flag("--seeds")] = 1
    """Runs with the seeds SEED, SEED+1, …; their mean and standard deviation are reported."""
    folds: Annotated[int | None, Field(ge=2), Flag("--folds")] = None
    """Cross-validation: hold out each of so many parts of the training split in turn; a dev split is left aside."""
    fold: Annotated[int | None, Field(ge=1), Flag("--fold")] = None
    """Run this one of the folds alone, from 1."""
    restarts: Annotated[int, Field(ge=0), Flag("--restarts")] = 1
    """Train at most so many times again, with another seed, where a run has collapsed: one class, or loss at chance."""
    keep_best: Annotated[bool, Flag("--keep-best")] = False
    """Take the weights that scored best on the dev split, rather than the last; scores there are then optimistic."""
    patience: Annotated[int | None, Field(ge=1), Flag("--patience")] = None
    """Stop after so many evaluations in a row that are no better, and take the best weights."""
    random_weights: Annotated[bool, Flag("--random-weights")] = False
    """Start from fresh weights of the same architecture: the baseline that pretraining has to beat."""
    device: Annotated[Device, Flag("--device")] = "auto"
    """Where to compute."""
    precision: Annotated[Precision, Flag("--precision")] = "auto"
    """Arithmetic: bf16 where the device has it, or fp32."""
    threads: Annotated[int | None, Field(ge=1), Flag("--threads")] = None
    """Threads of a CPU run (default: torch's)."""
    workers: Annotated[int, Field(ge=0), Flag("--workers")] = 1
    """Threads that prepare batches ahead."""
    eval_every: Annotated[int | None, Field(ge=1), Flag("--eval-every")] = None
    """Steps between evaluations on the dev split (default: an epoch)."""
    save_every: Annotated[int | None, Field(ge=1), Flag("--save-every")] = None
    """Steps between checkpoints (default: an epoch)."""
    log_every: Annotated[int, Field(ge=1), Flag("--log-every")] = 10
    """Steps between lines of metrics."""
    keep: Annotated[int, Field(ge=0), Flag("--keep")] = 0
    """Checkpoints to keep when a run is finished; while it runs the newest is there."""
    limit: Annotated[int | None, Field(ge=1), Flag("--limit")] = None
    """Use at most so many examples of every split, to try things out."""
    fail_under: Annotated[tuple[Threshold, ...], Flag("--fail-under")] = ()
    """METRIC=VALUE: end with exit code 3 where the metric is below the value, a fraction; mse and mae, above it."""
    text: Annotated[bool, Flag("--text/--no-text")] = True
    """Show an example as the model sees it; --no-text keeps the data's text out of all output."""
    output: Annotated[Path | None, Flag("--output", "-o")] = None
    """Run directory to write (default: bertcli-out/runs/TASK)."""
    overwrite: Annotated[bool, Flag("--overwrite")] = False
    """Replace what is there."""
    resume: Annotated[bool, Flag("--resume")] = False
    """Continue the run in the output directory, if there is one."""
    dry_run: Annotated[bool, Flag("--dry-run")] = False
    """Print the plan and train nothing."""

    @model_validator(mode="before")
    @classmethod
    def _under_the_recipe(cls, values: Any) -> Any:
        return under_recipe(values)

    @model_validator(mode="after")
    def _random_weights_know_no_labels(self) -> Self:
        if self.random_weights and self.transfer.reuse_labels:
            raise ValueError("reuse_labels takes rows of a head made for weights that random_weights replaces")
        return self

    @model_validator(mode="after")
    def _one_duration(self) -> Self:
        if self.steps is not None and self.epochs is not None:
            raise ValueError("steps and epochs exclude one another | hint: keep one of them")
        return self

    @model_validator(mode="after")
    def _folds_are_runs_of_one_seed(self) -> Self:
        if self.folds is not None and self.seeds > 1:
            raise ValueError(
                "folds and seeds exclude one another: every fold is a training of its own, and their spread has both "
                "in it | hint: repeat the cross-validation with another --seed"
            )
        if self.fold is not None and (self.folds is None or self.fold > self.folds):
            missing = f"there is no fold {self.fold} of {self.folds}" if self.folds else "fold alone says too little"
            raise ValueError(f"{missing} | hint: --folds K --fold N trains fold N of K")
        return self

    @property
    def selects(self) -> bool:
        """Whether evaluations on the dev split choose the weights."""
        return self.keep_best or self.patience is not None

    def thresholds(self) -> dict[str, float]:
        """``fail_under`` by metric."""
        return {name: float(value) for name, _, value in (text.partition("=") for text in self.fail_under)}

    def run_dir(self) -> Path:
        """Where the run is written."""
        return self.output or Path("bertcli-out/runs") / self.task
