"""What an objective file provides: one self-supervised signal, its data half and its model half together.

The data half (``relations``, ``reads``, ``corrupt``, ``count``, ``targets``, ``audit``) works on numpy columns and is
the same for static and dynamic masking; every draw is a hash of (seed, purpose, epoch, example, position). The model
half (``heads``, ``loss``) works on tensors. Module level imports torch for typing only.

Four objectives that come with their architectures fit without a special case, and ``tests/contract/test_sketches.py``
holds it: causal LM writes ``labels`` and needs ``causal``; biLM reads the ``forward`` and ``backward`` streams;
permutation LM writes ranks (batch, seq) and reads the ``query`` stream; RTD asks for a second encoder, ``generator``,
calls ``encode`` twice and has two losses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from bertcli.core.component_folder import Folder
from bertcli.core.settings import Settings
from bertcli.errors import ConfigError

if TYPE_CHECKING:
    from bertcli.contracts.audit import Check, Evidence
    from bertcli.contracts.batch import Batch, Columns
    from bertcli.contracts.encoder import Encoded
    from bertcli.contracts.loss import Loss
    from bertcli.contracts.vocabulary import Vocabulary

OBJECTIVES = Folder("bertcli.objectives", "objective")

Encode = Callable[[str, "Batch"], "Encoded"]
"""``encode(name, batch)``: the named encoder's output, computed once however many objectives ask."""


@dataclass(frozen=True)
class Head:
    """A head that an objective asks the architecture for.

    ``language_model`` (targets, hidden) → (targets, vocab); ``pair`` (sequences, hidden) → (sequences, 2), the one that
    transformers saves; ``sequence`` (sequences, hidden) → (sequences, outputs) and ``token`` (targets, hidden) →
    (targets, outputs), which transformers has no place for.
    """

    kind: Literal["language_model", "pair", "sequence", "token"]
    outputs: int = 2
    encoder: str = "main"
    """The encoder whose states it reads; only the heads of ``main`` are saved."""

    @property
    def reads_pooled(self) -> bool:
        """Whether it reads the pooled vector."""
        return self.kind in ("pair", "sequence")


@dataclass(frozen=True)
class Corruption:
    """What ``corrupt`` may draw from: seed and epoch of the data, the vocabulary, and the share of the run done."""

    seed: int
    epoch: int
    vocabulary: Vocabulary
    progress: float = 0.0


class Objective(Protocol):
    """One pretraining signal. An instance holds its settings and nothing else."""

    Settings: ClassVar[type[Settings]]
    writes: ClassVar[frozenset[str]]
    """Columns it writes; a run has one writer per column."""
    needs: ClassVar[frozenset[str]]
    """Abilities that the architecture must have."""
    encoders: ClassVar[tuple[str, ...]]
    """Encoders it calls by name, usually ``("main",)``."""
    heads: ClassVar[Mapping[str, Head]]
    """The heads it calls by name; objectives that name the same one share it."""
    relations: ClassVar[tuple[str, ...]]
    """How segment B relates to A, one entry per class (``next``, ``random``, ``swapped``, ``distant``).

    Empty: it has no say in how sequences are built. At most one objective of a run has."""
    label_column: ClassVar[str | None]
    """The column that holds the index into ``relations``."""

    settings: Any
    """Its ``Settings``."""

    @property
    def reads(self) -> frozenset[str]:
        """Columns (batch, seq) that it reads beside the usual ones; see ``data/token_columns.py``."""

    def for_evaluation(self) -> Objective:
        """The objective as it is evaluated: alike in every run, whatever it is trained with."""

    def corrupt(self, columns: Columns, corruption: Corruption) -> Columns:
        """The columns it writes, for clean ``columns`` of a batch; vectorised, and pure."""

    def count(self, columns: Columns) -> dict[str, int]:
        """The number of targets of each of its losses in finished columns; most have one loss, of their own name."""

    def targets(self, columns: Columns) -> NDArray[np.bool_]:
        """The positions (batch, seq) whose hidden states its loss reads; the last layer is computed only there."""

    def loss(self, heads: Any, encode: Encode, batch: Batch) -> dict[str, Loss]:
        """Its losses on a batch of tensors, under the names of ``count``."""

    def weights(self, progress: float) -> dict[str, float]:
        """The factor of each of its losses when the share ``progress`` of the run is done.

        The keys are the names of its losses, those of ``count``: all of them, whatever the progress.
        """

    def audit(self, evidence: Evidence) -> list[Check]:
        """What correct columns of it satisfy, observed against expected; names begin with the objective's own."""


def make_objectives(chosen: Mapping[str, Settings]) -> dict[str, Objective]:
    """The chosen objectives by name, each with its settings.

    Raises ``ConfigError`` where two of them want the same thing differently.
    """
    objectives: dict[str, Objective] = {name: OBJECTIVES.load(name)(settings) for name, settings in chosen.items()}
    deciding = [name for name, objective in objectives.items() if objective.relations]
    if len(deciding) > 1:
        raise ConfigError(
            f"{' and '.join(deciding)} both decide how segments are paired",
            hint="keep one of them: a pair is built for one question",
        )
    for (name, one), (other_name, other) in combinations(objectives.items(), 2):
        both = sorted(one.writes & other.writes)
        if both:
            raise ConfigError(
                f"{name} and {other_name} both write {', '.join(both)}", hint="keep one of them: they hide the pieces"
            )
    return objectives


def make_default_objectives(names: Sequence[str]) -> dict[str, Objective]:
    """Objectives by name, each with its default settings."""
    return make_objectives({name: OBJECTIVES.load(name).Settings() for name in names})


def relations_of(objectives: Mapping[str, Objective]) -> tuple[str, ...]:
    """The relations of the one objective that decides on them, or none."""
    return next((objective.relations for objective in objectives.values() if objective.relations), ())


def columns_read(objectives: Mapping[str, Objective]) -> frozenset[str]:
    """What all objectives read beside the usual columns."""
    return frozenset().union(*(objective.reads for objective in objectives.values()))
