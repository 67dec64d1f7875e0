"""Masked language model: predict the pieces that were hidden.

Source
    Devlin et al. 2019, section 3.1 and appendix A.1; drawn anew in every epoch as in Liu et al. 2019, section 4.1.
    Units: whole words as in BERT's release of May 2019; spans as in SpanBERT (Joshi et al. 2020, section 3.1); n-grams
    as in ALBERT (Lan et al. 2020, section 4.1); entities and phrases as in ERNIE 1.0 (Sun et al. 2019, section 3.2).
Reads
    ``input_ids``, ``special_tokens_mask``; ``word_starts`` for any unit but the token, ``spans`` for entities.
Writes
    ``input_ids`` (batch, seq) with pieces replaced, ``labels`` (batch, seq) with ``-100`` where nothing is predicted.
Loss
    Cross-entropy over the vocabulary at the chosen positions.
Differs
    Exactly max(1, round(probability · n)) of a sequence's n ordinary pieces are chosen, those with the smallest hashes;
    of larger units as many as come nearest to that, at least one, so that the rate is right on average: a coin decides
    where two numbers are as near. Random pieces are never specials.
    Whole words: the release passes over a word that would exceed the number, which favours short ones, and draws
    80/10/10 for every piece; here it is drawn once for a unit.
    Spans: a sequence is cut into runs of the paper's lengths, from front to end, and runs are chosen among them; the
    paper draws a length and a place until enough is masked. The span boundary objective is not part of it.
    N-grams: the paper predicts up to 15 % with n at most 3, as here, and does not say how they are placed.
    Entities: the paper masks pieces, then phrases, then entities, in stages; here words outside of spans are units
    beside them from the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from bertcli.contracts.audit import Check, Evidence
from bertcli.contracts.batch import IGNORED, Batch, Columns
from bertcli.contracts.objective import Corruption, Encode, Head
from bertcli.core.ramps import Ramp, Rate, Weight
from bertcli.core.randomness import below, hash64, uniform
from bertcli.core.settings import Flag, ProperShare, Settings, Share
from bertcli.objectives._mask_audit import audit_masks
from bertcli.objectives._units import (
    Unit,
    Units,
    choose_units,
    entity_starts,
    geometric_shares,
    harmonic_shares,
    pieces_wanted,
    run_starts,
    word_starts,
)

if TYPE_CHECKING:
    from bertcli.contracts.loss import Loss

__all__ = ["MaskedLanguageModel"]

_WORDS = frozenset({"word_starts"})
_READS = {"token": frozenset[str](), "word": _WORDS, "span": _WORDS, "ngram": _WORDS, "entity": _WORDS | {"spans"}}


class MaskedLanguageModelSettings(Settings):
    """How much is masked, and how."""

    weight: Weight = Ramp.constant(1.0)
    """Factor on the loss."""
    unit: Annotated[Unit, Flag("--mask-unit")] = "token"
    """What is masked as a whole: a piece, a word, a span or n-gram of words, or an entity (a word where none is)."""
    probability: Annotated[Rate, Flag("--mask-rate")] = Ramp.constant(0.15)
    """Share of a sequence's ordinary pieces that are predicted."""
    mask_share: Share = 0.8
    """Share of the predicted units that become [MASK]."""
    random_share: Share = 0.1
    """Share of the predicted units whose pieces become random ones; the rest stay as they are."""
    span_stop: ProperShare = 0.2
    """Spans: probability that one ends after each of its words (Joshi et al. 2020)."""
    longest_span: Annotated[int, Field(ge=1)] = 10
    """Spans: words in the longest (Joshi et al. 2020)."""
    longest_ngram: Annotated[int, Field(ge=1)] = 3
    """N-grams: words in the longest (Lan et al. 2020)."""

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
        """What the units are told by."""
        return _READS[self.settings.unit]

    def for_evaluation(self) -> MaskedLanguageModel:
        """The objective with single pieces, 15 % and 80/10/10, whatever it is trained with.

        So the figures of runs with different units compare, and data without words are evaluated alike.
        """
        return MaskedLanguageModel(MaskedLanguageModelSettings(weight=self.settings.weight))

    def corrupt(self, columns: Columns, corruption: Corruption) -> Columns:
        """Choose units, and replace 80 % by [MASK], 10 % by random pieces, 10 % by themselves."""
        input_ids = columns["input_ids"]
        width = input_ids.shape[1]
        chosen, firsts = self._choose(columns, corruption)
        examples = columns["example_ids"][chosen // width]
        of_unit = (corruption.epoch, examples, firsts % width)
        of_piece = (corruption.epoch, examples, chosen % width)
        action = uniform(hash64(corruption.seed, "mlm: action", *of_unit))
        ordinary = corruption.vocabulary.ordinary_ids
        random_ids = ordinary[below(hash64(corruption.seed, "mlm: random piece", *of_piece), len(ordinary))]
        masked, replaced = self.settings.mask_share, self.settings.mask_share + self.settings.random_share
        original = input_ids.ravel()[chosen]
        corrupted = input_ids.copy()
        corrupted.reshape(-1)[chosen] = np.select(
            [action < masked, action < replaced], [corruption.vocabulary.mask_id, random_ids], original
        )
        labels = np.full(input_ids.shape, IGNORED, dtype=input_ids.dtype)
        labels.reshape(-1)[chosen] = original
        return {"input_ids": corrupted, "labels": labels}

    def _choose(self, columns: Columns, corruption: Corruption) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where the chosen pieces stand in the flattened (batch, seq), and where the unit of each begins."""
        maskable = columns["special_tokens_mask"] == 0
        examples, (rows, width) = columns["example_ids"], maskable.shape
        wanted = pieces_wanted(maskable, self.settings.probability.at(corruption.progress))
        if self.settings.unit == "token":  # as below with every piece a unit, and several times as fast
            counters = (corruption.epoch, examples[:, None], np.arange(width)[None, :])
            draws = hash64(corruption.seed, "mlm: choose", *counters)
            chosen = np.flatnonzero(_smallest(draws, maskable, wanted))
            return chosen, chosen
        units = Units.of(self.unit_starts(columns, corruption), maskable)
        draws = hash64(
            corruption.seed, "mlm: choose", corruption.epoch, examples[units.firsts // width], units.firsts % width
        )
        hidden = units.spread(choose_units(units, draws, wanted, (rows, width)))
        return units.members[hidden], units.spread(units.firsts)[hidden]

    def unit_starts(self, columns: Columns, corruption: Corruption) -> NDArray[np.bool_]:
        """(batch, seq) where units begin."""
        settings = self.settings
        match settings.unit:
            case "token":
                return np.asarray(columns["special_tokens_mask"] == 0)
            case "word":
                return word_starts(columns)
            case "entity":
                return entity_starts(columns)
            case "span":
                return run_starts(columns, geometric_shares(settings.span_stop, settings.longest_span), corruption)
            case "ngram":
                return run_starts(columns, harmonic_shares(settings.longest_ngram), corruption)

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
        """Counts per sequence, whole units, 80/10/10 within binomial bounds, no special ever predicted."""
        is_known = evidence.draws_known or self.settings.unit == "token"
        starts = self.unit_starts(evidence.clean, evidence.corruption) if is_known else None
        return audit_masks(self.settings, evidence, starts)


def _smallest(draws: NDArray[np.uint64], maskable: NDArray[np.bool_], wanted: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(batch, seq) the ``wanted`` (batch,) maskable positions of each row with the smallest draws."""
    draws = np.where(maskable, draws, np.uint64(0xFFFFFFFFFFFFFFFF))
    ordered = np.sort(draws, axis=1)
    bound = np.take_along_axis(ordered, np.maximum(wanted - 1, 0)[:, None], axis=1)
    chosen: NDArray[np.bool_] = maskable & (draws <= bound) & (wanted > 0)[:, None]
    return chosen
