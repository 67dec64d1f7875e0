"""Examples of pretraining data, shown piece by piece."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bertcli.config.mask import MaskShow
from bertcli.contracts.batch import IGNORED, Columns
from bertcli.data.examples import DynamicExamples
from bertcli.data.opening import OpenData
from bertcli.stages.mask_view import open_view
from bertcli.text.tokenizer_loading import load_tokenizer


@dataclass(frozen=True)
class ShownPiece:
    """One piece of a shown example; ``fate`` is plain, special, masked, replaced or kept."""

    text: str
    fate: str
    original: str


@dataclass(frozen=True)
class ShownExample:
    """One example, piece by piece, and its sequence-level labels in words."""

    number: int
    pieces: list[ShownPiece]
    labels: dict[str, str]


def show_masks(config: MaskShow) -> list[ShownExample]:
    """The first examples of an epoch, piece by piece."""
    opened = open_view(config)
    tokenizer = load_tokenizer(str(opened.data.vocabulary_directory))
    numbers = np.arange(min(config.limit, opened.examples.count(config.epoch)))
    if isinstance(opened.examples, DynamicExamples):
        original = opened.examples.clean(config.epoch, numbers)["input_ids"]
        finished = opened.examples.columns(config.epoch, numbers)
    else:
        finished = opened.examples.columns(config.epoch, numbers)
        original = finished["input_ids"]
        if "labels" in finished:
            original = np.where(finished["labels"] != IGNORED, finished["labels"], original)
    special = np.isin(original, opened.data.vocabulary.special_ids)
    predicted = finished["labels"] != IGNORED if "labels" in finished else np.zeros_like(special)
    shown = []
    for row in range(len(numbers)):
        length = int(finished["attention_mask"][row].sum())
        before = tokenizer.pieces(original[row, :length])
        after = tokenizer.pieces(finished["input_ids"][row, :length])
        pieces = [
            ShownPiece(new, _fate(is_special, is_predicted, new != old, new == mask), old)
            for new, old, is_special, is_predicted, mask in zip(
                after,
                before,
                special[row, :length].tolist(),
                predicted[row, :length].tolist(),
                [tokenizer.piece(opened.data.vocabulary.mask_id)] * length,
                strict=True,
            )
        ]
        shown.append(ShownExample(row, pieces, _labels_in_words(opened, finished, row)))
    return shown


def _fate(special: bool, predicted: bool, changed: bool, is_mask: bool) -> str:
    if not predicted:
        return "special" if special else "plain"
    if is_mask:
        return "masked"
    return "replaced" if changed else "kept"


def _labels_in_words(opened: OpenData, finished: Columns, row: int) -> dict[str, str]:
    return {
        objective.label_column: objective.relations[int(finished[objective.label_column][row])]
        for objective in opened.objectives.values()
        if objective.label_column is not None
    }
