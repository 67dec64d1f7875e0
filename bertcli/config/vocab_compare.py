"""What ``bertcli vocab compare`` may be told."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from bertcli.config.corpus import Reading, Sources
from bertcli.config.counting import Counting
from bertcli.core.settings import Argument, Flag


class VocabCompare(Reading, Counting):
    """Compare vocabularies on text."""

    vocabularies: Annotated[tuple[str, ...], Argument("VOCAB...")]
    """Two or more: directories, vocab.txt files or Hub ids. All are compared with the first."""
    on: Annotated[Sources, Flag("--on")] = ()
    """Text to compare on: a file, table, folder or pattern; may be given several times."""
    train: Annotated[Sources, Flag("--train")] = ()
    """Text that gives the counts of the pieces, likewise (default: each half of --on has the counts of the other)."""
    resamples: Annotated[int, Field(ge=100), Flag("--resamples")] = 1000
    """Resamples of the documents for the 95 % intervals."""
    seed: Annotated[int, Field(ge=0), Flag("--seed")] = 0
    """Seed of the resamples."""

    @model_validator(mode="after")
    def _there_is_something_to_compare(self) -> Self:
        if len(self.vocabularies) < 2:
            raise ValueError("name at least two vocabularies to compare | hint: `bertcli vocab show` shows one")
        if not self.on:
            raise ValueError("--on is needed: the text to compare on | hint: for example --on corpus.txt")
        return self
