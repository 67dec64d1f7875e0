import numpy as np

from bertcli.data.held_out import split_documents
from bertcli.text.document_hash import document_hash


def split(texts, share):
    decided = list(split_documents(((text, text) for text in texts), share))
    return [text for held_out, text in decided if held_out], [text for held_out, text in decided if not held_out]


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


def test_from_ten_documents_on_at_least_the_one_with_the_smallest_hash_is_held_out():
    texts = [f"document {n}" for n in range(10)]
    held_out, training = split(texts, 1e-9)
    assert held_out == [min(texts, key=document_hash)]
    assert len(training) == 9


def test_below_ten_documents_none_is_held_out_by_default():
    held_out, training = split([f"document {n}" for n in range(9)], 1e-9)
    assert held_out == []
    assert len(training) == 9


def test_copies_of_the_document_with_the_smallest_hash_stay_together():
    texts = [f"document {n}" for n in range(10)]
    smallest = min(texts, key=document_hash)
    held_out, training = split([*texts, smallest], 1e-9)
    assert held_out == [smallest, smallest]
    assert smallest not in training


def test_nothing_is_held_out_where_nothing_shall_be():
    held_out, _ = split([f"document {n}" for n in range(100)], 0.0)
    assert held_out == []


def test_no_document_waits_once_one_is_held_out():
    groups = sorted((f"group {n}" for n in range(100)), key=document_hash)
    held_out, others = groups[0], groups[1:]
    share = (document_hash(held_out) + document_hash(others[0])) / 2 / 2**64
    texts = [others[0], others[1], others[0], held_out, *[others[0]] * 5]
    read = []
    decided = split_documents(((text, read.append(text) or len(read)) for text in texts), share)
    waits = [(len(read) - number, number, held) for held, number in decided]
    assert [(number, held) for _, number, held in waits] == [
        *[(2, False), (1, False), (3, False), (4, True)],
        *[(number, False) for number in range(5, 10)],
    ]
    assert [wait for wait, *_ in waits[3:]] == [0] * 6


def test_no_document_waits_where_none_shall_be_held_out():
    read = []
    decided = split_documents((("same", read.append(n) or n) for n in range(5)), 0.0)
    assert [(number, len(read)) for _, number in decided] == [(n, n + 1) for n in range(5)]
