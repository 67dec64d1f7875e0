"""The audit of masks passes what is right, and names what was broken."""

import numpy as np
import pytest

from bertcli.contracts.audit import Evidence
from bertcli.contracts.batch import IGNORED
from bertcli.contracts.objective import Corruption
from bertcli.objectives.mlm import MaskedLanguageModel, MaskedLanguageModelSettings

from .test_mlm import SIZE, UNITS, VOCABULARY, clean_columns

ROWS = 400


def audited(clean, finished, unit, progress=0.0, draws_known=True, **settings):
    objective = MaskedLanguageModel(MaskedLanguageModelSettings(unit=unit, **settings))
    corruption = Corruption(0, 1, VOCABULARY, progress)
    evidence = Evidence(clean, finished, corruption, draws_known)
    return {check.name: check for check in objective.audit(evidence)}


def masked(unit, progress=0.0, **settings):
    clean = clean_columns([100] * (ROWS - 10) + [9] * 10, 100)
    objective = MaskedLanguageModel(MaskedLanguageModelSettings(unit=unit, **settings))
    return clean, clean | objective.corrupt(clean, Corruption(0, 1, VOCABULARY, progress))


def failing(checks):
    return {name for name, check in checks.items() if not check.ok}


@pytest.mark.parametrize("unit", UNITS)
def test_masks_that_are_right_pass(unit):
    checks = audited(*masked(unit), unit)
    assert failing(checks) == set()
    assert checks["mlm: share of pieces predicted"].observed == pytest.approx(0.15, abs=0.005)


@pytest.mark.parametrize("unit", UNITS)
def test_the_audit_expects_the_rate_of_the_progress(unit):
    rate = {"probability": {"start": 0.4, "end": 0.1}}
    clean, finished = masked(unit, progress=0.5, **rate)
    assert failing(audited(clean, finished, unit, progress=0.5, **rate)) == set()
    assert "mlm: sequences with a wrong number of predictions" in failing(audited(clean, finished, unit, **rate))


def test_shares_that_leave_nothing_to_keep_are_audited():
    clean = clean_columns([100] * 400, 100)
    clean["word_starts"] = np.zeros_like(clean["special_tokens_mask"])
    clean["word_starts"][:, 1::10] = 1  # words of ten pieces, which are never the original ones by chance
    shares = {"mask_share": 0.8, "random_share": 0.2}  # 1 - 0.8 - 0.2 is less than 0 in floating point
    objective = MaskedLanguageModel(MaskedLanguageModelSettings(unit="word", **shares))
    checks = audited(clean, clean | objective.corrupt(clean, Corruption(0, 1, VOCABULARY)), "word", **shares)
    assert failing(checks) == set()
    assert checks["mlm: predicted units kept"].expected == 0


def test_the_mean_length_of_units_is_told():
    clean, finished = masked("word")
    ordinary, words = clean["special_tokens_mask"] == 0, clean["word_starts"] == 1
    words[:, 1] = True
    checks = audited(clean, finished, "word")
    assert checks["mlm: mean pieces in a unit"].observed == pytest.approx(ordinary.sum() / (words & ordinary).sum())


def test_whole_words_that_are_single_pieces_fail():
    clean = clean_columns([100] * 50, 100)
    clean["word_starts"] = 1 - clean["special_tokens_mask"]
    objective = MaskedLanguageModel(MaskedLanguageModelSettings(unit="word"))
    checks = audited(clean, clean | objective.corrupt(clean, Corruption(0, 1, VOCABULARY)), "word")
    assert failing(checks) == {"mlm: mean pieces in a unit"}


def first_of_two_kept(clean, finished):
    """One piece of a predicted word is not."""
    predicted = finished["labels"] != IGNORED
    pair = predicted[:, :-1] & predicted[:, 1:] & (clean["word_starts"][:, 1:] == 0)
    row, position = np.argwhere(pair)[0]
    finished["labels"][row, position] = IGNORED
    finished["input_ids"][row, position] = clean["input_ids"][row, position]


def half_masked(clean, finished):
    is_mask = finished["input_ids"] == VOCABULARY.mask_id
    pair = is_mask[:, :-1] & is_mask[:, 1:] & (clean["word_starts"][:, 1:] == 0)
    row, position = np.argwhere(pair)[0]
    finished["input_ids"][row, position] = clean["input_ids"][row, position]


def another_word(clean, finished):
    """The first row is hidden as the second one should be."""
    for name in ("labels", "input_ids"):
        finished[name][0] = clean[name][0] if name in clean else IGNORED
    where = finished["labels"][1] != IGNORED
    finished["labels"][0, where] = clean["input_ids"][0, where]
    finished["input_ids"][0, where] = VOCABULARY.mask_id


def labels_shifted(clean, finished):
    finished["labels"] = np.roll(finished["labels"], 1, axis=1)


def always_mask(clean, finished):
    finished["input_ids"][finished["labels"] != IGNORED] = VOCABULARY.mask_id


def never_mask(clean, finished):
    finished["input_ids"] = clean["input_ids"].copy()


def random_specials(clean, finished):
    replaced = (finished["labels"] != IGNORED) & (finished["input_ids"] != VOCABULARY.mask_id)
    finished["input_ids"][replaced & (finished["input_ids"] != clean["input_ids"])] = VOCABULARY.unk_id


def stray(clean, finished):
    position = int(np.flatnonzero(finished["labels"][0, 1:] == IGNORED)[0]) + 1
    finished["input_ids"][0, position] = 5 + (finished["input_ids"][0, position] - 4) % (SIZE - 5)


@pytest.mark.parametrize(
    ("break_it", "name"),
    [
        (first_of_two_kept, "mlm: units predicted in part"),
        (half_masked, "mlm: units masked in part"),
        (another_word, "mlm: sequences with other predictions than the rule's"),
        (labels_shifted, "mlm: [MASK] where nothing is predicted"),
        (labels_shifted, "mlm: labels that are not the original piece"),
        (always_mask, "mlm: predicted units that became [MASK]"),
        (always_mask, "mlm: predicted units kept"),
        (never_mask, "mlm: predicted units that became other pieces"),
        (random_specials, "mlm: specials drawn as random pieces"),
        (stray, "mlm: pieces changed but not predicted"),
    ],
)
def test_what_was_broken_is_named(break_it, name):
    clean, finished = masked("word")
    break_it(clean, finished)
    assert name in failing(audited(clean, finished, "word"))


# -- finished rows, of which the originals are told by the labels alone


def finished_rows(finished):
    """What the audit of static rows has: originals put back from the labels, and no words."""
    original = np.where(finished["labels"] != IGNORED, finished["labels"], finished["input_ids"])
    special = np.isin(original, VOCABULARY.special_ids).astype(np.int64)
    return {"input_ids": original, "special_tokens_mask": special, "example_ids": finished["example_ids"]}


def checked_rows(finished, unit):
    return failing(audited(finished_rows(finished), finished, unit, draws_known=False))


@pytest.mark.parametrize("unit", UNITS)
def test_finished_rows_that_are_right_pass(unit):
    assert checked_rows(masked(unit)[1], unit) == set()


@pytest.mark.parametrize("unit", UNITS)
def test_nothing_is_held_against_originals_that_finished_rows_do_not_tell(unit):
    _, finished = masked(unit)
    against = {"mlm: labels that are not the original piece", "mlm: pieces changed but not predicted"}
    assert against <= audited(*masked(unit), unit).keys()
    assert not against & audited(finished_rows(finished), finished, unit, draws_known=False).keys()


@pytest.mark.parametrize("unit", UNITS)
def test_labels_of_finished_rows_shifted_by_one_are_found(unit):
    clean, finished = masked(unit)
    labels_shifted(clean, finished)
    found = checked_rows(finished, unit)
    assert {"mlm: [MASK] where nothing is predicted"} <= found
    assert any(name.endswith("kept") for name in found)


@pytest.mark.parametrize("unit", UNITS)
def test_labels_of_finished_rows_that_belong_to_other_pieces_are_found(unit):
    _, finished = masked(unit)
    labels = finished["labels"]
    labels[labels != IGNORED] = np.roll(labels[labels != IGNORED], 1)
    assert any(name.endswith("kept") for name in checked_rows(finished, unit))
