"""What ``bertcli significance`` may be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from bertcli.core.settings import Argument, Flag, Settings


class Significance(Settings):
    """Test whether two fine-tuned runs differ on the same examples."""

    run_a: Annotated[Path, Argument("RUN_A")]
    """Run directory of `bertcli finetune`, of one seed or of several."""
    run_b: Annotated[Path, Argument("RUN_B")]
    """The run to compare it with, on the same examples and with equally many seeds."""
    split: Annotated[str | None, Flag("--split")] = None
    """Split whose predictions are compared (default: that of RUN_A's result)."""
    metric: Annotated[str | None, Flag("--metric")] = None
    """Metric to compare by (default: the primary one of RUN_A)."""
    samples: Annotated[int, Field(ge=100), Flag("--samples")] = 10_000
    """Random exchanges of the test, and resamples of the interval."""
    seed: Annotated[int, Field(ge=0), Flag("--seed")] = 0
    """Seed of both."""
