"""The parts of the doctor, each by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chi2_contingency

from bertcli.contracts.task import Examples, Fault
from bertcli.data.content_faults import content_findings, kind_of
from bertcli.data.findings import Showing, excerpt, percent
from bertcli.data.label_balance import LabelCounts, balance_findings, homogeneity
from bertcli.data.near_duplicates import MINIMA
from bertcli.data.nearly_repeated import signatures_of
from bertcli.data.repeated_examples import GivenSplit, Role, duplicate_findings, leakage_findings, normalised

ALL = Showing()


class Keyed:
    """A task whose keys are a column."""

    def __init__(self, column: str = "text", faults: Sequence[Fault] = ()) -> None:
        self._column, self._faults = column, faults

    def keys(self, examples: Examples) -> list[str]:
        return list(examples.columns[self._column])

    def faults(self, examples: Examples) -> Iterator[Fault]:
        yield from self._faults


def examples(columns: dict[str, list[Any]], split: str = "train") -> Examples:
    rows = len(next(iter(columns.values())))
    return Examples(split, [f"id{n}" for n in range(rows)], columns, [split] * rows, list(range(2, rows + 2)))


def split_of(texts: list[str], labels: list[Any] | None = None, role: Role = "train", name: str = "") -> GivenSplit:
    columns: dict[str, list[Any]] = {"text": texts} | ({} if labels is None else {"label": labels})
    task: Any = Keyed()
    return GivenSplit.of(role, examples(columns, name or role), task)


def repeated(split: GivenSplit, names: dict[str, str] | None = None, *, ordered: bool = False) -> list[tuple[str, int]]:
    found = duplicate_findings(split, names or {}, ALL, ordered=ordered, may_differ=False, tolerated=0.01)
    return [(finding.check, finding.count) for finding in found]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("the label 'x' is not one of the task's", "the label '…' is not one of the task's"),
        ('the label "it\'s" is unknown', "the label '…' is unknown"),
        (r"the label 'it\'s \"so\"' is unknown", "the label '…' is unknown"),
        ("3 choices here, expected 4 as in q2", "N choices here, expected N as in q2"),
        ("question 'a': 'b' stands at 17, not at -1", "question '…': '…' stands at N, not at N"),
    ],
)
def test_messages_of_one_kind_differ_in_what_they_quote_and_count(message: str, kind: str) -> None:
    assert kind_of(message) == kind


@given(st.text(), st.text())
def test_whatever_is_quoted_is_not_in_the_kind_of_a_message(one: str, other: str) -> None:
    assert kind_of(f"the label {one!r} is unknown") == kind_of(f"the label {other!r} is unknown")


def test_faults_are_counted_by_kind_and_errors_have_their_places() -> None:
    faults = [
        Fault("error", "the tag 'a' is unknown", "t", 4, "known: x"),
        Fault("warning", "the text is empty", "t", 5),
        Fault("error", "the tag 'b' is unknown", "t", 6, "known: x"),
    ]
    task: Any = Keyed(faults=faults)
    found, errors = content_findings(task, examples({"text": ["a"] * 9}), Showing(examples=1))
    assert [(finding.level, finding.message, finding.count) for finding in found] == [
        ("error", "the tag '…' is unknown", 2),
        ("warning", "the text is empty", 1),
    ]
    assert [(place.line, place.note) for place in found[0].places] == [(4, "the tag 'a' is unknown")]
    assert found[0].hint == "known: x"
    assert errors == {("t", 4), ("t", 6)}
    hidden, _ = content_findings(task, examples({"text": ["a"] * 9}), Showing(text=False))
    assert hidden[0].places[0].note is None


@pytest.mark.parametrize(
    ("count", "total", "written"), [(0, 7, "0.0 %"), (1, 3, "33.3 %"), (5, 1000, "0.50 %"), (1, 10**6, "under 0.01 %")]
)
def test_a_share_that_is_there_is_never_zero(count: int, total: int, written: str) -> None:
    assert percent(count, total) == written


def test_an_excerpt_is_one_line() -> None:
    assert excerpt("a\n b\t c") == "a b c"
    assert excerpt("word " * 100) == ("word " * 16)[:79] + "…"


@pytest.mark.parametrize("text", ["Stra\u00dfe  Caf\u00e9", " stra\u00dfe caf\u0065\u0301\n", "STRASSE CAF\u00c9"])
def test_case_white_space_and_unicode_form_make_no_other_text(text: str) -> None:
    assert normalised(text) == "strasse caf\u00e9"


def test_copies_and_contradictions_are_told_apart() -> None:
    split = split_of(["a", "b", "A", "c", "b ", "a", "C"], ["1", "1", "1", "0", "0", "1", "0"])
    assert repeated(split) == [("duplicates", 3), ("conflicts", 2)]


def test_forms_of_one_label_and_missing_labels_do_not_contradict() -> None:
    names = {"0": "neg", "neg": "neg"}
    assert repeated(split_of(["a", "a"], ["0", "neg"]), names) == [("duplicates", 1)]
    assert repeated(split_of(["a", "a"], ["2.50", "2.5"])) == [("duplicates", 1)]
    assert repeated(split_of(["a", "a"], [("x", "y"), ("y", "x")])) == [("duplicates", 1)]
    assert repeated(split_of(["a", "a"], [["x", "y"], ["y", "x"]]), ordered=True) == [("conflicts", 2)]
    assert repeated(split_of(["a", "a"])) == [("duplicates", 1)]


def test_questions_on_one_context_are_no_copies() -> None:
    columns: dict[str, list[Any]] = {"question": ["who?", "what?", "Who?"], "context": ["it is"] * 3}
    task: Any = Keyed("context")
    split = GivenSplit.of("train", examples(columns), task)
    assert repeated(split) == [("duplicates", 1)]
    assert split.texts[0] == "who?\tit is"


def test_leakage_is_a_share_of_the_smaller_split() -> None:
    train, dev = split_of([f"t{n}" for n in range(10)]), split_of(["T3", "t4", "x", "y"], role="dev")
    (finding,) = leakage_findings([train, dev], ALL, tolerated=0.5)
    assert (finding.level, finding.split, finding.count) == ("warning", "train/dev", 2)
    first = finding.places[0]
    assert first.same_as is not None
    assert (first.path, first.line, first.same_as.path, first.same_as.line) == ("dev", 2, "train", 5)
    assert leakage_findings([train, dev], ALL, tolerated=0.49)[0].level == "error"
    (other,) = leakage_findings([dev, train], ALL, tolerated=0.5)
    assert other.count == 2


@given(
    st.lists(st.integers(5, 500), min_size=2, max_size=6).flatmap(
        lambda first: st.tuples(st.just(first), st.lists(st.integers(5, 500), min_size=len(first), max_size=len(first)))
    )
)
def test_the_test_of_shift_is_pearsons_as_scipy_has_it(counts: tuple[list[int], list[int]]) -> None:
    table = np.asarray(counts, dtype=np.float64)
    reference = chi2_contingency(table, correction=False)
    if (reference.expected_freq >= 5).all():
        assert homogeneity(table) == pytest.approx(reference.pvalue, rel=1e-9, abs=1e-300)


def test_labels_of_which_few_are_expected_are_put_together() -> None:
    table = np.asarray([[500, 480, 2, 3, 4], [50, 48, 9, 8, 7]], dtype=np.float64)
    joined = np.asarray([[500, 480, 9], [50, 48, 24]])
    # 2 + 9 of 1,111, of which 122 are in the second row: 1.2 are expected there, and of the three together 3.6.
    assert homogeneity(table) == pytest.approx(chi2_contingency(joined[:, :2], correction=False).pvalue)
    table *= 2
    assert homogeneity(table) == pytest.approx(chi2_contingency(2 * joined, correction=False).pvalue)
    assert homogeneity(np.asarray([[3.0, 0.0], [1.0, 1.0]])) == 1.0


def test_counts_are_of_names_and_of_words() -> None:
    splits = [
        split_of(["a", "b", "c"], ["0", "neg", "?"]),
        split_of(["d", "e"], [("x", "y"), ()], role="dev"),
        split_of(["f"], role="test"),
    ]
    counts = LabelCounts.of(splits, {"0": "neg", "neg": "neg", "1": "pos"}, {"neg", "pos", "x", "y"})
    assert counts.counts == {"train": {"neg": 2, "(unknown)": 1}, "dev": {"x": 1, "y": 1, "(none)": 1}}
    assert counts.labels[0] == "neg"
    assert counts.labels[-1] == "pos"  # is nowhere
    assert counts.dump()["neg"]["train"] == {"count": 2, "share": pytest.approx(2 / 3)}


def test_of_many_classes_those_below_a_tenth_of_an_even_share_are_rare() -> None:
    labels = [str(n) for n in range(19) for _ in range(300)]
    for rare, expected in ((28, ["rare label"]), (29, [])):  # a tenth of a twentieth of 5,728 and 5,729 is 28.6
        split = split_of([f"t{n}" for n in range(len(labels) + rare)], [*labels, *["rare"] * rare])
        found = balance_findings(LabelCounts.of([split], {}), [split], "classes")
        assert [finding.check for finding in found] == expected


def test_signatures_estimate_the_jaccard_index_of_runs_of_five_words() -> None:
    words = [f"w{n}" for n in range(104)]
    other = [*words[:52], "new", *words[53:]]  # 95 of 105 runs in all are in both
    one, two, copy, empty, short = signatures_of([" ".join(words), " ".join(other), ", ".join(words), "", "w1"])
    exact = 95 / 105
    assert abs((one == two).mean() - exact) <= 4 * np.sqrt(exact * (1 - exact) / MINIMA)
    assert (one == copy).all()
    assert (empty != short).any()


def test_every_ideograph_is_a_word() -> None:
    texts = ["\u6211\u4eec\u53bb\u5317\u4eac", "\u6211 \u4eec \u53bb \u5317 \u4eac"]
    one, other = signatures_of(texts)
    assert (one == other).all()


def test_no_texts_have_no_signatures() -> None:
    none: NDArray[Any] = signatures_of([])
    assert len(none) == 0
