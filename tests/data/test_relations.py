import pytest

from bertcli.data.relations import pairing_fault, short_documents

NSP, SOP, DISTANCE = ("next", "random"), ("next", "swapped"), ("next", "distant", "random")


@pytest.mark.parametrize(
    ("documents", "relations", "message"),
    [
        ([[3, 3, 3]], NSP, "random next segments need at least two documents, there is one"),
        ([[3, 3, 3]], DISTANCE, "random next segments need at least two documents, there is one"),
        ([[3], [4], [5]], SOP, "two neighbouring segments need a document of at least two sentences"),
    ],
)
def test_documents_that_give_no_pair_are_a_fault_with_a_way_out(store_of, documents, relations, message):
    fault = pairing_fault(store_of(documents), relations)
    assert message in fault.message
    assert "--documents" in fault.hint


@pytest.mark.parametrize(
    ("documents", "relations"),
    [([[3]], ()), ([[3, 3]], SOP), ([[3], [3]], NSP), ([[3], [3]], DISTANCE), ([], SOP), ([], NSP)],
)
def test_documents_that_give_pairs_are_none(store_of, documents, relations):
    assert pairing_fault(store_of(documents), relations) is None


def test_documents_that_all_have_a_single_sentence_are_told(store_of):
    store = store_of([[3], [4]])
    for relations in (NSP, DISTANCE):
        assert "all pairs are of two documents, and there is nothing to tell apart" in short_documents(store, relations)


def test_documents_that_are_too_short_are_counted(store_of):
    store = store_of([[3], [3, 3], [3, 3, 3], [3]])
    assert short_documents(store, ()) is None
    assert short_documents(store, SOP) == "2 of 4 documents have fewer than 2 sentences: they give no pair"
    assert (
        short_documents(store, NSP)
        == "2 of 4 documents have fewer than 2 sentences: they give fewer pairs called 'next', or none"
    )
    assert (
        short_documents(store, DISTANCE)
        == "3 of 4 documents have fewer than 3 sentences: they give fewer pairs called 'next' or 'distant', or none"
    )
    assert short_documents(store_of([[3, 3, 3]]), DISTANCE) is None
