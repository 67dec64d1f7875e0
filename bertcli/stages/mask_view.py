"""The data that showing and auditing look at."""

from __future__ import annotations

from bertcli.config.mask import MaskView
from bertcli.data.opening import OpenData, open_data


def open_view(config: MaskView) -> OpenData:
    """The training examples with the masks that the configuration asks for."""
    return open_data(
        config.data,
        config.objectives.chosen(),
        kind=config.sequences,
        seq_length=config.seq_length,
        seed=config.seed,
        short_sequence_probability=config.short_sequence_probability,
    )
