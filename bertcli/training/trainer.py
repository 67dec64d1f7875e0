"""A training run in its directory: it goes on from the newest checkpoint, logs, evaluates, saves and stops as asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.optim import Optimizer

from bertcli.contracts.batch import StepBatches
from bertcli.core.messages import notice, progress
from bertcli.errors import InterruptedRunError
from bertcli.training.checkpoints import (
    checkpoint_at,
    load_checkpoint,
    load_weights,
    newest_checkpoint,
    save_checkpoint,
)
from bertcli.training.loop import StepResult, train
from bertcli.training.metrics import Meter
from bertcli.training.run_directory import RunDirectory
from bertcli.training.selection import Best, Selection
from bertcli.training.signals import StopRequest

if TYPE_CHECKING:
    from accelerate import Accelerator


@dataclass
class TrainingState:
    """Where a run stands: what a checkpoint keeps beside weights, moments and generators."""

    step: int = 0
    tokens_seen: int = 0
    elapsed_seconds: float = 0.0
    """Time spent training, over every resume."""
    cursor: dict[str, int] | None = None
    """Where the stream of batches stands; None at its beginning."""
    best: Best | None = None
    """The best evaluation, where checkpoints are selected; its checkpoint is kept."""
    evaluated_step: int = 0
    """The step of the newest evaluation."""

    @classmethod
    def of(cls, step: int, saved: dict[str, Any]) -> TrainingState:
        """As a checkpoint keeps it."""
        best = saved.get("best")
        return cls(step, **{**saved, "best": Best(**best) if best else None})


@dataclass(frozen=True)
class Pace:
    """How far a run goes and how often it does what, in optimizer steps."""

    steps: int
    log_every: int
    eval_every: int
    save_every: int
    keep: int
    """Checkpoints that remain, one at least."""
    deadline: float | None = None
    """``time.monotonic()`` at which the run ends even if steps are left."""
    selection: Selection | None = None
    """How the best checkpoint is chosen; None: the last one is taken."""


class Trainer:
    """A model and its optimizer under training. Made, it stands where the newest checkpoint left the run."""

    def __init__(
        self, run: RunDirectory, model: nn.Module, optimizer: Optimizer, *, accelerator: Accelerator, pace: Pace
    ) -> None:
        self._run = run
        self._model = model
        self._optimizer = optimizer
        self._accelerator = accelerator
        self._pace = pace
        self.state = self._restored()
        self.prepared: nn.Module = accelerator.prepare(model)
        self.metrics: dict[str, float] = {}
        """The newest line of training metrics; empty until the first."""
        self.speeds: list[float] = []
        """Tokens per second of every line so far."""

    def train(
        self,
        learning_rate: Callable[[int], float],
        batches: Generator[StepBatches, None, None],
        *,
        weights: Callable[[float], dict[str, float]],
        clip: float,
        stop: StopRequest,
        evaluate: Callable[[], dict[str, float]],
        what: str,
        rate_of: str,
    ) -> None:
        """Train to the last step. ``evaluate`` gives the metrics that are logged every ``eval_every`` steps.

        With a selection the last step is evaluated too, the run may end before it, and the model then has the best
        weights.
        ``what`` is shown beside the bar, and ``rate_of`` (``tokens`` or ``sequences``) says which speed. Raises
        ``InterruptedRunError``, the checkpoint saved, where ``stop`` was asked for, and ``NonFiniteLossError``.
        """
        pace, state = self._pace, self.state
        meter = Meter(check_every_step=self._accelerator.device.type == "cpu")
        if self._lacks_evaluation():  # the signal that stopped the run came first
            self._evaluate(evaluate)
            self._save()
        if self._is_over():
            batches.close()
            self._restore_best()
            return
        before, started_at = state.elapsed_seconds, time.monotonic()
        with progress(what, pace.steps, "steps") as bar, closing(batches):
            for result in train(
                self.prepared,
                self._optimizer,
                learning_rate,
                batches,
                accelerator=self._accelerator,
                weights=weights,
                start_step=state.step,
                steps=pace.steps,
                clip=clip,
            ):
                self._advance(result)
                now = time.monotonic()
                state.elapsed_seconds = before + now - started_at
                meter.add(result)
                stopped = bool(stop)  # asked once: a signal that comes later is for the next step
                finished = result.step == pace.steps or (pace.deadline is not None and now > pace.deadline)
                evaluating = self._is_evaluated(result.step, finished=finished) and not stopped
                saving = stopped or finished or result.step % pace.save_every == 0
                if result.step % pace.log_every == 0 or evaluating or saving or finished:
                    self._log(meter.read(), result)  # and with it make sure that what is saved is finite
                bar.update(result.step, self._status(rate_of))
                paused_at = time.monotonic()
                if evaluating:
                    improved = self._evaluate(evaluate)
                    finished = finished or self._is_over()
                    saving = saving or improved or finished
                if saving:
                    self._save()
                meter.pause(time.monotonic() - paused_at)
                if stopped:
                    assert stop.signal_number is not None
                    raise InterruptedRunError(
                        f"interrupted after step {state.step} of {pace.steps}; the checkpoint is saved",
                        signal_number=stop.signal_number,
                        hint="the same command with --resume continues",
                    )
                if finished:
                    if state.step < pace.steps and not self._is_over():
                        notice(f"the time is over after step {state.step} of {pace.steps}: the schedule was cut short")
                    break
        self._restore_best()

    def log(self, metrics: dict[str, float]) -> None:
        """Append a line of metrics to those of the run, at the step at hand."""
        self._run.log({"step": self.state.step, "tokens_seen": self.state.tokens_seen, **metrics})

    def _is_evaluated(self, step: int, *, finished: bool) -> bool:
        """Whether there is an evaluation after a step; without a selection the last one is the caller's."""
        if self._pace.selection is None:
            return step % self._pace.eval_every == 0 and not finished
        return step % self._pace.eval_every == 0 or finished

    def _lacks_evaluation(self) -> bool:
        """Whether the run was stopped after a step that counts for the selection, and before its evaluation."""
        step = self.state.step
        if self._pace.selection is None or step == self.state.evaluated_step:
            return False
        return self._is_evaluated(step, finished=step == self._pace.steps)

    def _evaluate(self, evaluate: Callable[[], dict[str, float]]) -> bool:
        """Log an evaluation; whether it is the best so far of a run that selects."""
        metrics = evaluate()
        self.log(metrics)
        self.state.evaluated_step = self.state.step
        if self._pace.selection is None:
            return False
        self.state.best = self._pace.selection.after(self.state.best, self.state.step, metrics)
        return self.state.best.step == self.state.step

    def _is_over(self) -> bool:
        return self._pace.selection is not None and self._pace.selection.is_over(self.state.best)

    def _restore_best(self) -> None:
        """Put the weights of the best evaluation into the model."""
        selection, best = self._pace.selection, self.state.best
        if selection is None or best is None:
            return
        if self._is_over():
            notice(
                f"stopped after step {self.state.step} of {self._pace.steps}: "
                f"{best.later} evaluations without a better one"
            )
        notice(f"the weights are those of step {best.step}: {selection.metric} {best.value:.4g}")
        if best.step != self.state.step:
            load_weights(checkpoint_at(self._run.checkpoints, best.step), self._model)

    def _restored(self) -> TrainingState:
        checkpoint = newest_checkpoint(self._run.checkpoints)
        if checkpoint is None:
            self._run.forget_after(-1)
            return TrainingState()
        load_checkpoint(checkpoint, self._model, self._optimizer)
        self._run.forget_after(checkpoint.step)
        notice(f"continuing after step {checkpoint.step}")
        return TrainingState.of(checkpoint.step, checkpoint.state)

    def _advance(self, result: StepResult) -> None:
        self.state.step = result.step
        self.state.tokens_seen += result.tokens
        self.state.cursor = result.after

    def _log(self, metrics: dict[str, float], result: StepResult) -> None:
        self.metrics = metrics
        self.speeds.append(metrics["speed/tokens_per_second"])
        self.log({"epoch": result.epoch, **metrics})

    def _save(self) -> None:
        state = asdict(self.state)
        step = state.pop("step")
        keep = max(1, self._pace.keep)
        best = self.state.best.step if self.state.best else None
        save_checkpoint(self._run.checkpoints, step, self._model, self._optimizer, state, keep=keep, best=best)

    def _status(self, rate_of: str) -> str:
        if not self.metrics:
            return ""
        losses = " ".join(
            f"{name.removeprefix('train/loss_')} {value:.3f}"
            for name, value in self.metrics.items()
            if name.startswith("train/loss_")
        )
        return f"{losses}  {self.metrics[f'speed/{rate_of}_per_second']:,.0f} {rate_of}/s"
