"""The data that showing and auditing look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bertcli.config.mask import MaskView
from bertcli.core.messages import progress
from bertcli.data.audit_sample import Sample, dynamic_sample, redrawn_sample, static_sample
from bertcli.data.examples import DynamicExamples, StaticExamples
from bertcli.data.opening import OpenData, boundaries_of, open_data, short_sequence_probability_of
from bertcli.data.token_store import TokenStore, open_split
from bertcli.errors import ConfigError, DataError


@dataclass(frozen=True)
class View:
    """Opened training examples, and the corpus that they are made of where it is kept.

    What examples are not read from is opened, and so hashed, when it is first asked for.
    """

    opened: OpenData
    epoch: int
    progress: float
    copies: int
    """Static data: copies of the corpus, each with masks of its own; 0 for dynamic data."""

    @cached_property
    def store(self) -> TokenStore | None:
        """The training documents; None where only finished rows were kept. Raises ``DataError``."""
        return self._kept("train") if self.opened.store is None else self.opened.store

    @cached_property
    def held_out(self) -> TokenStore | None:
        """The held-out documents; None where only finished rows were kept. Raises ``DataError``."""
        return self._kept("heldout")

    @property
    def examples(self) -> int:
        """Examples of the epoch, or finished rows."""
        return self.opened.examples.count(self.epoch)

    def sample(self, numbers: NDArray[np.int64]) -> Sample:
        """These examples, before and after corruption; the originals of finished rows are what their labels tell."""
        examples = self.opened.examples
        if isinstance(examples, StaticExamples):
            return static_sample(examples, numbers, self.opened.data.vocabulary)
        assert self.store is not None
        return dynamic_sample(self.store, examples, self.epoch, numbers, self.progress)

    def sample_against_corpus(self, numbers: NDArray[np.int64]) -> Sample:
        """The same; finished rows beside what their corpus makes again, where it is kept: every copy is planned."""
        examples, vocabulary = self.opened.examples, self.opened.data.vocabulary
        if not isinstance(examples, StaticExamples) or self.store is None:
            return self.sample(numbers)
        with progress("drawing the rows again", self.copies, "copies") as bar:
            source = self._source(self.store)
            return redrawn_sample(examples, numbers, vocabulary, self.store, source, self.copies, bar)

    def _kept(self, split: str) -> TokenStore | None:
        data = self.opened.data
        return open_split(data, split) if not data.static or data.store_directory.is_dir() else None

    def _source(self, store: TokenStore) -> DynamicExamples:
        """The examples that static rows were written from."""
        opened = self.opened
        return DynamicExamples(
            store,
            opened.data.vocabulary,
            opened.objectives,
            kind=opened.kind,
            seq_length=opened.seq_length,
            seed=opened.data.seed,
            short_sequence_probability=short_sequence_probability_of(opened.data),
            boundaries=boundaries_of(opened.data, store, opened.objectives),
        )


def open_view(config: MaskView) -> View:
    """The training examples with the masks that the configuration asks for.

    Raises ``ConfigError`` where other masks are asked of finished rows, ``DataError`` where there is no example.
    """
    opened = open_data(
        config.data,
        config.objectives.chosen(),
        kind=config.sequences,
        seq_length=config.seq_length,
        seed=config.seed,
        short_sequence_probability=config.short_sequence_probability,
    )
    is_static = isinstance(opened.examples, StaticExamples)
    asked = [
        flag
        for flag, given in (("--epoch", config.epoch), ("--seed", config.seed), ("--progress", config.progress))
        if given
    ]
    if is_static and asked:
        raise ConfigError(
            f"{config.data} is static: its masks are drawn, and {' and '.join(asked)} cannot change them",
            hint="leave them out, or build the data without --static",
        )
    view = View(
        opened,
        config.epoch,
        config.progress,
        copies=opened.data.config["duplicates"] if is_static else 0,
    )
    if not view.examples:
        raise DataError(
            "there is no training example to look at", path=config.data, hint="build the data from more documents"
        )
    return view
