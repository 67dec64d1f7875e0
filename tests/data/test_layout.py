from itertools import pairwise

import numpy as np
import pytest

from bertcli.contracts.objective import make_default_objectives
from bertcli.data.examples import DynamicExamples


@pytest.mark.parametrize(("kind", "names"), [("segment-pairs", ["mlm", "nsp"]), ("full-sentences", ["mlm"])])
def test_rows_are_what_writing_piece_after_piece_gives(make_store, vocabulary, kind, names):
    store = make_store(documents=40)
    data = DynamicExamples(store, vocabulary, make_default_objectives(names), kind=kind, seq_length=48, seed=2)
    plan = data.plan(0)
    numbers = np.array([5, 3, 3, len(plan) - 1, 0])
    columns = data.clean(0, numbers)
    expected = []
    for number in numbers:
        ids, segments = [vocabulary.cls_id], [0]
        for piece in range(plan.first_piece[number], plan.first_piece[number + 1]):
            tokens = store.read(*plan.bounds[piece]).tolist()
            ids += [*tokens, vocabulary.sep_id]
            segments += [int(plan.segments[piece])] * (len(tokens) + 1)
        expected.append((ids, segments))
    width = max(len(ids) for ids, _ in expected)
    assert columns["input_ids"].shape == (len(numbers), width)
    for row, (ids, segments) in enumerate(expected):
        padding = [0] * (width - len(ids))
        assert columns["input_ids"][row].tolist() == ids + [vocabulary.pad_id] * len(padding)
        assert columns["token_type_ids"][row].tolist() == segments + padding
        assert columns["attention_mask"][row].tolist() == [1] * len(ids) + padding


def test_runs_over_many_record_batches_are_read_in_their_order(tmp_path, monkeypatch, store_writer):
    from bertcli.data import token_store
    from bertcli.text.word_cache import EncodedTexts

    monkeypatch.setattr(token_store, "_TOKENS_PER_RECORD_BATCH", 3)
    with store_writer(tmp_path / "train", 100) as writer:
        for first in range(10, 60, 5):
            ids = np.arange(first, first + 5, dtype=np.int32)
            encoded = EncodedTexts(ids, np.array([5]))
            writer.add(token_store.EncodedDocuments.of(encoded, np.array([1])))
    store = token_store.TokenStore(tmp_path / "train")
    starts, ends = np.array([45, 0, 11, 11]), np.array([50, 2, 12, 15])
    found = store.gather("input_ids", starts, ends).tolist()
    assert found == [value for start, end in zip(starts, ends, strict=True) for value in range(10 + start, 10 + end)]
    assert [b - a for a, b in pairwise(store.document_starts)] == [5] * 10
