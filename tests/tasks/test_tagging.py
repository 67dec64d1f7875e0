"""Tagging: labels of every kind of file, what is wrong with them, and that gold tags come back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bertcli.contracts.batch import IGNORED
from bertcli.contracts.task import LOSS_NAME, Examples, Features, Limits, Prediction, Table
from bertcli.data import tables
from bertcli.data.bucketing import BucketedBatches
from bertcli.errors import ConfigError, InputFileError
from bertcli.tasks._tag_schemes import Entity, spell
from bertcli.tasks.tagging import Tagging, TaggingSettings

LIMITS = Limits(16)


def make_task(**settings: Any) -> Tagging:
    return Tagging(TaggingSettings(**settings))


def examples_of(*sentences: str, split: str = "train", first_line: int = 1) -> Examples:
    """Examples whose words are w0, w1, … from tags with spaces between."""
    tags = [sentence.split() for sentence in sentences]
    rows = range(len(tags))
    words = [[f"w{at}" for at in range(len(one))] for one in tags]
    lines = [[first_line + at for at in range(len(one))] for one in tags]
    columns = {"tokens": words, "label": tags, "token_lines": lines}
    return Examples(split, [str(row) for row in rows], columns, ["t.conll"] * len(tags), [first_line] * len(tags))


def predictions(gold: Sequence[str], predicted: Sequence[str]) -> list[Prediction]:
    pairs = enumerate(zip(gold, predicted, strict=True))
    return [Prediction(str(row), ours.split(), theirs.split()) for row, (ours, theirs) in pairs]


def outputs_of_gold(task: Tagging, features: Features) -> list[np.ndarray]:
    """Logits of each item by which the model is sure of the gold tags, and elsewhere of some tag or other."""
    labels = features.token_columns["labels"]
    chosen = np.where(labels == IGNORED, np.arange(len(labels)) % task.outputs, labels)
    logits = np.eye(task.outputs, dtype=np.float32)[chosen]
    return [logits[begin:end] for begin, end in pairwise(features.offsets.tolist())]


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(task: Tagging, path: Path, *, labelled: bool = True, split: str = "train") -> Examples:
    return task.select([task.read(path)], split, labelled=labelled)


CASES = st.lists(
    st.lists(st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b"]), min_size=1, max_size=30), min_size=1, max_size=4
)


@pytest.mark.parametrize("constrained", [False, True])
@settings(max_examples=60)
@given(sentences=CASES, max_length=st.integers(4, 20))
def test_gold_comes_back_as_it_was(
    letters: Any, constrained: bool, sentences: list[list[str]], max_length: int
) -> None:
    task = make_task(scheme="iob2").fit(examples_of("O B-a I-a B-b I-b"))
    if constrained:  # in io every sequence is legal
        task = make_task(scheme="io", constrained=True).fit(examples_of("O I-a I-b"))
        sentences = [[tag.replace("B-", "I-") for tag in tags] for tags in sentences]
    examples = examples_of(*map(" ".join, sentences))
    features = task.encode(examples, letters, Limits(max_length))
    found = task.decode(examples, features, outputs_of_gold(task, features))
    assert [prediction.pred for prediction in found] == sentences
    assert [prediction.gold for prediction in found] == sentences


@pytest.mark.parametrize("train_scheme", ["iob1", "iob2", "bilou", "iobes", "bmes"])
@pytest.mark.parametrize("scheme", ["iob1", "iob2", "bilou"])
def test_gold_comes_back_in_the_files_scheme_whatever_is_learned(letters: Any, scheme: Any, train_scheme: Any) -> None:
    found = [("per", 0, 2), ("loc", 3, 6), ("loc", 6, 7)]
    tags = spell([Entity(*entity) for entity in found], 8, scheme)
    examples = examples_of(" ".join(tags))
    task = make_task(train_scheme=train_scheme, scheme=scheme).fit(examples)
    assert {tag[0] for tag in task.names} - {"O"} == set(
        {"iob1": "BI", "iob2": "BI", "bilou": "BILU", "iobes": "BIES", "bmes": "BMES"}[train_scheme]
    )
    features = task.encode(examples, letters, LIMITS)
    (prediction,) = task.decode(examples, features, outputs_of_gold(task, features))
    assert prediction.pred == prediction.gold == tags
    assert task.score([prediction])["f1"] == 1.0


def test_iob1_is_learned_in_iob2() -> None:
    task = make_task().fit(examples_of("I-a I-a B-a O"))
    assert (task.scheme, task.learned) == ("iob1", "iob2")
    assert task.names == ("O", "B-a", "I-a")


def test_every_type_has_every_tag_even_where_training_lacks_it() -> None:
    task = make_task().fit(examples_of("O B-b", "B-a"))
    assert task.names == ("O", "B-a", "I-a", "B-b", "I-b")
    assert list(task.faults(examples_of("B-b I-b", split="dev"))) == []
    assert task.model_facts() == {
        "id2label": {0: "O", 1: "B-a", 2: "I-a", 3: "B-b", 4: "I-b"},
        "label2id": {"O": 0, "B-a": 1, "I-a": 2, "B-b": 3, "I-b": 4},
    }


def test_tags_without_entities_are_those_of_the_training_split_and_compared_by_accuracy() -> None:
    task = make_task().fit(examples_of("V N", "D N"))
    assert (task.scheme, task.names) == (None, ("D", "N", "V"))
    assert (task.metrics, task.primary) == (("accuracy", "macro_f1"), "accuracy")
    scores = task.score(predictions(["V N", "D N"], ["V N", "N N"]))
    # D: 0; N: right 2, predicted 3, gold 2; V: 1
    assert scores == pytest.approx({"accuracy": 3 / 4, "macro_f1": (0 + 2 * 2 / 5 + 1) / 3})


def test_entities_are_compared_by_f1_and_each_type_has_its_own() -> None:
    task = make_task().fit(examples_of("B-a O B-b"))
    assert task.primary == "f1"
    assert task.metrics[:5] == ("f1", "precision", "recall", "accuracy", "f1_a")
    assert make_task(per_type=False).fit(examples_of("B-a O B-b")).metrics == ("f1", "precision", "recall", "accuracy")


def test_modes_differ_where_the_scheme_is_broken() -> None:
    found = predictions(["O B-a I-a"], ["O I-a I-a"])
    scores = {
        mode: make_task(mode=mode).fit(examples_of("O B-a I-a")).score(found)["f1"] for mode in ("conlleval", "strict")
    }
    assert scores == {"conlleval": 1.0, "strict": 0.0}


def test_constrained_predictions_are_legal(letters: Any) -> None:
    examples = examples_of("O O")
    task = make_task(constrained=True).fit(examples_of("O B-a I-a"))
    features = task.encode(examples, letters, LIMITS)
    places = features.notes["word_positions"]
    logits = np.zeros((len(features.input_ids), 3), dtype=np.float32)
    logits[places[0]] = [2.0, 1.5, 0.0]  # O, B-a, I-a
    logits[places[1]] = [0.0, 0.0, 3.0]
    assert [p.pred for p in task.decode(examples, features, [logits])] == [["B-a", "I-a"]]
    free = replace(task, settings=TaggingSettings())
    assert [p.pred for p in free.decode(examples, features, [logits])] == [["O", "I-a"]]


def test_labels_stand_on_first_pieces_alone_and_the_loss_is_theirs(letters: Any) -> None:
    examples = examples_of("B-a O")  # of w0 and w1; the letters' tokenizer has a piece for the space between
    task = make_task().fit(examples_of("B-a O"))
    features = task.encode(examples, letters, LIMITS)
    assert features.token_columns["labels"].tolist() == [-100, 1, -100, 0, -100, -100, -100]
    batch = BucketedBatches(features, 0, task.count).make(np.asarray([0]))
    assert batch.counts == {LOSS_NAME: 2}
    logits = torch.zeros(1, 7, 3)
    logits[0, 1] = torch.tensor([0.0, 1.0, 0.0])
    loss = task.loss(logits, batch.to(torch.device("cpu")))
    e = float(np.e)
    assert float(loss.total) == pytest.approx(-np.log(e / (e + 2)) - np.log(1 / 3))
    assert loss.count == 2
    assert loss.correct is not None
    assert int(loss.correct) == 2  # B-a by its logit, O as the first of equals


def test_smoothed_labels_spread_over_all_tags_and_not_over_other_pieces(letters: Any) -> None:
    examples = examples_of("B-a")
    task = make_task(label_smoothing=0.3).fit(examples_of("B-a O"))
    features = task.encode(examples, letters, LIMITS)
    batch = BucketedBatches(features, 0, task.count).make(np.asarray([0])).to(torch.device("cpu"))
    logits = torch.zeros(1, len(features.input_ids), 3)
    logits[0, 1] = torch.tensor([0.0, 2.0, 0.0])
    e = float(np.e) ** 2
    # 0.3 spread over three tags: 0.8 for B-a, 0.1 for the two others
    expected = -0.8 * np.log(e / (e + 2)) - 0.2 * np.log(1 / (e + 2))
    assert float(task.loss(logits, batch).total) == pytest.approx(expected)


def test_a_split_without_tags_has_none(letters: Any) -> None:
    task = make_task().fit(examples_of("B-a O"))
    examples = examples_of("O O")
    bare = replace(examples, columns={name: examples.columns[name] for name in ("tokens", "token_lines")})
    features = task.encode(bare, letters, LIMITS)
    assert BucketedBatches(features, 0, task.count).make(np.asarray([0])).counts == {LOSS_NAME: 0}
    (found,) = task.decode(bare, features, [np.zeros((7, 3), dtype=np.float32)])
    assert found.dump() == {"id": "0", "gold": None, "pred": ["O", "O"]}
    assert list(task.official([found])) == ["w0 O", "w1 O", ""]
    assert list(task.faults(bare)) == []


def test_the_official_file_has_word_gold_and_prediction(letters: Any) -> None:
    task = make_task().fit(examples_of("B-a O"))
    examples = examples_of("B-a O", "O")
    examples.columns["tokens"][1][0] = "a\u00a0b"
    features = task.encode(examples, letters, LIMITS)
    found = task.decode(examples, features, outputs_of_gold(task, features))
    assert list(task.official(found)) == ["w0 B-a B-a", "w1 O O", "", "a_b O O", ""]


def test_one_tag_for_every_word_is_a_collapse() -> None:
    task = make_task().fit(examples_of("B-a O"))
    assert task.collapsed(predictions(["B-a O", "O"], ["O O", "O"])) == "every word is tagged 'O'"
    assert task.collapsed(predictions(["B-a O", "O"], ["O O", "B-a"])) is None
    assert task.collapsed(predictions(["O O"], ["O O"])) is None


def test_counts_of_examples_sum_up_to_the_scores() -> None:
    task = make_task().fit(examples_of("B-a O B-b"))
    found = predictions(["B-a O B-b", "B-a"], ["B-a O B-a", "B-a"])
    tally = task.tally(found)
    # Per sentence: right a, b; predicted a, b; gold a, b; right words, words.
    assert tally.counts.tolist() == [[1, 0, 2, 0, 1, 1, 2, 3], [1, 0, 1, 0, 1, 0, 1, 1]]
    assert task.score(found)["precision"] == pytest.approx(2 / 3)


# What files and settings may have wrong with them.


def test_tags_that_training_lacks_are_errors_with_their_line() -> None:
    task = make_task().fit(examples_of("B-a O"))
    (fault,) = task.faults(examples_of("O B-c O", split="dev", first_line=11))
    assert (fault.level, fault.message, fault.path, fault.line) == (
        "error",
        "the training split has no tag 'B-c'",
        "t.conll",
        12,
    )
    assert fault.hint == "known tags: B-a, I-a, O"


def test_tags_outside_a_closed_set_are_errors() -> None:
    task = make_task(labels=["O", "B-a", "I-a"]).fit(examples_of("B-a O"))
    assert [fault.message for fault in task.faults(examples_of("B-c"))] == ["the tag 'B-c' is not one of the task's"]


@pytest.mark.parametrize("tag", ["NN", "E-a"])
def test_tags_of_no_scheme_are_errors(tag: str) -> None:
    task = make_task(scheme="iob2").fit(examples_of("B-a O"))
    assert [fault.message for fault in task.faults(examples_of(tag))][:1] == [
        f"the tag '{tag}' is none of the scheme iob2"
    ]


def test_many_known_tags_are_not_all_listed() -> None:
    task = make_task().fit(examples_of(*(f"T{number:02}" for number in range(25))))
    (fault,) = task.faults(examples_of("X"))
    assert fault.hint is not None
    assert fault.hint.endswith("T19 and 5 more")


def test_tags_that_may_not_stand_where_they_do_are_warnings() -> None:
    task = make_task(scheme="iob2").fit(examples_of("B-a I-a O"))
    faults = list(task.faults(examples_of("O I-a", "B-a I-a", first_line=5)))
    assert [(f.level, f.message, f.line) for f in faults] == [
        ("warning", "the tag 'I-a' may not follow 'O' in iob2", 6)
    ]
    assert faults[0].hint == "the scheme is set by --set task_settings.scheme=NAME"


def test_one_tag_throughout_is_refused() -> None:
    with pytest.raises(InputFileError, match=r"t\.conll: every word of the training split has the tag 'O'") as caught:
        make_task().fit(examples_of("O O", "O"))
    assert caught.value.hint == "a tagger needs two tags at least; is this the right --label-column?"


@pytest.mark.parametrize("given", [{"train_scheme": "bilou"}, {"constrained": True}, {"mode": "strict"}])
def test_settings_of_entities_are_refused_for_tags_without(given: dict[str, Any]) -> None:
    message = "train_scheme, constrained and mode: strict need entities"
    with pytest.raises(ConfigError, match=f"{message}, and the tags are of no scheme"):
        make_task(**given).fit(examples_of("N V"))
    with pytest.raises(ValidationError, match=f"{message}, and scheme is none"):
        make_task(scheme="none", **given)


def test_two_labels_of_one_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="two labels are named 'O'"):
        make_task(labels=["O", "B-a", "O"])


def test_a_csv_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"t\.csv: a CSV file has no sentences of tagged words") as caught:
        make_task().read(tmp_path / "t.csv")
    assert caught.value.hint == "known: .conll, .conllu, .bio, .iob, .txt, .tsv, .jsonl, .parquet, also compressed"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"tokens": ["a", "b", "c"], "tags": ["O", "O"]}, "3 words and 2 tags, expected one for each word"),
        ({"tokens": ["a", ""], "tags": ["O", "O"]}, "word 2 of 2 is empty"),
        ({"tokens": ["a", None], "tags": ["O", "O"]}, "word 2 of 2 is nothing, expected text"),
        ({"tokens": ["a", 5], "tags": ["O", "O"]}, "word 2 of 2 is a int, expected text"),
        ({"tokens": "a b", "tags": ["O", "O"]}, "the column 'tokens' holds a str here, expected a list of words"),
        ({"tags": ["O"]}, "the column 'tokens' holds nothing here, expected a list of words"),
        ({"tokens": ["a"], "tags": "O"}, "the column 'tags' holds a str here, expected a list of tags"),
        ({"tokens": ["a"]}, "the column 'tags' holds nothing here, expected a list of tags"),
        ({"tokens": ["a"], "tags": [None]}, "tag 1 of 1 is nothing, expected a tag"),
        ({"tokens": ["a"], "tags": [" "]}, "tag 1 of 1 is nothing, expected a tag"),
        ({"tokens": ["a"], "tags": [[1]]}, "tag 1 of 1 is a list, expected a tag"),
    ],
)
def test_faults_of_tables_name_file_and_line(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "t.jsonl", {"tokens": ["a"], "tags": ["B-x"]}, row)
    with pytest.raises(InputFileError) as caught:
        read(make_task(), path)
    assert str(caught.value) == f"{path}:2: {message}"


def test_a_table_without_the_column_says_which_there_are(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", {"token": ["a"], "tag": ["O"]})
    with pytest.raises(InputFileError, match="no column 'tokens' or 'words'") as caught:
        read(make_task(), path)
    assert caught.value.hint == "did you mean 'token'? columns: 'token', 'tag'; choose with --text-column"
    with pytest.raises(InputFileError, match="no column 'tags' or 'ner_tags' or 'labels'"):
        read(make_task(text_column="token"), path)


def test_a_training_file_without_tags_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.conll"
    path.write_text("one\ntwo\n")
    with pytest.raises(InputFileError, match=r"train\.conll:1: there is a single column, and no tags") as caught:
        read(make_task(), path)
    assert caught.value.hint == "each line has a word and, behind a space or a TAB, its tag"


def test_rows_without_words_are_passed_over_and_keep_the_numbers_of_the_others(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", {"tokens": [], "tags": []}, {"tokens": ["a"], "tags": ["O"]})
    examples = read(make_task(), path)
    assert (list(examples.ids), list(examples.lines)) == (["1"], [2])
    write(path, {"tokens": [], "tags": []})
    with pytest.raises(InputFileError, match="no sentence of the train split has words"):
        read(make_task(), path)


# The same sentence in every form.

ROW = {"id": "7", "tokens": ["EU", "rejects"], "ner_tags": [3, 0]}
LABELS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG"]
FEATURES = datasets.Features(
    {
        "id": datasets.Value("string"),
        "tokens": datasets.List(datasets.Value("string")),
        "ner_tags": datasets.List(datasets.ClassLabel(names=LABELS)),
    }
)


def is_the_sentence(examples: Examples) -> bool:
    return (list(examples.ids), examples.columns["tokens"], examples.columns["label"]) == (
        ["7"],
        [["EU", "rejects"]],
        [["B-ORG", "O"]],
    )


def test_numbers_are_named_by_the_labels_of_the_settings(tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", ROW)
    assert is_the_sentence(read(make_task(labels=LABELS), path))
    assert read(make_task(), path).columns["label"] == [["3", "0"]]
    with pytest.raises(InputFileError, match=r"t\.jsonl:1: tag 1 of 2 is 3, expected 0 to 1") as caught:
        read(make_task(labels=["O", "B-PER"]), path)
    assert caught.value.hint == "numbers stand for: O, B-PER"
    task = make_task(labels=LABELS).fit(read(make_task(labels=LABELS), path))
    assert task.names == tuple(LABELS)  # the Hub's numbering


def test_parquet_with_and_without_the_names_of_classes(tmp_path: Path) -> None:
    plain = tmp_path / "plain.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([ROW]), plain)
    assert is_the_sentence(read(make_task(labels=LABELS), plain))
    named = tmp_path / "named.parquet"
    datasets.Dataset.from_list([ROW], features=FEATURES).to_parquet(named)
    assert is_the_sentence(read(make_task(), named))


def test_the_hubs_lists_of_classes_become_their_names() -> None:
    table = tables.from_hub(datasets.Dataset.from_list([ROW], features=FEATURES), "hub")
    assert is_the_sentence(make_task().select([table], "train", labelled=True))


def test_hidden_classes_in_lists_are_nothing_from_the_hub_as_from_parquet(tmp_path: Path) -> None:
    rows = datasets.Dataset.from_list([ROW, ROW | {"ner_tags": [-1, 3]}, ROW | {"ner_tags": None}], features=FEATURES)
    rows.to_parquet(tmp_path / "t.parquet")
    for table in (tables.from_hub(rows, "hub"), tables.read_table(tmp_path / "t.parquet")[0]):
        assert table.columns["ner_tags"] == [["B-ORG", "O"], [None, "B-ORG"], None]


def test_hidden_tags_are_none() -> None:
    for hidden in ([None], [[None, None]]):
        table = Table("hub", {"tokens": [["EU", "rejects"]], "ner_tags": hidden}, [1])
        assert "label" not in make_task().select([table], "test", labelled=False).columns


def test_sentences_of_several_files_are_numbered_on() -> None:
    two = [Table(f"{name}.jsonl", {"tokens": [[name]], "tags": [["O"]]}, [1]) for name in "ab"]
    examples = make_task().select(two, "train", labelled=True)
    assert (list(examples.ids), list(examples.paths)) == (["0", "1"], ["a.jsonl", "b.jsonl"])
    assert make_task().keys(examples) == ["a", "b"]


def test_columns_may_be_given_as_numbers() -> None:
    assert TaggingSettings(text_column=1, label_column=[-2, "upos"]).label_column == ("-2", "upos")


def test_a_tag_that_the_labels_leave_out_is_an_error_though_the_scheme_has_it() -> None:
    examples = examples_of("O B-X I-X O", "B-X O")
    task = make_task(labels=["O", "B-X"]).fit(examples)
    (fault,) = task.faults(examples)
    assert (fault.level, fault.message, fault.line) == ("error", "the tag 'I-X' is not one of the task's", 3)
    assert fault.hint == "known tags: B-X, O"


@pytest.mark.parametrize("labels", [("O", "B-X"), ("O", "B-X", "I-X"), ("I-X", "B-X", "O")])
def test_tags_that_are_learned_in_another_scheme_need_the_types_alone(letters: Any, labels: tuple[str, ...]) -> None:
    examples = examples_of("O B-X I-X O", "B-X O")
    task = make_task(labels=labels, train_scheme="iobes").fit(examples)
    assert list(task.faults(examples)) == []
    task.encode(examples, letters, LIMITS)
