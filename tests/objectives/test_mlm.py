import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertcli.contracts.batch import IGNORED
from bertcli.contracts.objective import Corruption
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.core.randomness import hash64
from bertcli.objectives._mask_audit import plain_choice
from bertcli.objectives._units import Units
from bertcli.objectives.mlm import MaskedLanguageModel, MaskedLanguageModelSettings

SIZE = 1000
VOCABULARY = Vocabulary(SIZE, 0, 1, 2, 3, 4, (0, 1, 2, 3, 4), True, "test")
UNITS = ("token", "word", "span", "ngram", "entity")


def clean_columns(lengths, width, first_example=0, seed=0):
    """Rows ``[CLS] … [SEP]`` of these lengths, padded to ``width``."""
    draw = np.random.default_rng(seed)
    ids = np.zeros((len(lengths), width), dtype=np.int64)
    for row, length in enumerate(lengths):
        ids[row, :length] = draw.integers(5, SIZE, size=length)
        ids[row, 0], ids[row, length - 1] = VOCABULARY.cls_id, VOCABULARY.sep_id
    special = np.isin(ids, VOCABULARY.special_ids)
    words = (draw.random(ids.shape) < 0.7) & ~special
    spans = np.where(draw.random(ids.shape) < 0.1, 1, 0)
    spans[:, 1:] += 2 * ((spans[:, :-1] == 1) & (spans[:, 1:] == 0))
    return {
        "input_ids": ids,
        "special_tokens_mask": special.astype(np.int64),
        "example_ids": np.arange(first_example, first_example + len(lengths)),
        "word_starts": words.astype(np.int64),
        "spans": np.where(special, 0, spans),
    }


def corrupt(columns, epoch=0, seed=0, **settings_):
    objective = MaskedLanguageModel(MaskedLanguageModelSettings(**settings_))
    return objective.corrupt(columns, Corruption(seed, epoch, VOCABULARY))


def test_padding_and_specials_are_never_masked():
    columns = clean_columns([40, 12, 64, 3], 64)
    finished = corrupt(columns)
    special = columns["special_tokens_mask"] == 1
    assert (finished["labels"][special] == IGNORED).all()
    assert (finished["input_ids"][special] == columns["input_ids"][special]).all()


@given(st.lists(st.integers(2, 60), min_size=1, max_size=8), st.sampled_from([0.15, 0.3, 0.5]))
@settings(max_examples=40, deadline=None)
def test_exactly_the_share_of_each_sequence_is_predicted(lengths, probability):
    columns = clean_columns(lengths, 60)
    predicted = (corrupt(columns, probability=probability)["labels"] != IGNORED).sum(axis=1)
    ordinary = np.array(lengths) - 2
    assert (predicted == np.minimum(np.maximum(1, np.rint(probability * ordinary)), ordinary)).all()


def test_labels_are_the_original_pieces():
    columns = clean_columns([60] * 20, 60)
    labels = corrupt(columns)["labels"]
    predicted = labels != IGNORED
    assert (labels[predicted] == columns["input_ids"][predicted]).all()


def test_of_the_predicted_80_percent_are_masked_10_random_10_kept():
    columns = clean_columns([128] * 2000, 128)
    finished = corrupt(columns)
    predicted = finished["labels"] != IGNORED
    n = predicted.sum()
    masked = (finished["input_ids"] == VOCABULARY.mask_id)[predicted].sum()
    kept = (finished["input_ids"] == columns["input_ids"])[predicted].sum()
    for observed, share in (
        (masked, 0.8),
        (kept, 0.1 + 0.1 / (SIZE - 5)),
        (n - masked - kept, 0.1 * (1 - 1 / (SIZE - 5))),
    ):
        assert abs(observed - share * n) < 5 * np.sqrt(n * share * (1 - share))


def test_random_pieces_are_uniform_over_the_ordinary_ones():
    columns = clean_columns([128] * 3000, 128)
    finished = corrupt(columns, mask_share=0.0, random_share=1.0)
    drawn = finished["input_ids"][finished["labels"] != IGNORED]
    counts = np.bincount(drawn, minlength=SIZE)
    assert counts[:5].sum() == 0
    expected = len(drawn) / (SIZE - 5)
    chi_square = ((counts[5:] - expected) ** 2 / expected).sum()
    assert abs(chi_square - (SIZE - 6)) < 5 * np.sqrt(2 * (SIZE - 6))


def test_every_position_is_chosen_equally_often():
    columns = clean_columns([42] * 4000, 42)
    chosen = (corrupt(columns)["labels"] != IGNORED).mean(axis=0)[1:41]
    assert abs(chosen - 6 / 40).max() < 5 * np.sqrt(0.15 * 0.85 / 4000)


def padded(columns, width):
    fills = {"special_tokens_mask": 1}
    return {
        name: np.pad(values, ((0, 0), (0, width)), constant_values=fills.get(name, 0)) if values.ndim == 2 else values
        for name, values in columns.items()
    }


@given(
    st.sampled_from(UNITS),
    st.lists(st.integers(2, 50), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
    st.integers(0, 90),
)
@settings(max_examples=60, deadline=None)
def test_masks_belong_to_the_example_and_not_to_its_batch(unit, lengths, random, padding):
    columns = clean_columns(lengths, 50, seed=len(lengths))
    whole = corrupt(columns, unit=unit)
    rows = random.sample(range(len(lengths)), random.randint(1, len(lengths)))
    finished = corrupt(padded({name: values[rows] for name, values in columns.items()}, padding), unit=unit)
    for name in ("labels", "input_ids"):
        assert np.array_equal(finished[name][:, :50], whole[name][rows])


def test_single_pieces_are_hidden_by_the_smallest_hashes_alone():
    """The masks of a seed are a promise: this is their definition, written out."""
    columns = clean_columns([50, 31, 8], 50)
    finished = corrupt(columns, epoch=3, seed=7)
    ordinary = VOCABULARY.ordinary_ids
    for row, length in enumerate([50, 31, 8]):
        draws = {
            what: hash64(7, f"mlm: {what}", 3, row, np.arange(50)).tolist()
            for what in ("choose", "action", "random piece")
        }
        hidden = sorted(range(1, length - 1), key=draws["choose"].__getitem__)[: max(1, round(0.15 * (length - 2)))]
        assert np.flatnonzero(finished["labels"][row] != IGNORED).tolist() == sorted(hidden)
        for position in hidden:
            action = draws["action"][position] / 2**64
            piece = ordinary[int(draws["random piece"][position] / 2**64 * len(ordinary))]
            kept = columns["input_ids"][row, position]
            expected = VOCABULARY.mask_id if action < 0.8 else piece if action < 0.9 else kept
            assert finished["input_ids"][row, position] == expected


# -- larger units


@given(
    st.sampled_from(UNITS),
    st.lists(st.integers(2, 60), min_size=1, max_size=6),
    st.sampled_from([0.05, 0.15, 0.4, 0.9]),
    st.integers(0, 1000),
)
@settings(max_examples=100, deadline=None)
def test_what_is_hidden_is_what_the_plain_rule_says(unit, lengths, probability, seed):
    columns = clean_columns(lengths, 60, seed=seed)
    objective = MaskedLanguageModel(MaskedLanguageModelSettings(unit=unit, probability=probability))
    corruption = Corruption(seed, 2, VOCABULARY)
    labels = objective.corrupt(columns, corruption)["labels"]
    for row in range(len(lengths)):
        expected = plain_choice(objective.settings, {n: values[row] for n, values in columns.items()}, corruption)
        assert np.flatnonzero(labels[row] != IGNORED).tolist() == expected


def hidden_units(columns, finished, unit):
    """The units of a batch, and of each how many pieces are predicted, [MASK] and as they were."""
    objective = MaskedLanguageModel(MaskedLanguageModelSettings(unit=unit))
    starts = objective.unit_starts(columns, Corruption(0, 0, VOCABULARY))
    units = Units.of(starts, columns["special_tokens_mask"] == 0)
    predicted = finished["labels"] != IGNORED
    is_mask = finished["input_ids"] == VOCABULARY.mask_id
    is_same = finished["input_ids"] == columns["input_ids"]
    return units, *(units.sums(where) for where in (predicted, is_mask, is_same))


@pytest.mark.parametrize("unit", UNITS)
def test_of_the_units_80_percent_are_masked_10_random_10_kept_as_one(unit):
    columns = clean_columns([128] * 2000, 128)
    units, predicted, masked, same = hidden_units(columns, corrupt(columns, unit=unit), unit)
    assert ((predicted == 0) | (predicted == units.pieces)).all()
    hidden = predicted > 0
    assert ((masked == 0) | (masked == units.pieces))[hidden].all()
    n = hidden.sum()
    by_chance = (995.0 ** -units.pieces[hidden]).mean()
    for observed, share in (
        ((masked > 0) & hidden, 0.8),
        ((same == units.pieces) & hidden, 0.1 + 0.1 * by_chance),
        ((masked == 0) & (same < units.pieces) & hidden, 0.1 * (1 - by_chance)),
    ):
        assert abs(observed.sum() - share * n) < 5 * np.sqrt(n * share * (1 - share))


@pytest.mark.parametrize("unit", UNITS)
def test_random_pieces_of_a_unit_are_drawn_one_by_one_and_uniform(unit):
    columns = clean_columns([128] * 1500, 128)
    finished = corrupt(columns, unit=unit, mask_share=0.0, random_share=1.0)
    drawn = finished["input_ids"][finished["labels"] != IGNORED]
    counts = np.bincount(drawn, minlength=SIZE)
    assert counts[:5].sum() == 0
    expected = len(drawn) / (SIZE - 5)
    chi_square = ((counts[5:] - expected) ** 2 / expected).sum()
    assert abs(chi_square - (SIZE - 6)) < 5 * np.sqrt(2 * (SIZE - 6))
    neighbours = (drawn[1:] == drawn[:-1]).sum()
    assert neighbours < len(drawn) / SIZE + 5 * np.sqrt(len(drawn) / SIZE)


@pytest.mark.parametrize("unit", UNITS)
def test_the_rate_is_right_on_average(unit):
    columns = clean_columns([128] * 3000, 128)
    predicted = (corrupt(columns, unit=unit)["labels"] != IGNORED).sum(axis=1)
    deviations = predicted - 19  # 0.15 * 126 = 18.9
    assert abs(deviations.mean()) <= 5 * deviations.std() / np.sqrt(len(deviations))


def test_every_word_is_chosen_equally_often():
    columns = clean_columns([82] * 4000, 82)
    columns["word_starts"][:, 1:81] = np.arange(80) % 2 == 0  # 40 words of two pieces, of which 12 pieces are hidden
    chosen = (corrupt(columns, unit="word")["labels"] != IGNORED).mean(axis=0)[1:81]
    assert abs(chosen - 6 / 40).max() < 5 * np.sqrt(0.15 * 0.85 / 4000)


@pytest.mark.parametrize("unit", ["span", "ngram"])
def test_runs_hide_the_middle_of_a_row_as_often_as_its_ends(unit):
    columns = clean_columns([122] * 4000, 122)
    columns["word_starts"][:, 1:121] = 1
    hidden = (corrupt(columns, unit=unit)["labels"] != IGNORED)[:, 1:121]
    shares = hidden.reshape(4000, 4, 30).mean(axis=2)
    bounds = 5 * shares.std(axis=0) / np.sqrt(4000)
    assert (abs(shares.mean(axis=0) - 0.15) < bounds).all()


def test_the_masks_of_units_change_with_the_epoch_and_so_do_the_runs():
    columns = clean_columns([50] * 10, 50)
    objective = MaskedLanguageModel(MaskedLanguageModelSettings(unit="span"))
    starts = [objective.unit_starts(columns, Corruption(0, epoch, VOCABULARY)) for epoch in (0, 1)]
    assert not np.array_equal(*starts)


def test_each_unit_reads_what_it_is_told_by():
    reads = {unit: MaskedLanguageModel(MaskedLanguageModelSettings(unit=unit)).reads for unit in UNITS}
    words = {"word_starts"}
    assert reads == {"token": set(), "word": words, "span": words, "ngram": words, "entity": words | {"spans"}}


# -- a rate that moves


def test_a_rate_that_moves_is_that_of_the_progress():
    columns = clean_columns([102] * 3, 102)
    objective = MaskedLanguageModel(MaskedLanguageModelSettings(probability={"start": 0.3, "end": 0.15}))
    for progress, expected in ((0.0, 30), (0.5, 22), (1.0, 15)):  # of 100 pieces; 22.5 to the even number
        labels = objective.corrupt(columns, Corruption(0, 0, VOCABULARY, progress))["labels"]
        assert (labels != IGNORED).sum(axis=1).tolist() == [expected] * 3


def test_masks_change_with_the_epoch_and_the_seed():
    columns = clean_columns([50] * 10, 50)
    labels = [corrupt(columns, epoch=epoch, seed=seed)["labels"] for epoch, seed in ((0, 0), (1, 0), (0, 1))]
    assert not np.array_equal(labels[0], labels[1])
    assert not np.array_equal(labels[0], labels[2])


def test_evaluation_masks_15_percent_whatever_training_does():
    trained = MaskedLanguageModelSettings(probability=0.4, unit="span", mask_share=0.5)
    assert MaskedLanguageModel(trained).for_evaluation().settings == MaskedLanguageModelSettings()


def test_shares_above_one_are_refused():
    with pytest.raises(ValueError, match="together exceed 1"):
        MaskedLanguageModelSettings(mask_share=0.9, random_share=0.2)
