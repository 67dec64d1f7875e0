import numpy as np
import pytest

from bertcli.data.held_out import HeldOut, SmallestHash, smallest_to_hold_out
from bertcli.text.document_hash import document_hash


def decided(texts, share, key=None):
    return list(HeldOut(share, key).split((text, text) for text in texts))


def split(texts, share, key=None):
    of_texts = decided(texts, share, key)
    return [text for held_out, _, text in of_texts if held_out], [
        text for held_out, _, text in of_texts if not held_out
    ]


def test_the_share_of_held_out_documents_is_the_one_asked_for():
    held_out, training = split([f"document {n}" for n in range(20_000)], 0.05)
    assert abs(len(held_out) - 1000) < 5 * np.sqrt(20_000 * 0.05 * 0.95)
    assert len(held_out) + len(training) == 20_000


def test_copies_are_on_one_side_and_the_order_of_the_corpus_does_not_matter():
    texts = [f"document {n}" for n in range(300)]
    held_out, training = split(texts * 2, 0.1)
    assert not set(held_out) & set(training)
    backwards, _ = split(texts[::-1], 0.1)
    assert set(backwards) == set(held_out)


def test_composed_and_decomposed_characters_are_the_same_text():
    assert document_hash("caf\u00e9") == document_hash("cafe\u0301")


def test_every_document_is_decided_as_it_is_read():
    read = []
    found = HeldOut(0.5).split((str(n), read.append(n) or n) for n in range(20))
    assert [(number, len(read)) for _, _, number in found] == [(n, n + 1) for n in range(20)]


def test_a_document_held_out_besides_takes_its_copies_with_it():
    held_out, training = split(["one", "two", "three", "two"], 0.0, document_hash("two"))
    assert (held_out, training) == (["two", "two"], ["one", "three"])


def test_nothing_is_held_out_where_nothing_shall_be():
    held_out, _ = split([f"document {n}" for n in range(100)], 0.0)
    assert held_out == []


def smallest_of(texts, first_row=0, blocks=1):
    smallest = SmallestHash()
    for block in np.array_split(np.array([document_hash(text) for text in texts], np.uint64), blocks):
        smallest.add(block, first_row)
        first_row += len(block)
    return smallest


@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_the_rows_with_the_smallest_hash_are_known_however_they_come(blocks):
    texts = [f"document {n}" for n in range(10)]
    least = min(texts, key=document_hash)
    texts = [least, *texts[::-1], least, least]
    smallest = smallest_of(texts, blocks=blocks)
    assert smallest.key == document_hash(least)
    rows = [row for row, text in enumerate(texts) if text == least]
    assert [row for first, end in smallest.runs for row in range(first, end)] == rows
    assert smallest.rows == len(rows) == 4
    assert np.flatnonzero(smallest.among(0, len(texts))).tolist() == rows
    assert np.flatnonzero(smallest.among(1, len(texts) - 2)).tolist() == [row - 1 for row in rows[1:-1]]


def test_from_ten_documents_on_at_least_the_one_with_the_smallest_hash_is_held_out():
    texts = [f"document {n}" for n in range(10)]
    shards = [(5, 0, smallest_of(texts[:5])), (5, 0, smallest_of(texts[5:]))]
    assert smallest_to_hold_out(shards, 1e-9) == min(map(document_hash, texts))
    assert smallest_to_hold_out(shards, 0.0) is None
    assert smallest_to_hold_out([(4, 0, shards[0][2]), shards[1]], 1e-9) is None
    assert smallest_to_hold_out([(5, 1, None), *shards], 1e-9) is None


def test_where_all_documents_are_of_one_text_none_is_held_out():
    shards = [(10, 0, smallest_of(["same"] * 10)), (3, 0, smallest_of(["same"] * 3))]
    assert smallest_to_hold_out(shards, 0.01) is None
    assert smallest_to_hold_out([*shards, (1, 0, smallest_of(["other"]))], 0.01) is not None
