"""Weights of classes in a loss: none, balanced, or given by label.

*Source*: King & Zeng 2001 ("Logistic regression in rare events data"), as scikit-learn's
``class_weight="balanced"``: n / (k · n_c) for n examples, k classes and n_c examples of the class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field

from bertcli.core.component_folder import suggestion
from bertcli.core.yaml_files import parse_scalar
from bertcli.errors import ConfigError
from bertcli.tasks._labels import as_written

if TYPE_CHECKING:
    import torch


def _written(value: Any) -> Any:
    """A mapping as the command line writes it; keys are labels, which may be numbers."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = parse_scalar(value)
    return {as_written(label): weight for label, weight in value.items()} if isinstance(value, dict) else value


ClassWeights = Annotated[
    Literal["none", "balanced"] | dict[str, Annotated[float, Field(gt=0)]], BeforeValidator(_written)
]
"""``none``, ``balanced`` or ``{label: weight}``; labels that are left out weigh 1."""


def weights_of(
    asked: str | Mapping[str, float],
    counts: NDArray[np.int64],
    names: Sequence[str],
    ids: Mapping[str, int],
    *,
    may_lack: bool = False,
) -> tuple[float, ...] | None:
    """The weight of each class, such that the mean over the training examples is 1; None where all weigh the same.

    ``counts`` (classes,) are those of the training split, ``ids`` the class of every label that may be written. A mean
    of 1 keeps the size of the loss, and the loss of the whole split is what torch's weighted mean gives.
    Raises ``ConfigError`` for a label that is not known, and for a balance with a class that has no example; with
    ``may_lack``, for a part of the split, the others are balanced.
    """
    if asked == "none":
        return None
    if isinstance(asked, str):
        empty = [name for name, count in zip(names, counts, strict=True) if not count]
        if empty and not may_lack:
            raise ConfigError(
                f"class_weights balanced: no training example has the label {empty[0]!r}",
                hint="give weights by label: --class-weights '{LABEL: WEIGHT}'",
            )
        there = counts > 0
        weights = np.where(there, counts.sum() / (there.sum() * np.maximum(counts, 1)), 1.0)
    else:
        weights = np.ones(len(names))
        for label, weight in asked.items():
            if label not in ids:
                start = suggestion([label], ids)
                raise ConfigError(
                    f"class_weights: the task has no label {label!r}", hint=f"{start}known: {', '.join(names)}"
                )
            weights[ids[label]] = weight
        weights = weights * counts.sum() / (weights * counts).sum()
    return tuple(weights.tolist())


@cache
def tensor(weights: tuple[float, ...] | None, device: torch.device) -> torch.Tensor | None:
    """The weights on a device, (classes,); copied there once."""
    import torch

    if weights is None:
        return None
    with torch.inference_mode(False):  # what an evaluation makes first must do for training too
        return torch.tensor(weights, device=device)
