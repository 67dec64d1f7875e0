"""What objectives share that ask one question of every ordinary piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.audit import Check, Evidence, exact, informative
from bertcli.contracts.batch import IGNORED, Batch, Columns
from bertcli.contracts.objective import Encode

if TYPE_CHECKING:
    from bertcli.contracts.loss import Loss


def at_ordinary_pieces(columns: Columns, values: NDArray[Any]) -> NDArray[np.int64]:
    """Labels (batch, seq): the values where an ordinary piece stands, nothing to predict elsewhere."""
    return np.where(columns["special_tokens_mask"] == 0, values, IGNORED).astype(np.int64)


def are_predicted(columns: Columns, column: str) -> NDArray[np.bool_]:
    """(batch, seq) where the labels of a column are."""
    predicted: NDArray[np.bool_] = columns[column] != IGNORED
    return predicted


def token_loss(name: str, column: str, heads: Any, encode: Encode, batch: Batch) -> dict[str, Loss]:
    """Cross-entropy of the head ``name`` at the positions of the objective ``name``, against the labels of a column."""
    from bertcli.contracts.loss import cross_entropy

    hidden = encode("main", batch).streams["targets"].flatten(0, 1)
    labels = batch[column].gather(1, batch["target_positions"]).flatten()
    read = batch[f"{name}:targets"]
    return {name: cross_entropy(heads[name](hidden.index_select(0, read)), labels.index_select(0, read))}


def token_checks(name: str, column: str, source: str, evidence: Evidence, *, nowhere: str, ones: str) -> list[Check]:
    """Labels of a column stand at ordinary pieces and nowhere else, are those of ``source``, and are not all alike.

    Finished rows alone have no ``source``. ``nowhere`` says what it means when no label is 1, ``ones`` what ones are.
    """
    clean, labels = evidence.clean, evidence.finished[column]
    ordinary = clean["special_tokens_mask"] == 0
    predicted = labels != IGNORED
    values = labels[predicted & ordinary]
    checks = [
        exact(f"{name}: specials or padding with a label", float((predicted & ~ordinary).sum()), 0),
        exact(f"{name}: ordinary pieces without one", float((ordinary & ~predicted).sum()), 0),
        exact(f"{name}: labels outside 0 and 1", float((~np.isin(values, (0, 1))).sum()), 0),
        exact(f"{name}: all labels are alike ({nowhere}, or everywhere)", float(len(np.unique(values)) == 1), 0),
        informative(f"{name}: share of {ones}", float((values == 1).mean()) if len(values) else 0.0),
    ]
    if evidence.draws_known:
        wrong = (labels != clean[source]) & ordinary
        checks.insert(3, exact(f"{name}: labels that differ from the data", float(wrong.sum()), 0))
    return checks
