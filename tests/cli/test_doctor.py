"""``bertcli doctor``: sound data pass, and each defect is found with file, line and level."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import transformers

from bertcli.core.chatter import quiet_transformers
from tests.cli.conftest import Outcome

Row = tuple[str, ...]
Bertcli = Callable[..., Outcome]

ANIMALS = ("cat", "dog", "owl", "fox", "hen")
VERBS = ("runs", "sleeps", "eats", "sings")


def sound(count: int, what: str) -> list[Row]:
    """Rows of (sentence, label) that repeat nothing, with as many of each label."""
    return [(f"the {ANIMALS[n % 5]} {VERBS[n % 4]} on {what} {n}", str(n % 2)) for n in range(count)]


class Data:
    """A folder of splits that a test spoils."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.splits = {"train": sound(300, "hill"), "dev": sound(100, "river")}
        self.header = ("sentence", "label")

    def write(self) -> Path:
        self.folder.mkdir(exist_ok=True)
        for name, rows in self.splits.items():
            lines = ["\t".join(self.header[: len(rows[0]) if rows else None]), *("\t".join(row) for row in rows)]
            (self.folder / f"{name}.tsv").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return self.folder


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Data:
    monkeypatch.chdir(tmp_path)
    return Data(Path("data"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with 32 positions whose vocabulary knows the words above."""
    directory = tmp_path_factory.mktemp("model")
    words = ["the", "on", "hill", "river", *ANIMALS, *VERBS, *map(str, range(10)), *(f"##{n}" for n in range(10))]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    (directory / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    (directory / "tokenizer_config.json").write_text('{"do_lower_case": true}', encoding="utf-8")
    config = transformers.BertConfig(vocab_size=len(pieces), max_position_embeddings=32)
    with quiet_transformers():
        config.save_pretrained(directory)
    return directory


def doctor(bertcli: Bertcli, data: Data, *arguments: object, task: str = "sst2") -> Outcome:
    return bertcli("doctor", data.write(), "--task", task, *arguments)


def findings(outcome: Outcome) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = outcome.json()["findings"]
    return found


def the_finding(outcome: Outcome) -> dict[str, Any]:
    (finding,) = findings(outcome)
    return finding


def places(finding: dict[str, Any]) -> list[tuple[str, int]]:
    return [(Path(place["path"]).name, place["line"]) for place in finding["places"]]


def same_as(finding: dict[str, Any]) -> list[tuple[str, int]]:
    return [(Path(place["same_as"]["path"]).name, place["same_as"]["line"]) for place in finding["places"]]


def test_sound_data_have_no_finding(bertcli: Bertcli, data: Data) -> None:
    outcome = doctor(bertcli, data, "--near-duplicates", "--near-duplicate-threshold", "0.9")
    assert outcome.code == 0, outcome.out
    assert "nothing is wrong" in outcome.out
    assert "note: lengths are counted in words; --model DIR counts pieces" in outcome.err
    report = doctor(bertcli, data, "--json").json()
    assert (report["task"], report["errors"], report["warnings"], report["findings"]) == ("sst2", 0, 0, [])
    assert report["examples"] == {"train": 300, "dev": 100}
    half = {"train": {"count": 150, "share": 0.5}, "dev": {"count": 50, "share": 0.5}}
    assert report["balance"] == {"negative": half, "positive": half}


def test_every_label_that_is_not_known_is_found_not_the_first_alone(bertcli: Bertcli, data: Data) -> None:
    data.splits["train"][3] = ("one more", "2")
    data.splits["dev"][7] = ("another", "maybe")
    data.splits["dev"][9] = ("a third", "perhaps")
    outcome = doctor(bertcli, data, "--json")
    assert outcome.code == 1
    train, dev = (finding for finding in findings(outcome) if finding["level"] == "error")
    assert (train["check"], train["split"], train["count"], places(train)) == (
        "content",
        "train",
        1,
        [("train.tsv", 5)],
    )
    assert train["message"] == "the label '2' is not one of the task's"
    assert (dev["split"], dev["count"], places(dev)) == ("dev", 2, [("dev.tsv", 9), ("dev.tsv", 11)])
    assert dev["message"] == "the label '…' is not one of the task's"
    assert [place["note"] for place in dev["places"]] == [
        "the label 'maybe' is not one of the task's",
        "the label 'perhaps' is not one of the task's",
    ]
    assert dev["hint"] == "known labels: 0 (negative), 1 (positive)"
    assert outcome.err.splitlines()[-2] == "error: 2 errors in the data of sst2"
    assert outcome.err.splitlines()[-1] == "hint: correct the files above and look again"


def test_a_label_of_dev_that_training_lacks_is_an_error(bertcli: Bertcli, data: Data) -> None:
    data.splits["dev"][0] = ("a new one", "9")
    outcome = doctor(bertcli, data, "--json", "--text-column", "sentence", task="classification")
    assert outcome.code == 1
    error = findings(outcome)[0]
    assert (error["level"], error["check"], places(error)) == ("error", "content", [("dev.tsv", 2)])
    assert error["message"] == "the training split has no label '9'"


def test_numbers_that_are_none_are_found(bertcli: Bertcli, data: Data) -> None:
    data.splits["train"][2] = ("a number", "nan")
    data.splits["train"][4] = ("no number", "four")
    arguments = ("--json", "--text-column", "sentence")
    outcome = doctor(bertcli, data, *arguments, task="regression")
    assert outcome.code == 1
    error = the_finding(outcome)
    assert (error["message"], error["count"]) == ("the label '…' is not a number", 2)
    assert places(error) == [("train.tsv", 4), ("train.tsv", 6)]
    assert outcome.json()["balance"] is None


def test_an_empty_text_is_a_warning_and_no_copy_of_another(bertcli: Bertcli, data: Data) -> None:
    data.splits["train"][1] = data.splits["train"][5] = ("  ", "1")
    outcome = doctor(bertcli, data, "--json")
    assert outcome.code == 0
    warning = the_finding(outcome)
    assert (warning["level"], warning["message"], warning["count"]) == ("warning", "the text is empty", 2)
    assert places(warning) == [("train.tsv", 3), ("train.tsv", 7)]


def test_a_label_that_is_missing_is_an_error(bertcli: Bertcli, data: Data) -> None:
    data.splits["dev"][3] = ("no label", " ")
    error = the_finding(doctor(bertcli, data, "--json"))
    assert (error["level"], places(error)) == ("error", [("dev.tsv", 5)])
    assert error["message"] == "the label column holds nothing here, expected a label"


def test_an_empty_split_is_an_error_and_the_others_are_looked_at(bertcli: Bertcli, data: Data) -> None:
    data.splits["dev"] = []
    data.splits["test"] = [("the cat sleeps",), ("the cat sleeps",), ("x y",)]
    data.splits["train"][0] = ("the cat sleeps", "1")
    outcome = doctor(bertcli, data, "--json")
    assert outcome.code == 1
    found = {finding["check"]: finding for finding in findings(outcome)}
    assert (found["empty"]["level"], found["empty"]["split"]) == ("error", "dev")
    assert found["empty"]["message"] == "the table has a header and no rows"
    assert places(found["empty"]) == [("dev.tsv", 1)]
    assert found.keys() == {"empty", "duplicates", "leakage"}


def test_an_empty_training_split_leaves_the_others(bertcli: Bertcli, data: Data) -> None:
    data.splits["train"] = []
    outcome = doctor(bertcli, data, "--json")
    assert outcome.code == 1
    assert (the_finding(outcome)["check"], the_finding(outcome)["split"]) == ("empty", "train")
    assert outcome.json()["examples"] == {"dev": 100}


@pytest.mark.parametrize(
    ("task", "suffix", "train", "dev", "message"),
    [
        ("tagging", "conll", "a X\nb Y\n", "\n\n", "there is no sentence in the file"),
        ("classification", "csv", "text,label\na,0\nb,1\n", "", "the table is empty"),
        (
            "classification",
            "jsonl",
            '{"text": "a", "label": 0}\n{"text": "b", "label": 1}\n',
            "\n",
            "the table is empty",
        ),
        ("question_answering", "json", "SQUAD", '{"data": []}', "the file has no questions"),
    ],
)
def test_empty_splits_are_found_in_every_form(
    bertcli: Bertcli,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    task: str,
    suffix: str,
    train: str,
    dev: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(f"train.{suffix}").write_text(train.replace("SQUAD", squad([("q", "What?", "cat", 4)])), encoding="utf-8")
    Path(f"dev.{suffix}").write_text(dev, encoding="utf-8")
    outcome = bertcli("doctor", ".", "--task", task, "--json")
    assert outcome.code == 1
    empty = findings(outcome)[0]
    assert (empty["check"], empty["split"], empty["message"]) == ("empty", "dev", message)
    assert places(empty) == [(f"dev.{suffix}", 1)]


def test_a_file_that_cannot_be_read_is_an_error_and_the_others_are_looked_at(bertcli: Bertcli, data: Data) -> None:
    folder = data.write()
    words = "".join(f"w{n} B-X\nv{n} O\n\n" for n in range(30))
    (folder / "train.conll").write_text(words, encoding="utf-8")
    (folder / "dev.conll").write_text("a O\nb O extra\n", encoding="utf-8")
    (folder / "test.conll").write_text("w1 B-X\nv1 O\n", encoding="utf-8")
    files = [argument for name in ("train", "dev", "test") for argument in (f"--{name}", folder / f"{name}.conll")]
    outcome = bertcli("doctor", *files, "--task", "tagging", "--json")
    assert outcome.code == 1
    reading, *others = findings(outcome)
    assert (reading["level"], reading["check"], reading["split"]) == ("error", "reading", "dev")
    assert places(reading) == [("dev.conll", 2)]
    assert outcome.json()["examples"] == {"train": 30, "test": 1}
    assert "leakage" in {finding["check"] for finding in others}


def test_columns_that_are_missing_are_told_of_each_split(bertcli: Bertcli, data: Data) -> None:
    data.splits["test"] = [("the cat sleeps",)]
    outcome = doctor(bertcli, data, "--json", "--text-column", "words")
    assert outcome.code == 1
    assert [(found["check"], found["split"], found["message"]) for found in findings(outcome)] == [
        ("reading", split, "no column 'words'") for split in ("train", "dev", "test")
    ]
    assert findings(outcome)[0]["hint"] == "columns: 'sentence', 'label'; choose with --text-column"
    assert outcome.json()["examples"] == {}


@pytest.mark.parametrize(
    ("flag", "shown"), [("--text", "the word 'Xylophon' has no tag"), ("--no-text", "the word '…' has no tag")]
)
def test_what_cannot_be_read_is_quoted_where_texts_are_shown(
    bertcli: Bertcli, data: Data, flag: str, shown: str
) -> None:
    folder = data.write()
    (folder / "train.conll").write_text("a\tO\nXylophon\t \n", encoding="utf-8")
    outcome = bertcli("doctor", "--train", folder / "train.conll", "--task", "tagging", "--json", flag)
    assert outcome.code == 1
    assert the_finding(outcome)["message"] == shown
    assert ("Xylophon" in outcome.out + outcome.err) == (flag == "--text")


@pytest.mark.parametrize(("split", "level", "code"), [("dev", "error", 1), ("test", "warning", 0)])
def test_a_split_with_one_label_alone(bertcli: Bertcli, data: Data, split: str, level: str, code: int) -> None:
    data.splits[split] = [(text, "1") for text, _ in sound(20, "roof")]
    outcome = doctor(bertcli, data, "--json")
    assert outcome.code == code
    finding = the_finding(outcome)
    assert (finding["level"], finding["check"], finding["split"]) == (level, "one class", split)
    assert finding["message"] == f"every example of {split} has the label 'positive'"


def test_a_training_split_with_one_label_alone_is_an_error(bertcli: Bertcli, data: Data) -> None:
    data.splits["train"] = [(text, "1") for text, _ in data.splits["train"]]
    outcome = doctor(bertcli, data, "--json")
    assert outcome.code == 1
    finding = the_finding(outcome)
    assert (finding["level"], finding["check"], finding["count"]) == ("error", "labels", 300)
    assert finding["message"] == "every example of the training split has the label '1'"


def test_copies_are_found_whatever_their_case_and_white_space(bertcli: Bertcli, data: Data) -> None:
    data.splits["train"][10] = ("caf\u00e9 at  NOON", "0")
    data.splits["train"][20] = ("Cafe\u0301 at noon ", "0")
    outcome = doctor(bertcli, data, "--json")
    assert outcome.code == 0
    warning = the_finding(outcome)
    assert (warning["level"], warning["check"], warning["count"]) == ("warning", "duplicates", 1)
    assert (places(warning), same_as(warning)) == ([("train.tsv", 22)], [("train.tsv", 12)])
    assert warning["places"][0]["text"] == "Cafe\u0301 at noon"
    assert warning["message"] == "1 of 300 examples (0.33 %) repeat another one of the split"


@pytest.mark.parametrize(("contradictions", "level", "code"), [(1, "warning", 0), (2, "error", 1)])
def test_copies_with_another_label_are_an_error_above_one_in_a_hundred(
    bertcli: Bertcli, data: Data, contradictions: int, level: str, code: int
) -> None:
    for row in range(contradictions):  # 2 or 4 of 300
        text, label = data.splits["train"][row]
        data.splits["train"][-1 - row] = (text, str(1 - int(label)))
    outcome = doctor(bertcli, data, "--json")
    assert outcome.code == code
    finding = the_finding(outcome)
    assert (finding["level"], finding["check"], finding["count"]) == (level, "conflicts", 2 * contradictions)
    assert places(finding)[0] == ("train.tsv", 301)
    assert same_as(finding)[0] == ("train.tsv", 2)
    assert finding["places"][0]["note"] == "'1' here, '0' there"


@pytest.mark.parametrize(("copies", "level", "code"), [(1, "warning", 0), (2, "error", 1)])
def test_leakage_is_an_error_above_one_in_a_hundred_of_the_smaller_split(
    bertcli: Bertcli, data: Data, copies: int, level: str, code: int
) -> None:
    for row in range(copies):
        data.splits["dev"][row] = data.splits["train"][40 + row]
    outcome = doctor(bertcli, data, "--json")
    assert outcome.code == code
    finding = the_finding(outcome)
    assert (finding["level"], finding["check"], finding["split"]) == (level, "leakage", "train/dev")
    assert finding["message"] == f"{copies} of the 100 examples of dev ({copies}.0 %) are in train too"
    assert (places(finding)[0], same_as(finding)[0]) == (("dev.tsv", 2), ("train.tsv", 42))


def test_what_is_tolerated_can_be_said(bertcli: Bertcli, data: Data) -> None:
    data.splits["dev"][:2] = data.splits["train"][40:42]
    assert the_finding(doctor(bertcli, data, "--json", "--tolerated", "2%"))["level"] == "warning"
    assert the_finding(doctor(bertcli, data, "--json", "--tolerated", "0.019"))["level"] == "error"


def test_leakage_is_looked_for_between_dev_and_test_and_not_between_parts_of_dev(bertcli: Bertcli, data: Data) -> None:
    data.header = ("sentence1", "sentence2", "gold_label")
    labels = ("entailment", "neutral", "contradiction")
    rows = [(f"a {n}", f"b {n}", labels[n % 3]) for n in range(120)]
    data.splits = {
        "train": rows[:60],
        "dev_matched": rows[60:90],
        "dev_mismatched": rows[60:90],
        "test_matched": [row[:2] for row in rows[60:61] + rows[100:119]],
    }
    found = findings(doctor(bertcli, data, "--json", task="mnli"))
    assert [finding["split"] for finding in found] == ["dev_matched/test_matched", "dev_mismatched/test_matched"]
    assert {finding["count"] for finding in found} == {1}


def test_near_duplicates_are_found_on_request(bertcli: Bertcli, data: Data) -> None:
    words = [f"word{number}" for number in range(60)]
    data.splits["train"][7] = (" ".join(words), "0")
    data.splits["dev"][8] = (" ".join([*words[:-1], "other"]), "0")  # 55 of 57 runs of five words
    data.splits["test"] = [("nothing of the kind",), (" ".join(["other", *words[1:]]),), (" ".join(words[5:45]),)]
    assert findings(doctor(bertcli, data, "--json")) == []
    outcome = doctor(bertcli, data, "--json", "--near-duplicates", "--near-duplicate-threshold", "0.8")
    assert outcome.code == 0
    dev, test = findings(outcome)
    assert (dev["level"], dev["check"], dev["split"], dev["count"]) == ("warning", "near-duplicates", "train/dev", 1)
    assert (places(dev), same_as(dev)) == ([("dev.tsv", 10)], [("train.tsv", 9)])
    assert (test["split"], places(test), same_as(test)) == ("train/test", [("test.tsv", 3)], [("train.tsv", 9)])


def test_a_threshold_without_near_duplicates_is_refused(bertcli: Bertcli, data: Data) -> None:
    outcome = doctor(bertcli, data, "--near-duplicate-threshold", "0.7")
    assert outcome.code == 2
    assert "nothing looks for near-duplicates" in outcome.err
    assert "hint: add --near-duplicates" in outcome.err


def test_a_rare_label_is_a_warning(bertcli: Bertcli, data: Data) -> None:
    data.splits["train"] += [(f"a rare case {n}", "2") for n in range(9)]
    data.splits["dev"] += [("one rare case", "2")]
    outcome = doctor(bertcli, data, "--json", task="classification")
    assert outcome.code == 0
    finding = the_finding(outcome)
    assert (finding["level"], finding["check"], finding["split"]) == ("warning", "rare label", "train")
    assert finding["message"] == "1 label is rare in train (fewer than 10, or under 1 %): '2' 9 times"
    data.splits["train"] += [("a tenth rare case", "2")]  # 10 of 310 are more than 1 %
    assert findings(doctor(bertcli, data, "--json", task="classification")) == []


def test_labels_that_are_distributed_otherwise_in_dev_are_a_warning(bertcli: Bertcli, data: Data) -> None:
    data.splits["dev"] = [(text, "1" if row % 10 else "0") for row, (text, _) in enumerate(sound(100, "river"))]
    outcome = doctor(bertcli, data, "--json")
    assert outcome.code == 0
    finding = the_finding(outcome)
    assert (finding["level"], finding["check"], finding["split"]) == ("warning", "label shift", "train/dev")
    # [[150, 150], [10, 90]]: 400 (150 · 90 - 150 · 10)² / (300 · 100 · 160 · 240) = 50, p = 1.5e-12.
    assert "(chi-squared test, p = 2e-12)" in finding["message"]
    assert "'positive' is 90.0 % there and 50.0 % in train" in finding["message"]


def test_lengths_are_counted_in_pieces_with_a_model(bertcli: Bertcli, data: Data, model: Path) -> None:
    data.splits["dev"][0] = ("the cat " * 10, "1")  # 20 pieces and two special ones
    data.splits["dev"][1] = ("the dog " * 6, "1")
    outcome = doctor(bertcli, data, "--json", "--model", model, "--max-length", 12)
    assert outcome.code == 0
    assert "counted in words" not in outcome.err
    finding = the_finding(outcome)
    assert (finding["level"], finding["check"], finding["split"], finding["count"]) == ("warning", "length", "dev", 2)
    assert places(finding) == [("dev.tsv", 2), ("dev.tsv", 3)]
    # The others have `the`, an animal, a verb, `on`, a place and one or two digits: 6 or 7 pieces and two.
    assert finding["message"] == "2 of 100 examples (2.0 %) are longer than 12 pieces and lose 12 in all"
    report = outcome.json()
    assert report["max_length"] == 12
    lengths = {one["split"]: one for one in report["lengths"]}
    assert lengths["dev"]["unit"] == "pieces"
    assert (lengths["dev"]["longest"], lengths["dev"]["longer"], lengths["dev"]["cut"]) == (22, 2, 2)
    assert (lengths["dev"]["lost"], lengths["dev"]["median"]) == (10 + 2, 9)
    assert (lengths["train"]["lost"], lengths["train"]["unknown_rate"]) == (0, 0.0)


def test_a_few_cut_examples_are_told_and_no_warning(bertcli: Bertcli, data: Data, model: Path) -> None:
    data.splits["dev"][0] = ("the cat " * 10, "1")
    report = doctor(bertcli, data, "--json", "--model", model, "--max-length", 12).json()
    assert report["findings"] == []
    assert [one["cut"] for one in report["lengths"]] == [0, 1]


def test_a_vocabulary_of_another_language_is_a_warning(bertcli: Bertcli, data: Data, model: Path) -> None:
    data.splits["dev"] = [(f"un deux trois {n}", label) for n, (_, label) in enumerate(data.splits["dev"])]
    finding = the_finding(doctor(bertcli, data, "--json", "--model", model / "vocab.txt"))
    assert (finding["level"], finding["check"], finding["split"]) == ("warning", "unknown", "dev")
    # Three unknown pieces and, from 10 on, two digits: 300 of 300 + 10 + 2 · 90.
    assert finding["message"] == "61.2 % of the pieces of dev are unknown to the vocabulary"


def test_without_a_model_texts_with_more_words_than_pieces_are_surely_cut(bertcli: Bertcli, data: Data) -> None:
    for row in range(2):
        data.splits["dev"][row] = (f"word{row} " * 13, "1")
    finding = the_finding(doctor(bertcli, data, "--json", "--max-length", 12))
    assert (finding["level"], finding["check"], finding["count"]) == ("warning", "length", 2)
    assert finding["message"].startswith("at least 2 of 100 examples (2.0 %) are longer than 12 pieces")


def test_an_example_with_an_error_does_not_keep_lengths_from_being_counted(
    bertcli: Bertcli, data: Data, model: Path
) -> None:
    data.splits["dev"][0] = ("the cat", "unknown")
    outcome = doctor(bertcli, data, "--json", "--model", model, "--max-length", 12)
    assert outcome.code == 1
    assert [one["examples"] for one in outcome.json()["lengths"]] == [300, 99]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--max-length", 33), "error: --max-length 33 is longer than the model's 32 positions"),
        (("--model", "nowhere"), "nowhere: no such directory"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(
    bertcli: Bertcli, data: Data, model: Path, change: Sequence[object], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    outcome = doctor(bertcli, data, "--model", model, *change)
    assert outcome.code == 2
    assert message in outcome.err


def test_pairs_of_one_text_with_itself_are_a_warning(bertcli: Bertcli, data: Data) -> None:
    data.header = ("sentence1", "sentence2", "label")
    pairs = [(text, f"it {text}", ("entailment", "not_entailment")[int(label)]) for text, label in sound(60, "hill")]
    data.splits = {"train": pairs}
    data.splits["train"][4] = ("A cat", "a  cat", "entailment")
    finding = the_finding(doctor(bertcli, data, "--json", task="rte"))
    assert (finding["level"], finding["check"], places(finding)) == ("warning", "same texts", [("train.tsv", 6)])
    assert finding["hint"] == "is this the right --pair-column?"


def test_a_column_of_labels_taken_for_texts_is_a_warning(bertcli: Bertcli, data: Data) -> None:
    data.splits["train"][:4] = [("negative", "0"), ("positive", "1"), ("Negative ", "0"), ("POSITIVE", "1")]
    found = {finding["check"]: finding for finding in findings(doctor(bertcli, data, "--json"))}
    assert (found["label as text"]["level"], found["label as text"]["count"]) == ("warning", 4)
    assert found["label as text"]["hint"] == "is this the right --text-column?"


def test_the_terminal_shows_findings_balance_and_lengths(bertcli: Bertcli, data: Data) -> None:
    data.splits["dev"][0] = ("the \x1b[31mcat", "none of them")
    data.splits["train"][1] = data.splits["train"][3]
    outcome = doctor(bertcli, data)
    assert outcome.code == 1
    lines = outcome.out.splitlines()
    assert lines[0] == "sst2: train 300, dev 100"
    assert lines[2] == "error: content, dev: the label 'none of them' is not one of the task's"
    assert lines[3] == "  data/dev.tsv:2"
    assert lines[4] == "  hint: known labels: 0 (negative), 1 (positive)"
    assert lines[6] == "warning: duplicates, train: 1 of 300 examples (0.33 %) repeat another one of the split"
    assert lines[7] == "  data/train.tsv:5 = line 3  the fox sings on hill 3"
    assert (
        any(line.split() == ["negative", "149", "49.67%", "49", "49.00%"] for line in lines)
        or "negative" in outcome.out
    )
    assert "lengths in words" in outcome.out
    assert "\x1b" not in outcome.out


def test_no_text_shows_no_text(bertcli: Bertcli, data: Data, model: Path) -> None:
    secret = "the secret cat of nobody"
    data.splits["train"][0] = data.splits["train"][1] = (secret, "0")
    data.splits["train"][2] = (secret, "1")
    data.splits["dev"][0] = (secret, "0")
    data.splits["dev"][1] = ("x", f"secret label {secret}")
    shown = doctor(bertcli, data, "--near-duplicates", "--model", model, "--max-length", 32)
    assert secret in shown.out
    for flags in ((), ("--json",)):
        hidden = doctor(bertcli, data, "--near-duplicates", "--no-text", "-o", "report.json", *flags)
        assert "secret" not in hidden.out + hidden.err
        assert "secret" not in Path("report.json").read_text("utf-8")


def test_examples_says_how_many_places_are_shown(bertcli: Bertcli, data: Data) -> None:
    data.splits["dev"][:8] = [(f"new {n}", "9") for n in range(8)]
    for asked, expected in (((), 5), (("--examples", 2), 2), (("--examples", 0), 0)):
        finding = findings(doctor(bertcli, data, "--json", *asked))[0]
        assert (finding["count"], len(finding["places"])) == (8, expected)


def test_a_warning_fails_on_request(bertcli: Bertcli, data: Data) -> None:
    data.splits["train"][1] = data.splits["train"][3]
    assert doctor(bertcli, data).code == 0
    outcome = doctor(bertcli, data, "--fail-on", "warning")
    assert outcome.code == 1
    assert "error: 1 warning in the data of sst2" in outcome.err


def test_the_report_is_written_where_it_is_asked_to_be(bertcli: Bertcli, data: Data) -> None:
    data.splits["dev"][0] = ("one", "9")
    outcome = doctor(bertcli, data, "--json", "-o", "out/report.json")
    assert outcome.code == 1
    assert json.loads(Path("out/report.json").read_text("utf-8")) == outcome.json()
    refused = doctor(bertcli, data, "-o", "out")
    assert refused.code == 2
    assert "the output is a directory, not a file" in refused.err


def test_files_are_named_by_split_as_for_finetune(bertcli: Bertcli, data: Data) -> None:
    folder = data.write()
    outcome = bertcli(
        "doctor", "--train", folder / "train.tsv", "--dev", folder / "dev.tsv", "--task", "sst2", "--json"
    )
    assert outcome.json()["examples"] == {"train": 300, "dev": 100}
    alone = bertcli("doctor", folder / "train.tsv", "--task", "sst2", "--json")
    assert alone.json()["examples"] == {"train": 300}


def test_a_kind_of_task_needs_data(bertcli: Bertcli, data: Data) -> None:
    outcome = bertcli("doctor", "--task", "classification")
    assert outcome.code == 2
    assert outcome.err.splitlines() == [
        "error: classification needs data",
        "hint: give a folder by DATA, or files by --train and --dev",
    ]


@pytest.mark.parametrize(
    ("spoil", "message", "line"),
    [
        ("sentence\tlabel\none\t1\t2\n", "3 cells in this row, 2 columns in the header", 2),
        ("words\tlabel\none\t1\n", "no column 'sentence'", 1),
    ],
)
def test_rows_and_columns_that_do_not_fit_are_findings(
    bertcli: Bertcli, data: Data, spoil: str, message: str, line: int
) -> None:
    folder = data.write()
    (folder / "dev.tsv").write_text(spoil, encoding="utf-8")
    outcome = bertcli("doctor", folder, "--task", "sst2", "--json")
    assert outcome.code == 1
    assert (the_finding(outcome)["message"], places(the_finding(outcome))) == (message, [("dev.tsv", line)])
    assert outcome.json()["examples"] == {"train": 300}


def squad(questions: Sequence[tuple[str, str, str, int]]) -> str:
    """Questions (id, text, answer, its place) on one context, as one line of JSON."""
    asked = [
        {"id": name, "question": text, "answers": [{"text": answer, "answer_start": start}]}
        for name, text, answer, start in questions
    ]
    context = "The cat sleeps on the mat in the hall."
    return json.dumps({"version": "1.1", "data": [{"paragraphs": [{"context": context, "qas": asked}]}]})


def test_answers_outside_their_context_are_all_found_and_quoted_only_with_text(
    bertcli: Bertcli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    questions = [
        ("q1", "What sleeps?", "The cat", 0),
        ("q2", "Where?", "mat", 0),
        ("q3", "In what?", "hall", 3),
        ("q4", "What sleeps?", "The cat", 0),
    ]
    Path("train.json").write_text(squad(questions), encoding="utf-8")
    outcome = bertcli("doctor", "train.json", "--task", "squad", "--json")
    assert outcome.code == 1
    error, repeated = findings(outcome)
    assert (error["level"], error["check"], error["count"]) == ("error", "content", 2)
    assert error["places"][1]["note"].startswith("question 'q3': the answer 'hall' does not stand at character 3")
    # Four questions on one text are no copies of each other, two that ask the same are.
    assert (repeated["check"], repeated["count"]) == ("duplicates", 1)
    assert (repeated["places"][0]["id"], repeated["places"][0]["same_as"]["id"]) == ("q4", "q1")
    assert outcome.json()["balance"] is None
    hidden = bertcli("doctor", "train.json", "--task", "squad", "--no-text")
    assert "hall" not in hidden.out
    assert "question '…': the answer '…' does not stand at character N" in hidden.out


def test_data_are_looked_through_without_torch(data: Data) -> None:
    code = (
        "import sys; from bertcli.cli.app import run;"
        "code = run(['doctor', sys.argv[1], '--task', 'sst2', '--near-duplicates', '-q']);"
        "print(code, sorted({'torch', 'transformers', 'sklearn'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(data.write())], capture_output=True, text=True, check=True
    ).stdout
    assert found.splitlines()[-1] == "0 []"


def test_illegal_tags_are_warnings_and_unknown_ones_errors_on_their_lines(
    bertcli: Bertcli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tags = ("B-PER", "I-PER", "O")
    train = [f"{name} {tags[0]}\n{surname} {tags[1]}\nsings{n} {tags[2]}\n" for n, (name, surname) in enumerate(NAMES)]
    Path("train.conll").write_text("\n".join(train), encoding="utf-8")
    Path("dev.conll").write_text("Who O\nis O\nTom I-PER\n\nIn O\nRome B-LOC\n", encoding="utf-8")
    outcome = bertcli("doctor", ".", "--task", "tagging", "--json", "--set", "task_settings.scheme=iob2")
    assert outcome.code == 1
    found = {(finding["level"], finding["check"]): finding for finding in findings(outcome)}
    assert places(found["error", "content"]) == [("dev.conll", 6)]
    assert places(found["warning", "content"]) == [("dev.conll", 3)]
    assert outcome.json()["balance"]["B-PER"]["train"]["count"] == len(NAMES)


NAMES = [(f"Ann{n}", f"Lee{n}") for n in range(12)]


def test_copies_of_a_sentence_with_tags_in_another_order_contradict_each_other(
    bertcli: Bertcli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.conll").write_text("a X\nb Y\n\na Y\nb X\n\na X\nb Y\n", encoding="utf-8")
    found = {finding["check"]: finding for finding in findings(bertcli("doctor", ".", "--task", "tagging", "--json"))}
    assert found["conflicts"]["count"] == 3
    assert "duplicates" not in found


def test_sets_of_labels_have_no_order_and_numbers_of_raters_may_differ(
    bertcli: Bertcli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"text": f"text {n % 20}", "labels": ["x", "y"] if n < 20 else ["y", "x"]} for n in range(40)]
    Path("train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    checks = [finding["check"] for finding in findings(bertcli("doctor", ".", "--task", "multi_label", "--json"))]
    assert checks == ["duplicates"]
    rated = "".join(f"text {n % 20}\t{n // 20}\n" for n in range(40))
    Path("ratings.tsv").write_text(f"text\tscore\n{rated}", encoding="utf-8")
    outcome = bertcli("doctor", "--train", "ratings.tsv", "--task", "regression", "--json")
    assert outcome.code == 0
    assert [(finding["level"], finding["check"]) for finding in findings(outcome)] == [("warning", "conflicts")]


def test_multiple_choice_is_looked_through_with_a_model(
    bertcli: Bertcli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    items = [{"question": f"{n} the cat", "choices": [f"{n}", "the dog"], "answer": n % 2} for n in range(40)]
    items[5]["choices"] = ["0", "1", "2"]
    items[7]["answer"] = 4
    Path("train.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    command = ("doctor", ".", "--task", "multiple_choice", "--json", "--model", model, "--max-length", 16)
    outcome = bertcli(*command)
    assert outcome.code == 1
    assert [places(finding) for finding in findings(outcome)] == [[("train.jsonl", 6)], [("train.jsonl", 8)]]
    (lengths,) = outcome.json()["lengths"]
    assert lengths["examples"] == 38
    # `[CLS] 1 0 the cat [SEP] the dog [SEP]` has nine pieces, its digits two of them.
    assert lengths["longest"] == 9
