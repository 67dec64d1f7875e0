"""What an objective file provides: one self-supervised signal, its data half and its model half together.

The data half (``relations``, ``corrupt``, ``count``, ``audit``) works on numpy columns and is the same for static and
dynamic masking; every draw is a hash of (seed, purpose, epoch, example, position). The model half (``head``,
``loss``) works on tensors. Module level imports torch for typing only.

Four objectives that come with their architectures fit without a special case: causal LM writes ``labels`` and needs
``causal``; biLM reads the ``forward`` and ``backward`` streams; permutation LM writes ranks (batch, seq) and reads the
``query`` stream; RTD asks for a second encoder, ``generator``, and calls ``encode`` twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from bertcli.core.component_folder import Folder
from bertcli.core.settings import Settings

if TYPE_CHECKING:
    from bertcli.contracts.audit import Check
    from bertcli.contracts.batch import Batch, Columns
    from bertcli.contracts.encoder import Encoded
    from bertcli.contracts.loss import Loss
    from bertcli.contracts.vocabulary import Vocabulary

OBJECTIVES = Folder("bertcli.objectives", "objective")

Encode = Callable[[str, "Batch"], "Encoded"]
"""``encode(name, batch)``: the named encoder's output, computed once however many objectives ask."""


@dataclass(frozen=True)
class Corruption:
    """What ``corrupt`` may draw from: the seed and epoch of the data, and the vocabulary."""

    seed: int
    epoch: int
    vocabulary: Vocabulary


class Objective(Protocol):
    """One pretraining signal. An instance holds its settings and nothing else."""

    Settings: ClassVar[type[Settings]]
    writes: ClassVar[frozenset[str]]
    """Columns it writes; a run has one writer per column."""
    needs: ClassVar[frozenset[str]]
    """Abilities that the architecture must have."""
    encoders: ClassVar[tuple[str, ...]]
    """Encoders it calls by name, usually ``("main",)``."""
    heads: ClassVar[tuple[str, ...]]
    """Heads of the architecture that it asks for; ``pair`` heads read the pooled vector."""
    relations: ClassVar[tuple[str, ...]]
    """How segment B relates to A, one entry per class (``next``, ``random``, ``swapped``); empty: it has no say."""
    label_column: ClassVar[str | None]
    """The column that holds the index into ``relations``."""

    settings: Any

    def for_evaluation(self) -> Objective:
        """The objective as it is evaluated: alike in every run, whatever it is trained with."""

    def corrupt(self, columns: Columns, corruption: Corruption) -> Columns:
        """The columns it writes, for clean ``columns`` of a batch; vectorised, and pure."""

    def count(self, columns: Columns) -> int:
        """The number of targets in finished columns."""

    def targets(self, columns: Columns) -> NDArray[np.bool_]:
        """The positions (batch, seq) whose hidden states its loss reads; the last layer is computed only there."""

    def loss(self, heads: Any, encode: Encode, batch: Batch) -> Loss:
        """Its loss on a batch of tensors."""

    def audit(self, clean: Columns, finished: Columns, vocabulary: Vocabulary) -> list[Check]:
        """What correct columns of it satisfy, observed against expected."""


def make_objectives(chosen: Mapping[str, Settings]) -> dict[str, Objective]:
    """The chosen objectives by name, each with its settings."""
    return {name: OBJECTIVES.load(name)(settings) for name, settings in chosen.items()}


def make_default_objectives(names: Sequence[str]) -> dict[str, Objective]:
    """Objectives by name, each with its default settings."""
    return make_objectives({name: OBJECTIVES.load(name).Settings() for name in names})


def relations_of(objectives: Mapping[str, Objective]) -> tuple[str, ...]:
    """The relations of the one objective that decides on them, or none."""
    return next((objective.relations for objective in objectives.values() if objective.relations), ())
