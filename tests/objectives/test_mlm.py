import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertcli.contracts.batch import IGNORED
from bertcli.contracts.objective import Corruption
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.objectives.mlm import MaskedLanguageModel, MaskedLanguageModelSettings

SIZE = 1000
VOCABULARY = Vocabulary(SIZE, 0, 1, 2, 3, 4, (0, 1, 2, 3, 4), True, "test")


def clean_columns(lengths, width, first_example=0, seed=0):
    """Rows ``[CLS] … [SEP]`` of these lengths, padded to ``width``."""
    draw = np.random.default_rng(seed)
    ids = np.zeros((len(lengths), width), dtype=np.int64)
    for row, length in enumerate(lengths):
        ids[row, :length] = draw.integers(5, SIZE, size=length)
        ids[row, 0], ids[row, length - 1] = VOCABULARY.cls_id, VOCABULARY.sep_id
    return {
        "input_ids": ids,
        "special_tokens_mask": np.isin(ids, VOCABULARY.special_ids).astype(np.int64),
        "example_ids": np.arange(first_example, first_example + len(lengths)),
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


def test_masks_belong_to_the_example_and_not_to_its_batch():
    whole = corrupt(clean_columns([50] * 10, 50))
    columns = clean_columns([50] * 10, 50)
    part = {name: values[4:7] for name, values in columns.items()}
    part["input_ids"] = np.pad(part["input_ids"], ((0, 0), (0, 9)))
    part["special_tokens_mask"] = np.pad(part["special_tokens_mask"], ((0, 0), (0, 9)), constant_values=1)
    finished = corrupt(part)
    assert np.array_equal(finished["labels"][:, :50], whole["labels"][4:7])
    assert np.array_equal(finished["input_ids"][:, :50], whole["input_ids"][4:7])


def test_masks_change_with_the_epoch_and_the_seed():
    columns = clean_columns([50] * 10, 50)
    labels = [corrupt(columns, epoch=epoch, seed=seed)["labels"] for epoch, seed in ((0, 0), (1, 0), (0, 1))]
    assert not np.array_equal(labels[0], labels[1])
    assert not np.array_equal(labels[0], labels[2])


def test_evaluation_masks_15_percent_whatever_training_does():
    evaluated = MaskedLanguageModel(MaskedLanguageModelSettings(probability=0.4)).for_evaluation()
    assert evaluated.settings.probability.at(0.5) == 0.15


def test_shares_above_one_are_refused():
    with pytest.raises(ValueError, match="together exceed 1"):
        MaskedLanguageModelSettings(mask_share=0.9, random_share=0.2)
