"""Learning-rate schedules: pure functions of the step, so that a resume has nothing to restore."""

from __future__ import annotations

import math
from collections.abc import Callable

LearningRate = Callable[[int], float]
"""From the number of finished steps to the rate of the next one."""


def warmup_steps(warmup: float, steps: int) -> int:
    """Warm-up in steps: below 1 it is a share of ``steps``, from 1 on a number of steps."""
    return round(warmup * steps) if warmup < 1 else int(warmup)


def learning_rate(
    shape: str,
    *,
    peak: float,
    steps: int,
    warmup: float = 0.06,
    cut_fraction: float = 0.1,
    ratio: float = 32,
    decay: float = 0.1,
    cycles: int = 3,
) -> LearningRate:
    """The schedule of that name over ``steps`` optimizer steps.

    ``linear`` falls to 0 (Devlin et al. 2019), ``cosine`` follows half a cosine to 0, ``constant`` stays,
    ``slanted-triangular`` is Howard & Ruder 2018, equation 3, ``cyclical`` Smith 2017, and neither has another
    warm-up; ``wsd`` stays and falls linearly to 0 over the last ``decay`` of the steps (Hu et al. 2024).
    """
    if shape == "slanted-triangular":
        return lambda step: slanted_triangular(step, steps=steps, peak=peak, cut_fraction=cut_fraction, ratio=ratio)
    if shape == "cyclical":
        return lambda step: cyclical(step, steps=steps, peak=peak, cycles=cycles, ratio=ratio)
    warm = warmup_steps(warmup, steps)
    decay_steps = max(1, round(decay * steps))

    def rate(step: int) -> float:
        if step < warm:
            return peak * (step + 1) / (warm + 1)
        left = (steps - step) / max(1, steps - warm)
        match shape:
            case "constant":
                return peak
            case "cosine":
                return peak * 0.5 * (1 + math.cos(math.pi * (1 - left)))
            case "wsd":
                return peak * min(1.0, (steps - step) / decay_steps)
            case _:
                return peak * max(0.0, left)

    return rate


def slanted_triangular(step: int, *, steps: int, peak: float, cut_fraction: float, ratio: float) -> float:
    """η_t = η_max · (1 + p · (ratio - 1)) / ratio (Howard & Ruder 2018, equation 3)."""
    cut = max(1, math.floor(steps * cut_fraction))
    p = step / cut if step < cut else 1 - (step - cut) / (cut * (1 / cut_fraction - 1))
    return peak * (1 + max(0.0, p) * (ratio - 1)) / ratio


def cyclical(step: int, *, steps: int, peak: float, cycles: int, ratio: float) -> float:
    """The triangular policy between peak / ratio and the peak, ``cycles`` times over the steps (Smith 2017).

    With a step size of half a cycle, x = |t / size - 2 · ⌊1 + t / (2 · size)⌋ + 1| and η_t = η_min + (η_max - η_min) ·
    max(0, 1 - x).
    """
    size, lowest = steps / (2 * cycles), peak / ratio
    x = abs(step / size - 2 * math.floor(1 + step / (2 * size)) + 1)
    return lowest + (peak - lowest) * max(0.0, 1 - x)
