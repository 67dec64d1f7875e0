"""Multiple choice: SWAG's, RACE's and ARC's forms, sequences as the papers build them, and transformers' own loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bertcli.contracts.batch import Batch
from bertcli.contracts.task import Examples, Fault, Limits, Prediction, Table
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.data.bucketing import BucketedBatches
from bertcli.errors import InputFileError
from bertcli.tasks._choices import Choices, answer_of
from bertcli.tasks.multiple_choice import MultipleChoice, MultipleChoiceSettings


def make_task(**settings: Any) -> MultipleChoice:
    return MultipleChoice(MultipleChoiceSettings(**settings))


def selected(task: MultipleChoice, columns: dict[str, Any], *, labelled: bool = True) -> Examples:
    rows = len(next(iter(columns.values())))
    table = Table("t.jsonl", columns, range(1, rows + 1))
    return task.select([table], "train", labelled=labelled)


# The header of the published train.csv, and its first row.
SWAG = {
    "": ["0"],
    "video-id": ["anetv_jkn6uvmqwh4"],
    "fold-ind": ["3416"],
    "startphrase": ["Members of the procession walk down the street holding small horn brass instruments. A drum line"],
    "sent1": ["Members of the procession walk down the street holding small horn brass instruments."],
    "sent2": ["A drum line"],
    "gold-source": ["gold"],
    "ending0": ["passes by walking down the street playing their instruments."],
    "ending1": ["has heard approaching them."],
    "ending2": ["arrives and they're outside dancing and asleep."],
    "ending3": ["turns the lead singer watches the performance."],
    "label": ["0"],
}
# Lai et al. 2017, as its files are written; Clark et al. 2018, as published, and as the Hub has it.
RACE = {
    "article": ["It was cold."],
    "question": ["The girl was _ ."],
    "options": [["warm", "cold", "late", "ill"]],
    "answer": ["B"],
}
ARC = {
    "id": ["Mercury_1"],
    "question": [
        {
            "stem": "What heats?",
            "choices": [{"text": "dry palms", "label": "A"}, {"text": "wet palms", "label": "B"}],
        }
    ],
    "answerKey": ["B"],
}
ARC_OF_THE_HUB = {
    "id": ["Mercury_1"],
    "question": ["What heats?"],
    "choices": [{"text": ["dry palms", "wet palms"], "label": ["1", "2"]}],
    "answerKey": ["2"],
}


def test_the_columns_of_swag_are_context_start_and_endings(letters: Any) -> None:
    task = make_task()
    examples = selected(task, SWAG)
    fitted = task.fit(examples)
    first, second = encoded_texts(fitted, examples)
    assert first == SWAG["sent1"] * 4
    assert second == [f"A drum line {SWAG[f'ending{number}'][0]}" for number in range(4)]
    features = fitted.encode(examples, letters, Limits(512))
    assert features.item_columns["labels"].tolist() == [0]
    assert features.item_starts is not None
    assert features.item_starts.tolist() == [0, 4]
    assert features.items == 1


def encoded_texts(task: MultipleChoice, examples: Examples) -> list[list[str]]:
    """The first and the second segments that are given to the tokenizer."""
    given_texts: list[list[str]] = []

    class Listener:
        vocabulary = Vocabulary(300, 0, 1, 2, 3, 4, (0, 1, 2, 3, 4), True, "ones")

        def encode(self, texts: Any) -> list[Any]:
            given_texts.append(list(texts))
            return [np.ones(1, dtype=np.int32) for _ in texts]

    task.encode(examples, Listener(), Limits(16))
    return given_texts


def test_a_choice_fills_the_blank_of_a_question_of_race() -> None:
    task = make_task()
    examples = selected(task, RACE)
    first, second = encoded_texts(task.fit(examples), examples)
    assert first == ["It was cold."] * 4
    assert second[:2] == ["The girl was warm .", "The girl was cold ."]


@pytest.mark.parametrize("columns", [ARC, ARC_OF_THE_HUB])
def test_a_question_without_a_context_stands_before_each_choice(columns: dict[str, Any], letters: Any) -> None:
    task = make_task()
    examples = selected(task, columns)
    fitted = task.fit(examples)
    assert encoded_texts(fitted, examples) == [["What heats?"] * 2, ["dry palms", "wet palms"]]
    assert fitted.encode(examples, letters, Limits(32)).item_columns["labels"].tolist() == [1]
    assert examples.ids == ["Mercury_1"]


def test_columns_of_choices_can_be_named() -> None:
    task = make_task(text_column="sentence", choice_columns=["option1", "option2"], first_answer=1)
    columns = {"sentence": ["The trophy is too big."], "option1": ["trophy"], "option2": ["suitcase"], "answer": ["2"]}
    examples = selected(task, columns)
    assert encoded_texts(task.fit(examples), examples)[1] == ["trophy", "suitcase"]
    assert list(task.fit(examples).faults(examples)) == []


@pytest.mark.parametrize(
    ("written", "first", "found"),
    [
        ("0", 0, 0),
        ("3", 0, 3),
        ("4", 0, None),
        ("1", 1, 0),
        ("4", 1, 3),
        ("0", 1, None),
        ("A", 0, 0),
        ("d", 0, 3),
        ("E", 0, None),
        ("right", 0, None),
        ("-1", 0, None),
        ("²", 0, None),
    ],
)
def test_answers_are_numbers_or_letters(written: str, first: int, found: int | None) -> None:
    assert answer_of(written, Choices(("w", "x", "y", "z")), first=first) == found


def test_names_that_a_table_gives_its_choices_come_first() -> None:
    assert answer_of("1", Choices(("x", "y"), ("1", "2")), first=0) == 0
    assert answer_of("B", Choices(("x", "y"), ("B", "A")), first=0) == 0


def test_another_number_of_choices_names_file_and_row() -> None:
    task = make_task()
    options = [["a", "b"], ["a", "b", "c"]]
    examples = selected(task, {"question": ["q", "r"], "options": options, "answer": ["A", "C"]})
    assert list(task.fit(examples).faults(examples)) == [
        Fault(
            "error",
            "3 choices here, expected 2 as in the first training example",
            "t.jsonl",
            2,
            "every question has the same number of choices",
        )
    ]


def test_answers_that_name_no_choice_and_choices_that_are_empty_or_alike_are_listed() -> None:
    task = make_task()
    options = [["a", "b"], ["a", " "], ["a", "a"], ["a", "b"]]
    columns = {"question": list("qr t"), "options": options, "answer": ["C", "A", "0", None]}
    examples = selected(task, columns)
    assert list(task.fit(examples).faults(examples)) == [
        Fault(
            "error",
            "the answer 'C' is none of the 2 choices: 0 to 1, or A to B",
            "t.jsonl",
            1,
            "--set task_settings.first_answer=1 where numbers begin with 1",
        ),
        Fault("warning", "a choice is empty", "t.jsonl", 2),
        Fault("warning", "the question is empty", "t.jsonl", 3),
        Fault("warning", "two choices are the same", "t.jsonl", 3),
        Fault("error", "the label column holds nothing here, expected one of 0 to 1, or A to B", "t.jsonl", 4),
    ]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"question": ["q"], "label": ["0"]}, "no column 'choices' or 'options' or 'endings'"),
        ({"options": [["a", "b"]], "label": ["0"]}, "no column 'sent1' or 'context'"),
        ({"question": ["q"], "options": ["a, b"], "label": ["0"]}, ":1: the column 'options' holds no list of texts"),
        ({"question": ["q"], "options": [["a", 1]], "label": ["0"]}, ":1: the column 'options' holds no list of texts"),
        (
            {"question": ["q"], "options": [{"text": ["a", "b"], "label": ["A"]}]},
            ":1: the column 'options' holds no list",
        ),
        ({"question": ["q"], "options": [["a", "b"]]}, "no column 'label' or 'answer' or 'answerKey'"),
        ({"question": [3], "options": [["a", "b"]], "label": ["0"]}, ":1: the column 'question' holds a int here"),
    ],
)
def test_tables_that_cannot_be_read_name_what_is_missing(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(InputFileError, match=f"t.jsonl{'' if message.startswith(':') else ': '}{message}"):
        selected(make_task(), columns)


def test_a_column_that_was_asked_for_has_to_be_there() -> None:
    columns = {"question": ["q"], "options": [["a", "b"]], "label": ["0"]}
    with pytest.raises(InputFileError, match="no column 'story'"):
        selected(make_task(text_column="story"), columns)
    with pytest.raises(InputFileError, match="no column 'option1'"):
        selected(make_task(choice_columns=["option1", "option2"]), columns)


def test_a_single_choice_is_refused() -> None:
    task = make_task()
    examples = selected(task, {"question": ["q"], "options": [["a"]], "label": ["0"]})
    with pytest.raises(InputFileError, match=r"t\.jsonl:1: the first question leaves no choice, expected two at least"):
        task.fit(examples)
    with pytest.raises(ValueError, match="choice_columns: one column leaves no choice"):
        make_task(choice_columns=["option1"])


def test_a_test_split_without_answers_has_none(letters: Any) -> None:
    task = make_task()
    columns = {"question": ["q"], "options": [["a", "b"]]}
    examples = selected(task, columns, labelled=False)
    assert "label" not in examples.columns
    features = task.fit(examples).encode(examples, letters, Limits(8))
    (found,) = task.fit(examples).decode(examples, features, [np.log(np.asarray([1.0, 3.0]))])
    assert found == Prediction("0", None, 1, [0.25, 0.75])


@given(st.integers(1, 6), st.integers(2, 5), st.integers(0, 99))
def test_logits_are_folded_by_item_and_scored_as_transformers_does(items: int, choices: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randn(items * choices, 1, generator=generator)
    labels = torch.randint(choices, (items,), generator=generator)
    task = MultipleChoice(MultipleChoiceSettings(), choices)
    batch = Batch({"labels": labels}, example_ids=np.arange(items))
    logits = task.logits(outputs, batch)
    loss = task.loss(logits, batch)
    # BertForMultipleChoice: reshaped_logits = logits.view(-1, num_choices); CrossEntropyLoss()(reshaped_logits, labels)
    expected = torch.nn.CrossEntropyLoss()(outputs.view(-1, choices), labels)
    assert float(loss.total) / loss.count == pytest.approx(float(expected), rel=1e-5)
    assert loss.count == items


def test_batches_keep_the_choices_of_an_item_together(letters: Any) -> None:
    task = make_task()
    options = [["a", "bb", "ccc"], ["dddd", "e", "ff"]]
    examples = selected(task, {"question": ["q", "r"], "options": options, "answer": ["A", "C"]})
    fitted = task.fit(examples)
    features = fitted.encode(examples, letters, Limits(16))
    batch = BucketedBatches(features, 0, fitted.count).make(np.asarray([1, 0]))
    assert batch["sequence_items"].tolist() == [0, 0, 0, 1, 1, 1]
    assert batch["labels"].tolist() == [2, 0]
    assert batch["input_ids"][0, :3].tolist() == [2, ord("r") % 250 + 10, 3]
    assert fitted.count(batch.columns) == 2


def test_accuracy_is_the_share_of_right_choices() -> None:
    task = make_task(first_answer=1)
    found = [Prediction("7", 0, 0), Prediction("8", 1, 3), Prediction("9", 2, 2)]
    assert task.score(found) == {"accuracy": pytest.approx(2 / 3)}
    assert list(task.official(found)) == ["index\tprediction", "7\t1", "8\t4", "9\t3"]


def test_keys_have_all_texts() -> None:
    task = make_task()
    assert task.keys(selected(task, RACE)) == ["It was cold.\tThe girl was _ .\twarm\tcold\tlate\till"]
