"""Examples of pretraining data, shown piece by piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertcli.config.mask import MaskShow
from bertcli.contracts.batch import IGNORED
from bertcli.contracts.objective import Objective
from bertcli.data.audit_sample import Sample
from bertcli.data.opening import load_data_tokenizer
from bertcli.stages.mask_view import open_view
from bertcli.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class ShownPiece:
    """One piece of a shown example; ``fate`` is plain, special, masked, replaced or kept."""

    text: str
    fate: str
    original: str
    segment: int
    """0 in ``[CLS] A [SEP]``, 1 in ``B [SEP]``."""
    unit: int | None
    """Pieces predicted side by side have one number, counted in each example; None where nothing is predicted."""
    labels: dict[str, int]
    """What other objectives than those that hide pieces want to know of it, by column."""


@dataclass(frozen=True)
class ShownExample:
    """One example, piece by piece, and its sequence-level labels in words."""

    number: int
    pieces: list[ShownPiece]
    labels: dict[str, str]


def show_masks(config: MaskShow) -> list[ShownExample]:
    """The first examples of an epoch, piece by piece."""
    view = open_view(config)
    sample = view.sample(np.arange(min(config.limit, view.examples)))
    tokenizer = load_data_tokenizer(view.opened.data)
    objectives = view.opened.objectives
    return [
        ShownExample(row, _pieces(sample, row, tokenizer, objectives), _labels_in_words(sample, row, objectives))
        for row in range(len(sample.original))
    ]


def _pieces(sample: Sample, row: int, tokenizer: Tokenizer, objectives: dict[str, Objective]) -> list[ShownPiece]:
    finished, facts = sample.finished, tokenizer.vocabulary
    length = int(finished["attention_mask"][row].sum())
    before, after = sample.clean["input_ids"][row, :length], finished["input_ids"][row, :length]
    is_predicted = finished["labels"][row, :length] != IGNORED if "labels" in finished else before != after
    is_mask, is_special = after == facts.mask_id, facts.is_special[before]
    fates = np.select(
        [is_predicted & is_mask, is_predicted & (after != before), is_predicted, is_special],
        ["masked", "replaced", "kept", "special"],
        "plain",
    )
    of_tokens = {column: finished[column][row, :length] for column in _token_columns(sample, objectives)}
    return [
        ShownPiece(text, fate, original, segment, unit, labels)
        for text, fate, original, segment, unit, labels in zip(
            tokenizer.pieces(after.tolist()),
            fates.tolist(),
            tokenizer.pieces(before.tolist()),
            finished["token_type_ids"][row, :length].tolist(),
            _units(is_predicted),
            [_asked(of_tokens, position) for position in range(length)],
            strict=True,
        )
    ]


def _units(is_predicted: NDArray[np.bool_]) -> list[int | None]:
    numbers = np.cumsum(is_predicted & ~np.concatenate([[False], is_predicted[:-1]])) - 1
    return [number if predicted else None for number, predicted in zip(numbers.tolist(), is_predicted, strict=True)]


def _token_columns(sample: Sample, objectives: dict[str, Objective]) -> list[str]:
    """Columns (batch, seq) that objectives write beside the pieces and what they were."""
    written = set().union(*(objective.writes for objective in objectives.values())) - {"input_ids", "labels"}
    return sorted(column for column in written if sample.finished[column].ndim == 2)


def _asked(of_tokens: dict[str, NDArray[Any]], position: int) -> dict[str, int]:
    values = {column: int(labels[position]) for column, labels in of_tokens.items()}
    return {column: value for column, value in values.items() if value != IGNORED}


def _labels_in_words(sample: Sample, row: int, objectives: dict[str, Objective]) -> dict[str, str]:
    return {
        objective.label_column: _in_words(objective.relations, int(sample.finished[objective.label_column][row]))
        for objective in objectives.values()
        if objective.label_column is not None
    }


def _in_words(relations: Sequence[str], label: int) -> str:
    return relations[label] if 0 <= label < len(relations) else str(label)
