"""What ``bertcli demo`` may be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from bertcli.core.settings import Flag, Settings


class Demo(Settings):
    """The whole chain on the docstrings of the installed libraries."""

    minutes: Annotated[float, Field(gt=0), Flag("--minutes")] = 3
    """Time to pretrain for."""
    classes: Annotated[int, Field(ge=2), Flag("--classes")] = 8
    """Libraries to tell apart: those with the most docstrings."""
    labels: Annotated[int, Field(ge=1), Flag("--labels")] = 16
    """Labelled docstrings of each library for fine-tuning: few, as people have them."""
    tested: Annotated[int, Field(ge=1), Flag("--tested")] = 100
    """Docstrings of each library to be scored on, at most."""
    seeds: Annotated[int, Field(ge=2), Flag("--seeds")] = 3
    """Fine-tuning runs from each start, with the seeds SEED, SEED+1, …"""
    vocab_size: Annotated[int, Field(ge=100)] = 8000
    """Pieces in the vocabulary."""
    arch: Annotated[str, Flag("--arch")] = "bert-tiny"
    """Named size of the encoder."""
    seq_length: Annotated[int, Field(ge=16)] = 64
    """Pieces in a sequence, for pretraining and fine-tuning alike; about half of the labelled docstrings are cut."""
    pretraining_learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    """Peak learning rate of pretraining."""
    # Of 2e-4, 5e-4, 1e-3 and 2e-3, with --seed 100 (another split; seeds 100 to 102) after 1.8 million tokens of
    # pretraining: 25.3, 30.2, 30.8, 30.0 from the pretrained model and 31.1, 37.2, 37.9, 37.7 from random weights.
    # The three highest are within one standard deviation of each other.
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Peak learning rate of fine-tuning the pretrained model."""
    random_learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Peak learning rate of fine-tuning random weights: chosen for them alone, so that they are no straw man."""
    epochs: Annotated[float, Field(gt=0)] = 30
    """Passes over the labelled docstrings."""
    seed: Annotated[int, Field(ge=0), Flag("--seed")] = 0
    """Seed of the split into training and test, of pretraining, and the first of fine-tuning."""
    limit: Annotated[int, Field(ge=20), Flag("--limit")] = 3000
    """Docstrings to read of each library, up to a whole file."""
    threads: Annotated[int | None, Field(ge=1), Flag("--threads")] = None
    """Threads of a CPU run (default: torch's)."""
    output: Annotated[Path, Flag("--output", "-o")] = Path("bertcli-demo")
    """Directory to write."""
    overwrite: Annotated[bool, Flag("--overwrite")] = False
    """Replace what is there."""
