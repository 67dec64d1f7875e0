"""What an architecture file provides: settings, named sizes, an encoder and its heads.

transformers' classes do the mathematics; an architecture takes them apart into an encoder and heads, so that
objectives and tasks can combine them, and puts them together again for saving.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from bertcli.core import settings
from bertcli.core.component_folder import Folder, unknown_name

if TYPE_CHECKING:
    from torch import nn

    from bertcli.contracts.vocabulary import Vocabulary

ARCHITECTURES = Folder("bertcli.architectures", "architecture")


@dataclass(frozen=True)
class Size:
    """A published size: its settings, its vocabulary and the exact number of the encoder's parameters."""

    settings: Mapping[str, Any]
    vocabulary_size: int
    parameters: int


@dataclass(frozen=True)
class LoadedModel:
    """A checkpoint taken apart.

    ``heads`` are those the checkpoint holds, by name. ``missing`` are parameters that the checkpoint lacks and that
    start fresh; ``unused`` are parameters of the checkpoint that nothing here reads. ``labels`` are the class names
    that the checkpoint's head for labels was trained on, in the order of their ids.
    """

    encoder: Any
    heads: Mapping[str, nn.Module]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Term:
    """One line of a parameter count by hand: what is counted, how, and the result."""

    name: str
    formula: str
    count: int


@dataclass(frozen=True)
class HandCount:
    """An encoder's parameters counted with pencil and paper.

    ``weights_only`` leaves out biases, norms and the pooler, as papers count; ``exact`` has them all.
    """

    terms: tuple[Term, ...]
    weights_only: int
    exact: int


class Architecture(Protocol):
    """One family of models. The class is stateless; its functions are class methods."""

    Settings: ClassVar[type[settings.Settings]]
    model_type: ClassVar[str]
    """``config.json``'s ``model_type`` by which a checkpoint is recognised."""
    abilities: ClassVar[frozenset[str]]
    saved_heads: ClassVar[frozenset[str]]
    """The heads that the classes of transformers have a place for, by name; others are saved beside the model."""
    sizes: ClassVar[Mapping[str, Size]]
    parts: ClassVar[Mapping[str, str]]
    """The parts in which parameters are counted, each with a pattern that finds the names of its parameters."""

    @classmethod
    def configuration(cls, size: str, vocabulary: Vocabulary | None, *, overrides: settings.Settings) -> Any:
        """The configuration of transformers for a named size, changed by what ``overrides`` sets.

        None stands for the vocabulary that the size was published with.
        """

    @classmethod
    def build(cls, config: Any, *, pooled: bool) -> Any:
        """An encoder with fresh weights from torch's generator; ``pooled``: whether the pooled vector is read."""

    @classmethod
    def head(cls, name: str, encoder: Any, *, outputs: int = 2, inputs: int | None = None) -> nn.Module:
        """A fresh head, initialised as transformers initialises its own.

        ``language_model``: (targets, hidden) → logits (targets, vocab), tied to the embeddings; its
        ``loss(hidden, labels)`` is their cross-entropy as a ``Loss``, computed without keeping them.
        ``pair``: (sequences, hidden) → (sequences, 2).
        ``sequence``: (sequences, hidden) → (sequences, outputs), a linear layer on the pooled vector as in ``pair``.
        ``token``: (targets, hidden) → (targets, outputs), a linear layer on the hidden states.
        ``classification``: (sequences, inputs) → (sequences, outputs), with its dropout; ``inputs`` is the width of
        the vectors where it is not that of the hidden states.
        ``token_classification``: (sequences, seq, hidden) → (sequences, seq, outputs), with its dropout.
        ``span``: (sequences, seq, hidden) → (sequences, seq, 2), a linear layer for starts and ends.
        ``choice``: (sequences, inputs) → (sequences, 1), with its dropout.
        """

    @classmethod
    def load(cls, directory: Path, *, pooled: bool) -> LoadedModel:
        """Take a checkpoint directory in transformers' format apart."""

    @classmethod
    def assemble(cls, encoder: Any, heads: Mapping[str, nn.Module]) -> Any:
        """The model of transformers that holds these parts, sharing their parameters, for saving.

        ``heads`` are among ``saved_heads``. Where the only class that has a place for all parts has one for another
        head too, that head is fresh.
        """

    @classmethod
    def configuration_from(cls, values: Mapping[str, Any]) -> Any:
        """The configuration with the values of a ``config.json``. Raises ``ConfigError`` without a path."""

    @classmethod
    def has_pooler(cls, config: Any) -> bool:
        """Whether the model class that ``config.json`` names has a pooler."""

    @classmethod
    def depth_of(cls, name: str, config: Any) -> int:
        """The depth of the encoder's parameter of that name: 0 the embeddings, 1 to N the layers, N + 1 the pooler.

        Raises ``ValueError`` for a name that belongs to none of them.
        """

    @classmethod
    def count_by_hand(cls, config: Any, *, pooled: bool) -> HandCount:
        """The encoder's parameters, counted from its configuration line by line."""


def find_size(name: str) -> tuple[str, Size]:
    """The architecture and size of a name such as ``bert-mini``. Raises ``ConfigError`` with the nearest name."""
    known: dict[str, tuple[str, Size]] = {}
    for architecture in ARCHITECTURES.names():
        for size_name, size in ARCHITECTURES.load(architecture).sizes.items():
            known[size_name] = (architecture, size)
    if name not in known:
        raise unknown_name("architecture", name, known)
    return known[name]
