"""The audit of masks: what was hidden, counted over all rows, and against the rule told plainly for some of them.

``plain_choice`` shares no code with what hides the pieces, but the hash itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.audit import Check, Evidence, above, binomial, exact, informative
from bertcli.contracts.batch import IGNORED, Columns
from bertcli.contracts.objective import Corruption
from bertcli.core.randomness import hash64, uniform
from bertcli.objectives._units import Units

if TYPE_CHECKING:
    from bertcli.objectives.mlm import MaskedLanguageModelSettings

Noun = Literal["pieces", "units"]

_ROWS_TOLD_PLAINLY = 300


@dataclass(frozen=True)
class _Facts:
    """What each position (batch, seq) is."""

    maskable: NDArray[np.bool_]
    predicted: NDArray[np.bool_]
    is_mask: NDArray[np.bool_]
    is_random: NDArray[np.bool_]
    """Predicted, and another piece than the original."""


def audit_masks(
    settings: MaskedLanguageModelSettings,
    evidence: Evidence,
    starts: NDArray[np.bool_] | None,
) -> list[Check]:
    """All checks; ``starts`` (batch, seq) is where units begin, None where the rows no longer tell."""
    clean, finished, corruption = evidence.clean, evidence.finished, evidence.corruption
    corrupted, original = finished["input_ids"], clean["input_ids"]
    predicted = finished["labels"] != IGNORED
    is_mask = corrupted == corruption.vocabulary.mask_id
    facts = _Facts(
        clean["special_tokens_mask"] == 0, predicted, is_mask, predicted & (corrupted != original) & ~is_mask
    )
    specials_drawn = facts.is_random & corruption.vocabulary.is_special[corrupted]
    units = None if starts is None else Units.of(starts, facts.maskable)
    return [
        *_numbers(settings, facts, corruption),
        *(_against_the_rule(settings, clean, facts, corruption) if evidence.draws_known else []),
        *(_against_the_originals(facts, clean, finished) if evidence.draws_known else []),
        exact("mlm: specials or padding predicted", _count(predicted & ~facts.maskable), 0),
        exact("mlm: [MASK] where nothing is predicted", _count(is_mask & ~predicted), 0),
        exact("mlm: specials drawn as random pieces", _count(specials_drawn), 0),
        *(_fates_of_pieces(settings, facts, corruption) if units is None else []),
        *([] if units is None else _fates_of_units(settings, facts, units, corruption)),
    ]


def _count(where: NDArray[np.bool_]) -> float:
    return float(where.sum())


def _numbers(settings: MaskedLanguageModelSettings, facts: _Facts, corruption: Corruption) -> list[Check]:
    """How many pieces are predicted: of single pieces exactly the rate, of larger units about that."""
    counts = facts.maskable.sum(axis=1)
    rate = settings.probability.at(corruption.progress)
    wanted = np.minimum(np.maximum(1, np.rint(rate * counts)), counts)
    pieces = max(1, int(counts.sum()))
    name, observed, expected = "mlm: share of pieces predicted", facts.predicted.sum() / pieces, wanted.sum() / pieces
    if settings.unit != "token":
        return [informative(name, float(observed), float(expected))]
    wrong = _count(facts.predicted.sum(axis=1) != wanted)
    return [
        exact(name, float(observed), float(expected)),
        exact("mlm: sequences with a wrong number of predictions", wrong, 0),
    ]


def _against_the_originals(facts: _Facts, clean: Columns, finished: Columns) -> list[Check]:
    """Labels are what stood there, and nothing else was changed."""
    wrong_labels = facts.predicted & (finished["labels"] != clean["input_ids"])
    strays = ~facts.predicted & (finished["input_ids"] != clean["input_ids"])
    return [
        exact("mlm: labels that are not the original piece", _count(wrong_labels), 0),
        exact("mlm: pieces changed but not predicted", _count(strays), 0),
    ]


def _against_the_rule(
    settings: MaskedLanguageModelSettings, clean: Columns, facts: _Facts, corruption: Corruption
) -> list[Check]:
    """Sequences, spread over all, whose predictions are those of the plain rule."""
    rows = np.unique(np.linspace(0, len(facts.predicted) - 1, _ROWS_TOLD_PLAINLY).astype(np.int64))
    wrong_number = wrong_choice = 0
    for row in rows if len(facts.predicted) else ():
        expected = plain_choice(settings, {name: values[row] for name, values in clean.items()}, corruption)
        observed = np.flatnonzero(facts.predicted[row]).tolist()
        wrong_number += len(observed) != len(expected)
        wrong_choice += observed != expected
    checks = [exact("mlm: sequences with other predictions than the rule's", wrong_choice, 0)]
    if settings.unit != "token":
        checks.insert(0, exact("mlm: sequences with a wrong number of predictions", wrong_number, 0))
    return checks


def plain_choice(settings: MaskedLanguageModelSettings, row: Columns, corruption: Corruption) -> list[int]:
    """The positions of one row that are to be predicted, in order."""
    units = _plain_units(settings, row, corruption)
    pieces = sum(map(len, units))
    wanted = max(1, round(settings.probability.at(corruption.progress) * pieces))
    positions = np.arange(len(row["input_ids"]))
    draws = hash64(corruption.seed, "mlm: choose", corruption.epoch, row["example_ids"], positions).tolist()
    chosen: list[int] = []
    for unit in sorted(units, key=lambda unit: draws[unit[0]]):
        nearer = abs(len(chosen) - wanted) - abs(len(chosen) + len(unit) - wanted)
        if chosen and (nearer < 0 or (nearer == 0 and not draws[unit[0]] >> 32 & 1)):
            break
        chosen += unit
    return sorted(chosen)


def _plain_units(settings: MaskedLanguageModelSettings, row: Columns, corruption: Corruption) -> list[list[int]]:
    """The units of one row, each the positions of its pieces."""
    special = row["special_tokens_mask"].tolist()
    words = row["word_starts"].tolist() if "word_starts" in row else special
    spans = row["spans"].tolist() if "spans" in row else special
    lengths = _plain_lengths(settings, row, corruption)
    units: list[list[int]] = []
    word = left = 0
    for position in range(len(special)):
        if special[position]:
            continue
        is_front = position == 0 or bool(special[position - 1])
        match settings.unit:
            case "token":
                begins = True
            case "word":
                begins = is_front or bool(words[position])
            case "entity":
                begins = is_front or spans[position] == 1 or bool(spans[position]) != bool(spans[position - 1])
                begins = begins or (spans[position] == 0 and bool(words[position]))
            case _:
                begins = False
                if is_front or words[position]:
                    begins = is_front or left == 0
                    left = lengths[word] - 1 if begins else left - 1
                    word += 1
        if begins:
            units.append([])
        units[-1].append(position)
    return units


def _plain_lengths(settings: MaskedLanguageModelSettings, row: Columns, corruption: Corruption) -> list[int]:
    """The length of the run that begins at each word of a row, if one does."""
    if settings.unit == "span":
        weights = [(1 - settings.span_stop) ** (words - 1) for words in range(1, settings.longest_span + 1)]
    elif settings.unit == "ngram":
        weights = [1 / words for words in range(1, settings.longest_ngram + 1)]
    else:
        return []
    numbers = np.arange(len(row["input_ids"]))
    draws = hash64(corruption.seed, "units: words in a run", corruption.epoch, row["example_ids"], numbers)
    bounds = [bound / sum(weights) for bound in accumulate(weights)]
    return [_first_above(bounds, draw) for draw in uniform(draws).tolist()]


def _first_above(bounds: Sequence[float], draw: float) -> int:
    return next((number for number, bound in enumerate(bounds, 1) if draw < bound), len(bounds))


def _fates_of_units(
    settings: MaskedLanguageModelSettings, facts: _Facts, units: Units, corruption: Corruption
) -> list[Check]:
    """Whether units are hidden as one, and 80/10/10 of them."""
    predicted, masked, changed = (units.sums(where) for where in (facts.predicted, facts.is_mask, facts.is_random))
    hidden = predicted == units.pieces
    total = int(hidden.sum())
    are_masks = int((hidden & (masked == units.pieces)).sum())
    are_random = int((hidden & (masked == 0) & (changed > 0)).sum())
    # Random pieces are all the original ones once in |V| ** pieces draws.
    by_chance = float((len(corruption.vocabulary.ordinary_ids) ** -units.pieces[hidden].astype(np.float64)).mean())
    noun: Noun = "pieces" if settings.unit == "token" else "units"
    checks = _shares(settings, noun, total, are_masks, are_random, by_chance if total else 0.0)
    if settings.unit == "token":
        return checks
    return [
        exact("mlm: units predicted in part", _count((predicted > 0) & ~hidden), 0),
        exact("mlm: units masked in part", _count(hidden & (masked > 0) & (masked < units.pieces)), 0),
        above("mlm: mean pieces in a unit", float(units.pieces.mean()) if len(units.pieces) else 0.0, 1.0),
        informative("mlm: mean pieces in a predicted unit", float(units.pieces[hidden].mean()) if total else 0.0),
        *checks,
    ]


def _fates_of_pieces(settings: MaskedLanguageModelSettings, facts: _Facts, corruption: Corruption) -> list[Check]:
    """80/10/10 where units are not known: pieces side by side count as drawn at once, which allows for more."""
    ends = np.flatnonzero(np.append(~facts.predicted.ravel(), True))
    runs = np.diff(ends, prepend=-1) - 1
    total = int(runs.sum())
    effect = float((runs**2).sum() / max(1, total))
    by_chance = 1 / len(corruption.vocabulary.ordinary_ids)
    are_masks, are_random = int((facts.predicted & facts.is_mask).sum()), int(facts.is_random.sum())
    return _shares(settings, "pieces", total, are_masks, are_random, by_chance, effect)


def _shares(
    settings: MaskedLanguageModelSettings,
    noun: Noun,
    total: int,
    masks: int,
    random: int,
    by_chance: float,
    effect: float = 1.0,
) -> list[Check]:
    """80/10/10 of ``total`` pieces or units; of random ones the share ``by_chance`` are the original ones."""
    share = settings.random_share * (1 - by_chance)
    shares = {
        "that became [MASK]": (masks, settings.mask_share),
        "that became another piece" if noun == "pieces" else "that became other pieces": (random, share),
        "kept": (total - masks - random, 1 - settings.mask_share - share),
    }
    # Shares that together are 1 may leave less than nothing: 1 - 0.8 - 0.2 is -5.6e-17.
    return [
        binomial(f"mlm: predicted {noun} {fate}", observed, total, min(1.0, max(0.0, expected)), design_effect=effect)
        for fate, (observed, expected) in shares.items()
    ]
