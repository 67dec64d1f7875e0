"""Given answers: the forms in which they are written, and what is wrong with where they stand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bertcli.contracts.task import Examples, Fault, Table
from bertcli.errors import InputFileError
from bertcli.tasks._given_answers import answer_faults, answers_cell, nearest_place, places

CONTEXT = "The war began in 1939 and ended in 1945."


@pytest.mark.parametrize(
    "cell",
    [
        {"text": ["1939", "in 1939"], "answer_start": [17, 14]},
        [{"text": "1939", "answer_start": 17}, {"text": "in 1939", "answer_start": 14.0}],
    ],
)
def test_both_forms_of_answers_are_read(cell: Any) -> None:
    assert answers_cell(Table("t", {"answers": [cell]}, [1]), "answers", 0) == (("1939", 17), ("in 1939", 14))


def test_a_place_that_is_not_said_is_minus_one() -> None:
    table = Table("t", {"answers": [{"text": ["1939"]}, [{"text": "1945"}], [], None]}, [1, 2, 3, 4])
    found = [answers_cell(table, "answers", row) for row in range(4)]
    assert found == [(("1939", -1),), (("1945", -1),), (), None]


@pytest.mark.parametrize(
    "cell",
    ["1939", 3, [3], [{"answer_start": 1}], {"text": ["a"], "answer_start": []}, [{"text": 3, "answer_start": 1}]]
    + [[{"text": "a", "answer_start": start}] for start in ("x", 1.5, None, True, float("nan"))],
)
def test_anything_else_names_file_and_line(cell: Any) -> None:
    with pytest.raises(InputFileError, match=r"^t:7: the column 'answers' holds no answers here$") as caught:
        answers_cell(Table("t", {"answers": [cell]}, [7]), "answers", 0)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith('expected {"text": […], "answer_start": […]}')


def examples(*answers: Any, context: str = CONTEXT, question: str = "When?", **columns: Any) -> Examples:
    rows = range(len(answers))
    ids = [f"q{row}" for row in rows]
    columns = {
        "question": [question] * len(ids),
        "context": [context] * len(ids),
        "impossible": [None] * len(ids),
        "label": list(answers),
        **columns,
    }
    return Examples("train", ids, columns, ["t.json"] * len(ids), [10 + row for row in rows])


def faults(given: Examples, *, no_answer: bool = False, find_answers: bool = False) -> list[Fault]:
    return list(answer_faults(given, no_answer=no_answer, find_answers=find_answers))


def test_answers_in_their_place_are_no_fault() -> None:
    assert faults(examples((("1939", 17),), (("1945", 35), ("1945.", 35)))) == []


def test_an_answer_that_stands_elsewhere_names_question_line_and_place() -> None:
    (fault,) = faults(examples((("1939", 17),), (("1945", 34),)))
    assert (fault.level, fault.path, fault.line) == ("error", "t.json", 11)
    assert fault.message == "question 'q1': the answer '1945' does not stand at character 34 of the context, but ' 194'"
    assert fault.hint == "it stands at 35; --set task_settings.find_answers=true takes answers from the nearest place"


def test_an_answer_that_stands_nowhere_says_so() -> None:
    (fault,) = faults(examples((("1944", 99),)))
    assert fault.message == "question 'q0': the answer '1944' does not stand at character 99 of the context"
    assert fault.hint == "it stands nowhere in it; --set task_settings.find_answers=true passes over such answers"


def test_a_long_answer_is_shown_in_part() -> None:
    (fault,) = faults(examples((("x" * 100, 0),)))
    assert "'" + "x" * 39 + "…'" in fault.message
    assert len(fault.message) < 200


def test_where_answers_are_found_a_wrong_place_is_a_warning() -> None:
    found = faults(examples((("1945", 34),), (("1944", -1),)), find_answers=True)
    assert [(fault.level, fault.hint) for fault in found] == [("warning", None)] * 2


def test_a_question_without_an_answer_is_a_fault_unless_there_may_be_none() -> None:
    (fault,) = faults(examples(()))
    assert (fault.level, fault.message) == ("error", "question 'q0' has no answer")
    assert fault.hint == "where questions may have none, as in SQuAD 2.0: --set task_settings.no_answer=true"
    assert faults(examples(()), no_answer=True) == []


@pytest.mark.parametrize(
    ("given", "level", "message"),
    [
        (examples((("  ", 3),)), "error", "question 'q0': an answer has no text"),
        (examples((("1939", 17),), question=" "), "error", "question 'q0' has no text"),
        (
            examples((("1939", 17),), impossible=[True]),
            "error",
            "question 'q0' has an answer, and is_impossible says that it has none",
        ),
    ],
)
def test_other_faults_name_their_question(given: Examples, level: str, message: str) -> None:
    assert [(fault.level, fault.message) for fault in faults(given)] == [(level, message)]


def test_an_id_of_several_questions_is_told_once() -> None:
    given = examples(*[(("1939", 17),)] * 3)
    (fault,) = faults(Examples("dev", ["a", "b", "a"], given.columns, given.paths, given.lines))
    assert (fault.level, fault.line) == ("warning", 10)
    assert fault.message == "several questions have the id 'a'; a file of answers holds one"


def test_unlabelled_questions_have_no_faults_of_answers() -> None:
    given = examples(())
    columns = {name: cells for name, cells in given.columns.items() if name != "label"}
    assert faults(Examples("test", given.ids, columns, given.paths, given.lines)) == []


def test_the_first_answer_that_stands_in_its_context_is_learned() -> None:
    given = examples((("1944", 3), ("1945", 35), ("1939", 17)), (("in", 35),), (), (("1944", -1),))
    begins, ends = places(given)
    assert begins.tolist() == [35, 32, -1, -1]  # "in" stands at 14 and at 32
    assert ends.tolist() == [39, 34, -1, -1]


@given(st.text("ab", max_size=12), st.text("ab", min_size=1, max_size=3), st.integers(-2, 14))
def test_the_nearest_place_is_the_nearest(context: str, text: str, start: int) -> None:
    every = [at for at in range(len(context)) if context.startswith(text, at)]
    found = nearest_place(context, text, start)
    assert (found is None) == (not every)
    if found is not None:
        assert found in every
        assert abs(found - start) == min(abs(at - start) for at in every)
