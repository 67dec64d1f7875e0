"""Sections that several commands share: optimizer, schedule, and where a run happens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bertcli.core.settings import Flag, Settings

Precision = Literal["auto", "fp32", "bf16"]
Shape = Literal["linear", "cosine", "constant", "slanted-triangular", "cyclical", "wsd"]
Device = Literal["auto", "cpu", "cuda", "mps"]

READ_BY: Mapping[Shape, tuple[str, ...]] = {
    "linear": ("warmup",),
    "cosine": ("warmup",),
    "constant": ("warmup",),
    "slanted-triangular": ("cut_fraction", "ratio"),
    "cyclical": ("cycles", "ratio"),
    "wsd": ("warmup", "decay"),
}
"""The settings that each shape of the learning rate reads."""


class Optimizer(Settings):
    """AdamW (Loshchilov & Hutter 2019), without decay on biases and norms."""

    weight_decay: Annotated[float, Field(ge=0), Flag("--weight-decay")] = 0.01
    """Decoupled weight decay; none on biases and norms."""
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Decay of the running mean of gradients."""
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the running mean of squared gradients."""
    epsilon: Annotated[float, Field(gt=0)] = 1e-8
    """Added to the root of the second moment."""
    clip: Annotated[float, Field(gt=0), Flag("--clip")] = 1.0
    """Largest norm of the gradient; larger ones are scaled down."""


class PretrainingOptimizer(Optimizer):
    """AdamW with RoBERTa's moments (Liu et al. 2019, table 9)."""

    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.98
    """Decay of the running mean of squared gradients."""
    epsilon: Annotated[float, Field(gt=0)] = 1e-6
    """Added to the root of the second moment."""


class Schedule(Settings):
    """How the learning rate moves over the steps."""

    shape: Annotated[Shape, Flag("--schedule")] = "linear"
    """Shape of the learning rate after warm-up."""
    warmup: Annotated[float, Field(ge=0), Flag("--warmup")] = 0.06
    """Warm-up: a share of the steps below 1, a number of steps from 1 on."""
    cut_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Slanted triangle: share of the steps in which the rate rises (Howard & Ruder 2018)."""
    ratio: Annotated[float, Field(gt=1)] = 32
    """Slanted triangle and cycles: how much smaller the lowest rate is than the highest."""
    cycles: Annotated[int, Field(ge=1), Flag("--cycles")] = 3
    """Cyclical: times that the rate rises and falls over the steps (Smith 2017)."""
    decay: Annotated[float, Field(gt=0, le=1)] = 0.1
    """WSD: share of the steps in which the rate falls to 0 at the end."""

    @model_validator(mode="after")
    def _nothing_is_passed_over(self) -> Self:
        read = READ_BY[self.shape]
        for name, field in type(self).model_fields.items():
            # A configuration that a run has written holds every default.
            if name not in ("shape", *read) and getattr(self, name) != field.default:
                raise ValueError(
                    f"{name} {getattr(self, name):g}: the schedule {self.shape} does not read it "
                    f"| hint: leave it out, or take another schedule; {self.shape} reads {' and '.join(read)}"
                )
        return self


class FinetuningSchedule(Schedule):
    """Longer warm-up for fine-tuning (Mosbach et al. 2021)."""

    warmup: Annotated[float, Field(ge=0), Flag("--warmup")] = 0.1
    """Warm-up: a share of the steps below 1, a number of steps from 1 on."""
