"""Masked language model: predict the pieces that were hidden.

Source
    Devlin et al. 2019, section 3.1 and appendix A.1; drawn anew in every epoch as in Liu et al. 2019, section 4.1.
Reads
    ``input_ids``, ``special_tokens_mask``.
Writes
    ``input_ids`` (batch, seq) with pieces replaced, ``labels`` (batch, seq) with ``-100`` where nothing is predicted.
Loss
    Cross-entropy over the vocabulary at the chosen positions.
Differs
    Exactly max(1, round(probability · n)) of a sequence's n ordinary pieces are chosen, those with the smallest hashes;
    random pieces are never specials.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from bertcli.contracts.audit import Check, Evidence, binomial, exact
from bertcli.contracts.batch import IGNORED, Batch, Columns
from bertcli.contracts.objective import Corruption, Encode, Head
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.core.ramps import Ramp, Rate, Weight
from bertcli.core.randomness import below, hash64, uniform
from bertcli.core.settings import Settings, Share

if TYPE_CHECKING:
    from bertcli.contracts.loss import Loss

__all__ = ["MaskedLanguageModel"]


class MaskedLanguageModelSettings(Settings):
    """How much is masked, and how."""

    weight: Weight = Ramp.constant(1.0)
    """Factor on the loss."""
    probability: Rate = Ramp.constant(0.15)
    """Share of a sequence's ordinary pieces that are predicted."""
    mask_share: Share = 0.8
    """Share of the predicted pieces that become [MASK]."""
    random_share: Share = 0.1
    """Share of the predicted pieces that become a random piece; the rest stay as they are."""

    @model_validator(mode="after")
    def _shares_fit(self) -> MaskedLanguageModelSettings:
        if self.mask_share + self.random_share > 1 + 1e-9:
            raise ValueError("mask_share and random_share together exceed 1")
        return self


class MaskedLanguageModel:
    """Predict the pieces that were hidden."""

    Settings = MaskedLanguageModelSettings
    writes: ClassVar[frozenset[str]] = frozenset({"input_ids", "labels"})
    needs: ClassVar[frozenset[str]] = frozenset()
    encoders: ClassVar[tuple[str, ...]] = ("main",)
    heads: ClassVar[Mapping[str, Head]] = {"language_model": Head("language_model")}
    relations: ClassVar[tuple[str, ...]] = ()
    label_column: ClassVar[str | None] = None

    def __init__(self, settings: MaskedLanguageModelSettings) -> None:
        self.settings = settings

    @property
    def reads(self) -> frozenset[str]:
        """Nothing but the pieces."""
        return frozenset()

    def for_evaluation(self) -> MaskedLanguageModel:
        """The objective with 15 % and 80/10/10, whatever it is trained with."""
        return MaskedLanguageModel(MaskedLanguageModelSettings(weight=self.settings.weight))

    def corrupt(self, columns: Columns, corruption: Corruption) -> Columns:
        """Choose positions, and replace 80 % by [MASK], 10 % by a random piece, 10 % by themselves."""
        input_ids = columns["input_ids"]
        counters = (corruption.epoch, columns["example_ids"][:, None], np.arange(input_ids.shape[1])[None, :])
        draws = hash64(corruption.seed, "mlm: choose", *counters)
        chosen = self._choose(columns["special_tokens_mask"] == 0, draws, corruption.progress)
        rows, positions = np.nonzero(chosen)
        at = (corruption.epoch, columns["example_ids"][rows], positions)
        action = uniform(hash64(corruption.seed, "mlm: action", *at))
        ordinary = corruption.vocabulary.ordinary_ids
        random_ids = ordinary[below(hash64(corruption.seed, "mlm: random piece", *at), len(ordinary))]
        masked, replaced = self.settings.mask_share, self.settings.mask_share + self.settings.random_share
        original = input_ids[rows, positions]
        corrupted = input_ids.copy()
        corrupted[rows, positions] = np.select(
            [action < masked, action < replaced], [corruption.vocabulary.mask_id, random_ids], original
        )
        return {"input_ids": corrupted, "labels": np.where(chosen, input_ids, IGNORED)}

    def _choose(self, maskable: NDArray[np.bool_], draws: NDArray[np.uint64], progress: float) -> NDArray[np.bool_]:
        """The max(1, round(probability · n)) maskable positions of each row with the smallest draws."""
        counts = maskable.sum(axis=1)
        probability = self.settings.probability.at(progress)
        wanted = np.minimum(np.maximum(1, np.rint(probability * counts)), counts).astype(np.int64)
        draws = np.where(maskable, draws, np.uint64(0xFFFFFFFFFFFFFFFF))
        ordered = np.sort(draws, axis=1)
        bound = np.take_along_axis(ordered, np.maximum(wanted - 1, 0)[:, None], axis=1)
        chosen: NDArray[np.bool_] = maskable & (draws <= bound) & (wanted > 0)[:, None]
        return chosen

    def count(self, columns: Columns) -> dict[str, int]:
        """Predicted positions."""
        return {"mlm": int((columns["labels"] != IGNORED).sum())}

    def targets(self, columns: Columns) -> NDArray[np.bool_]:
        """Positions (batch, seq) whose hidden states the loss reads."""
        read: NDArray[np.bool_] = columns["labels"] != IGNORED
        return read

    def loss(self, heads: Any, encode: Encode, batch: Batch) -> dict[str, Loss]:
        """Cross-entropy at the predicted positions; logits are computed nowhere else."""
        hidden = encode("main", batch).streams["targets"].flatten(0, 1)
        labels = batch["labels"].gather(1, batch["target_positions"]).flatten()
        read = batch["mlm:targets"]
        return {"mlm": heads["language_model"].loss(hidden.index_select(0, read), labels.index_select(0, read))}

    def weights(self, progress: float) -> dict[str, float]:
        """The weight as set, which may move."""
        return {"mlm": self.settings.weight.at(progress)}

    def audit(self, evidence: Evidence) -> list[Check]:
        """Exact counts per sequence, 80/10/10 within binomial bounds, no special ever predicted."""
        clean, finished, vocabulary = evidence.clean, evidence.finished, evidence.vocabulary
        labels, corrupted, original = finished["labels"], finished["input_ids"], clean["input_ids"]
        predicted = labels != IGNORED
        maskable = clean["special_tokens_mask"] == 0
        counts = maskable.sum(axis=1)
        wanted = np.minimum(np.maximum(1, np.rint(self.settings.probability.at(evidence.progress) * counts)), counts)
        predictions = predicted.sum(axis=1)
        total = int(predictions.sum())
        is_mask = predicted & (corrupted == vocabulary.mask_id)
        changed = predicted & (corrupted != original) & ~is_mask
        # A random piece is the original one once in |V| draws.
        ordinary = len(vocabulary.ordinary_ids)
        random_share = self.settings.random_share * (1 - 1 / ordinary)
        kept_share = 1 - self.settings.mask_share - random_share
        wrong_labels = float((labels != original)[predicted].sum())
        strays = float(((corrupted != original) & ~predicted).sum())
        expected_rate = float(wanted.sum() / max(1, counts.sum()))
        return [
            exact("mlm: share of pieces predicted", total / max(1, int(counts.sum())), expected_rate),
            exact(
                "mlm: sequences with a wrong number of predictions", float((predicted.sum(axis=1) != wanted).sum()), 0
            ),
            exact("mlm: specials or padding predicted", float((predicted & ~maskable).sum()), 0),
            exact("mlm: labels that are not the original piece", wrong_labels, 0, needs_originals=True),
            exact("mlm: pieces changed but not predicted", strays, 0, needs_originals=True),
            exact("mlm: specials drawn as random pieces", _specials_drawn(corrupted, changed, vocabulary), 0),
            binomial("mlm: predicted pieces that became [MASK]", int(is_mask.sum()), total, self.settings.mask_share),
            binomial("mlm: predicted pieces that became another piece", int(changed.sum()), total, random_share),
            binomial("mlm: predicted pieces kept", total - int(is_mask.sum()) - int(changed.sum()), total, kept_share),
        ]


def _specials_drawn(corrupted: NDArray[Any], changed: NDArray[np.bool_], vocabulary: Vocabulary) -> float:
    return float(np.isin(corrupted[changed], vocabulary.special_ids).sum())
