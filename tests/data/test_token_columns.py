import pytest

from bertcli.data.token_columns import TokenColumns
from bertcli.errors import DataError


@pytest.mark.parametrize(
    ("name", "message", "options"),
    [
        ("word_starts", "these data do not tell where words begin", "--words spaces` (or jieba)"),
        (
            "spans",
            "these data have no entity spans",
            "--spans-column NAME`, or `bertcli mask build CORPUS --phrases FILE`",
        ),
        ("cased", "these data do not tell which words had capitals", "--capitals`"),
    ],
)
def test_a_column_that_the_store_lacks_says_how_to_get_it(make_store, name, message, options):
    with pytest.raises(DataError) as error:
        TokenColumns(frozenset({name}), make_store(), None)
    assert error.value.message == message
    assert error.value.hint == f"build them again with `bertcli mask build CORPUS {options}"


def test_a_store_without_documents_lacks_nothing(make_store):
    assert TokenColumns(frozenset({"spans"}), make_store(documents=0), None)
