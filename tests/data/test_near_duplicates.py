import numpy as np
import pytest

from bertcli.core.messages import Progress
from bertcli.data import documents, near_duplicates
from bertcli.data.documents import DocumentBlock, document_blocks
from bertcli.data.near_duplicates import minima_of, rows_per_band, runs_of
from bertcli.data.token_store import TokenStore
from bertcli.text.word_boundaries import WordBoundaries


class EveryFourth(WordBoundaries):
    """Every fourth piece continues a word."""

    def starts(self, ids):
        return ids % 4 != 3


BOUNDARIES = EveryFourth()


@pytest.fixture
def store_of(tmp_path, one_document, store_writer):
    def make(name, texts):
        with store_writer(tmp_path / name, 200) as writer:
            for text in texts:
                writer.add(one_document([text]))
        return TokenStore(tmp_path / name)

    return make


def runs_by_hand(pieces):
    words = []
    for piece in pieces:
        if words and piece % 4 == 3:
            words[-1] += (piece,)
        else:
            words.append((piece,))
    return {tuple(words[at : at + 5]) for at in range(max(1, len(words) - 4))}


def jaccard(one, other):
    return len(one & other) / len(one | other)


def changed(pieces, positions, draw):
    copy = pieces.copy()
    copy[draw.choice(len(pieces), size=positions, replace=False)] = draw.integers(5, 200, size=positions)
    return copy


def test_runs_are_of_five_words_and_never_cross_documents():
    texts = [[5, 6, 9, 10, 13, 14], [5, 7, 6], [5, 6, 9, 10, 13], [7, 7, 5, 6, 9, 10]]  # 7 continues a word
    starts = np.cumsum([0, *map(len, texts[:-1])])
    runs = runs_of(DocumentBlock(0, np.concatenate(texts), starts), BOUNDARIES)
    assert runs.starts.tolist() == [0, 2, 3, 4]
    assert [len(runs_by_hand(text)) for text in texts] == [2, 1, 1, 1]
    assert runs.hashes[0] == runs.hashes[3]  # the same five words, in two documents
    assert len(np.unique(runs.hashes)) == 4


def test_the_share_of_equal_minima_is_the_exact_jaccard_index_within_its_error(store_of):
    draw = np.random.default_rng(0)
    text = draw.integers(5, 200, size=400)
    store = store_of("store", [text, *(changed(text, count, draw) for count in (1, 3, 8, 15, 30, 80)), text])
    (block,) = document_blocks(store)
    signatures = minima_of(runs_of(block, BOUNDARIES))
    of_documents = [runs_by_hand(store.read(*store.document_starts[n : n + 2]).tolist()) for n in range(8)]
    exact = [jaccard(of_documents[0], runs) for runs in of_documents]
    assert exact[0] == exact[7] == 1 > exact[1] > exact[3] > exact[5] > 0
    for number, expected in enumerate(exact):
        estimate = (signatures[0] == signatures[number]).mean()
        assert abs(estimate - expected) <= 4 * np.sqrt(expected * (1 - expected) / near_duplicates.MINIMA)


@pytest.mark.parametrize("small_blocks", [False, True])
def test_held_out_documents_are_found_beside_their_nearest_training_document(store_of, monkeypatch, small_blocks):
    if small_blocks:
        monkeypatch.setattr(documents, "_TOKENS_PER_BLOCK", 500)
        monkeypatch.setattr(near_duplicates, "_PAIRS_PER_COMPARISON", 3)
    draw = np.random.default_rng(1)
    texts = [draw.integers(5, 200, size=400) for _ in range(20)]
    training = store_of("train", [*texts, texts[3], changed(texts[4], 2, draw)])
    far, near, copy = changed(texts[4], 60, draw), changed(texts[7], 3, draw), texts[3]
    held_out = store_of("heldout", [far, near, copy, draw.integers(5, 200, size=3)])
    found = near_duplicates.near_duplicates(training, held_out, BOUNDARIES, threshold=0.8, progress=Progress())
    assert [(pair.held_out, pair.training) for pair in found] == [(1, 7), (2, 3)]
    assert found[1].jaccard == 1.0
    assert abs(found[0].jaccard - jaccard(runs_by_hand(near.tolist()), runs_by_hand(texts[7].tolist()))) < 0.15


def test_nothing_held_out_has_no_near_duplicate(store_of):
    stores = store_of("a", [[5]]), store_of("b", [])
    assert near_duplicates.near_duplicates(*stores, BOUNDARIES, threshold=0.8, progress=Progress()) == []


def test_bands_are_as_long_as_a_pair_at_the_threshold_surely_meets_in_one():
    # 21 bands of 6 find a pair at 0.8 with probability 1 - (1 - 0.8**6)**21 = 0.998, 18 bands of 7 with 0.986 alone.
    assert rows_per_band(0.8) == 6
    # 42 bands of 3 find one at 0.5 with 0.996, 32 bands of 4 with 0.873.
    assert rows_per_band(0.5) == 3
    assert rows_per_band(0.01) == 1
