"""Settings of objectives that have nothing to set but their weight."""

from __future__ import annotations

from bertcli.core.ramps import Ramp, Weight
from bertcli.core.settings import Settings


class WeightAlone(Settings):
    """Only its weight."""

    weight: Weight = Ramp.constant(1.0)
    """Factor on the loss."""
