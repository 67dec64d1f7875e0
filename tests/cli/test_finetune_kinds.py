"""``bertcli finetune`` for the kinds of task over tables: what transformers opens, and what is said of wrong input."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
import transformers
import yaml

from bertcli.contracts.task import TASKS
from bertcli.core.chatter import quiet_transformers
from bertcli.tasks import preset_names

WORDS = ("good", "fine", "bad", "dull", "film", "play", "scene", "plot", "a", "the", "very", "is")


@pytest.fixture(scope="module")
def model(make_bert: Callable[..., Path]) -> Path:
    """A checkpoint of hidden size 32 with two layers, without dropout."""
    return make_bert(WORDS, seed=7)


@pytest.fixture
def finetune(bertcli: Callable[..., Any], model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command with small defaults in an empty folder; the run is ``run/``."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Any:
        usual = ("--precision", "fp32", "--threads", "1", "--max-length", "16", "--model", model, "-o", "run")
        return bertcli("finetune", *usual, *arguments)

    return call


def texts(count: int, seed: int = 0) -> list[str]:
    draw = np.random.default_rng(seed)
    return [" ".join(draw.choice(WORDS, size=draw.integers(3, 8))) for _ in range(count)]


def write_csv(path: Path, header: str, rows: Sequence[Sequence[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header.split(","), *rows])
    return path


def write_jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def lines_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def last_loss(run: Path) -> float:
    return float([line for line in lines_of(run / "metrics.jsonl") if "eval/loss" in line][-1]["eval/loss"])


def opened(kind: Any, run: Path) -> tuple[Any, Any]:
    with quiet_transformers():
        model = kind.from_pretrained(run / "model").eval()
        return model, transformers.AutoTokenizer.from_pretrained(run / "model")


def test_several_labels_have_the_probabilities_and_the_loss_of_transformers(finetune: Any, tmp_path: Path) -> None:
    rows = [
        {"text": text, "labels": [label for label in ("film", "good", "plot") if label in text.split()]}
        for text in texts(60)
    ]
    train, dev = write_jsonl(tmp_path / "train.jsonl", rows[:40]), write_jsonl(tmp_path / "dev.jsonl", rows[40:])
    arguments = ("--task", "multi_label", "--train", train, "--dev", dev, "--steps", "5", "--lr", "1e-3")
    outcome = finetune(*arguments, "--set", "task_settings.metrics=[micro_f1, lrap, map]", "--json")
    assert outcome.code == 0, outcome.err
    assert list(outcome.json()["metrics"]) == ["micro_f1", "lrap", "map"]
    model, tokenizer = opened(transformers.AutoModelForSequenceClassification, tmp_path / "run")
    assert type(model).__name__ == "BertForSequenceClassification"
    assert model.config.problem_type == "multi_label_classification"
    assert model.config.id2label == {0: "film", 1: "good", 2: "plot"}
    labels = torch.tensor([[float(name in row["labels"]) for name in ("film", "good", "plot")] for row in rows[40:]])
    with torch.no_grad():
        encoded = tokenizer([row["text"] for row in rows[40:]], padding=True, return_tensors="pt")
        outputs = model(**encoded, labels=labels)
    found = lines_of(tmp_path / "run" / "predictions" / "dev.jsonl")
    assert [line["gold"] for line in found] == [row["labels"] for row in rows[40:]]
    ours = np.asarray([list(line["probs"].values()) for line in found])
    assert ours == pytest.approx(outputs.logits.sigmoid().numpy(), abs=1e-5)
    assert last_loss(tmp_path / "run") == pytest.approx(float(outputs.loss), abs=1e-5)


def test_several_labels_are_learned(finetune: Any, tmp_path: Path) -> None:
    rows = [("good film", "film"), ("good plot", "plot"), ("film plot", "film|plot"), ("a the", "")] * 16
    train, dev = (write_csv(tmp_path / f"{name}.csv", "text,labels", rows) for name in ("train", "dev"))
    arguments = ("--task", "multi_label", "--train", train, "--dev", dev, "--lr", "1e-2", "--batch-size", "8")
    outcome = finetune(*arguments, "--epochs", "8", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json()["metrics"]["micro_f1"] > 0.9


def swag_rows(count: int, seed: int) -> list[tuple[object, ...]]:
    """The ending with ``good`` is right."""
    draw = np.random.default_rng(seed)
    rows: list[tuple[object, ...]] = []
    for row, text in enumerate(texts(count, seed)):
        right = int(draw.integers(4))
        endings = ["good plot" if number == right else f"{WORDS[4 + number]} bad" for number in range(4)]
        rows.append((row, "v", row, f"{text} the", text, "the", "gold", *endings, right))
    return rows


SWAG_HEADER = ",video-id,fold-ind,startphrase,sent1,sent2,gold-source,ending0,ending1,ending2,ending3,label"


def test_multiple_choice_opens_in_transformers_with_the_same_probabilities(finetune: Any, tmp_path: Path) -> None:
    rows = swag_rows(160, seed=4)
    write_csv(tmp_path / "train.csv", SWAG_HEADER, rows[:128])
    write_csv(tmp_path / "val.csv", SWAG_HEADER, rows[128:])
    write_csv(tmp_path / "test.csv", SWAG_HEADER.rpartition(",")[0], [row[:-1] for row in rows[:5]])
    arguments = ("--task", "swag", "--data", tmp_path, "--lr", "3e-3", "--epochs", "6", "--batch-size", "16")
    outcome = finetune(*arguments, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json()["metrics"]["accuracy"] > 0.9
    model, tokenizer = opened(transformers.AutoModelForMultipleChoice, tmp_path / "run")
    assert type(model).__name__ == "BertForMultipleChoice"
    dev = rows[128:]
    first = [str(row[4]) for row in dev for _ in range(4)]
    second = [f"{row[5]} {ending}" for row in dev for ending in row[7:11]]
    encoded = tokenizer(first, second, padding=True, return_tensors="pt")
    folded = {name: values.view(len(dev), 4, -1) for name, values in encoded.items()}
    with torch.no_grad():
        outputs = model(**folded, labels=torch.tensor([row[-1] for row in dev]))
    found = lines_of(tmp_path / "run" / "predictions" / "dev.jsonl")
    ours = np.asarray([line["probs"] for line in found])
    assert ours == pytest.approx(outputs.logits.softmax(dim=-1).numpy(), abs=1e-5)
    assert last_loss(tmp_path / "run") == pytest.approx(float(outputs.loss), abs=1e-5)
    assert [line["gold"] for line in lines_of(tmp_path / "run" / "predictions" / "test.jsonl")] == [None] * 5


def test_a_plan_of_a_kind_without_label_names_shows_none(finetune: Any, tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", SWAG_HEADER, swag_rows(8, seed=1))
    outcome = finetune("--task", "swag", "--data", tmp_path, "--dry-run")
    assert outcome.code == 0, outcome.err
    assert "labels" not in outcome.out
    assert "first example" in outcome.out


@pytest.fixture
def reviews(tmp_path: Path) -> tuple[Path, Path]:
    """Three unequal classes with colons in their names: training and dev files."""
    names = ("a: bad", "b: good", "c: so-so")
    rows = [(text, names[min(row % 6, 2)]) for row, text in enumerate(texts(48, seed=3))]
    return (
        write_csv(tmp_path / "train.csv", "text,label", rows[:36]),
        write_csv(tmp_path / "dev.csv", "text,label", rows[36:]),
    )


@pytest.mark.parametrize(
    ("flag", "weights"),
    [
        ("balanced", [2.0, 2.0, 0.5]),  # 36 examples: 6, 6 and 24; n / (3 n_c)
        ("{'a: bad': 3, 'b: good': 1}", [2.25, 0.75, 0.75]),  # 3 and 1 and 1, divided by (6·3 + 6 + 24) / 36
    ],
)
def test_class_weights_and_label_smoothing_are_those_of_torch(
    finetune: Any, reviews: tuple[Path, Path], tmp_path: Path, flag: str, weights: list[float]
) -> None:
    train, dev = reviews
    arguments = ("--task", "classification", "--train", train, "--dev", dev, "--steps", "3")
    outcome = finetune(*arguments, "--class-weights", flag, "--label-smoothing", "0.1")
    assert outcome.code == 0, outcome.err
    model, tokenizer = opened(transformers.AutoModelForSequenceClassification, tmp_path / "run")
    assert list(model.config.id2label.values()) == ["a: bad", "b: good", "c: so-so"]
    with dev.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = torch.tensor([model.config.label2id[row["label"]] for row in rows])
    with torch.no_grad():
        logits = model(**tokenizer([row["text"] for row in rows], padding=True, return_tensors="pt")).logits
    summed = torch.nn.CrossEntropyLoss(torch.tensor(weights), label_smoothing=0.1, reduction="sum")(logits, labels)
    assert last_loss(tmp_path / "run") == pytest.approx(float(summed) / len(rows), abs=1e-5)
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text("utf-8"))
    assert config["label_smoothing"] == 0.1


def test_a_flag_that_a_kind_lacks_is_refused_by_name(finetune: Any, reviews: tuple[Path, Path]) -> None:
    train, _ = reviews
    outcome = finetune("--task", "stsb", "--train", train, "--label-smoothing", "0.1")
    assert outcome.code == 2
    assert "error: --label-smoothing: the task stsb (regression) has no such setting" in outcome.err
    assert "hint: kinds of task that have it: classification" in outcome.err
    outcome = finetune("--task", "multi_label", "--train", train, "--class-weights", "balanced")
    assert outcome.code == 2
    assert "error: --class-weights: the task multi_label has no such setting" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--label-smoothing", "1"], "--label-smoothing: input should be less than 1"),
        (["--class-weights", "even"], "--class-weights: "),
        (["--class-weights", "{a: -1}"], "--class-weights: "),
        (["--class-weights", "{ugly: 2}"], "error: class_weights: the task has no label 'ugly'"),
        (["--set", "task_settings.metrics=[f1]"], "the metric f1 is that of one of two labels, and here are 3"),
        (["--set", "task_settings.labels=[a]", "--set", "task_settings.label_aliases={x: b}"], "label_aliases: 'b'"),
    ],
)
def test_settings_that_do_not_hold_are_exit_2(
    finetune: Any, reviews: tuple[Path, Path], tmp_path: Path, arguments: list[str], message: str
) -> None:
    train, dev = reviews
    outcome = finetune("--task", "classification", "--train", train, "--dev", dev, "--steps", "1", *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert not (tmp_path / "run").exists()


def test_places_of_labels_that_conflict_are_exit_2(finetune: Any, tmp_path: Path) -> None:
    train = write_csv(tmp_path / "train.csv", "text,tags,film", [("good", "x", 1)])
    arguments = ("--task", "multi_label", "--train", train, "--label-column", "tags")
    outcome = finetune(*arguments, "--set", "task_settings.label_columns=[film]")
    assert outcome.code == 2
    assert "label_column and label_columns exclude one another" in outcome.err
    assert "hint: keep one of them" in outcome.err


GOOD = "text,label\ngood,x\nbad,y\n"
CHOICES = '{"question": "good", "choices": ["a", "the"], "answer": "A"}\n'


@pytest.mark.parametrize(
    ("task", "files", "message"),
    [
        (
            "classification",
            {"train.csv": GOOD, "dev.csv": "text,label\ngood,x\nbad,z\n"},
            "dev.csv:3: the training split has no label 'z'",
        ),
        ("classification", {"train.csv": GOOD, "dev.csv": ""}, "dev.csv: the table is empty"),
        ("classification", {"train.csv": GOOD, "dev.csv": "text,label\n"}, "dev.csv: the table has a header and no"),
        ("classification", {"train.csv": ""}, "train.csv: the table is empty"),
        (
            "classification",
            {"train.csv": "text,label\na,x\nb,x\n"},
            "train.csv: every example of the training split has the label 'x'",
        ),
        (
            "classification",
            {"train.jsonl": '{"text": "a", "label": "x"}\n{"text": "b", "label": null}\n'},
            "train.jsonl:2: the label column holds nothing here, expected a label",
        ),
        (
            "classification",
            {"train.csv": GOOD, "dev.csv": "text,label\ngood,x\nbad,\n"},
            "dev.csv:3: the label column holds nothing here, expected a label",
        ),
        (
            "regression",
            {"train.csv": "text,label\ngood,1\nbad,nan\n"},
            "train.csv:3: the label 'nan' is not a number",
        ),
        (
            "regression",
            {"train.jsonl": '{"text": "a", "label": 1}\n{"text": "b", "label": NaN}\n'},
            "train.jsonl:2: the label column holds nan here, expected a number",
        ),
        (
            "multi_label",
            {"train.csv": "text,labels\ngood,x|y\n", "dev.csv": "text,labels\nbad,x|z\n"},
            "dev.csv:2: the training split has no label 'z'",
        ),
        ("multi_label", {"train.csv": "text,labels\ngood,\n"}, "no example of the training split has a label"),
        (
            "multiple_choice",
            {"train.jsonl": CHOICES, "dev.jsonl": CHOICES + CHOICES.replace('"the"]', '"the", "is"]')},
            "dev.jsonl:2: 3 choices here, expected 2 as in the first training example",
        ),
        (
            "multiple_choice",
            {"train.jsonl": CHOICES, "dev.jsonl": CHOICES.replace('"A"', '"C"')},
            "dev.jsonl:1: the answer 'C' is none of the 2 choices: 0 to 1, or A to B",
        ),
        ("multiple_choice", {"train.csv": GOOD}, "train.csv: no column 'sent1' or 'context'"),
    ],
)
def test_bad_input_is_exit_2_with_file_and_row(
    finetune: Any, tmp_path: Path, task: str, files: dict[str, str], message: str
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    outcome = finetune("--task", task, "--data", folder, "--steps", "1")
    assert outcome.code == 2
    assert f"error: {folder}/" in outcome.err
    assert message in outcome.err
    assert outcome.out == ""
    assert not (tmp_path / "run").exists()


def test_a_target_that_is_nan_in_parquet_names_its_row(finetune: Any, tmp_path: Path) -> None:
    path = tmp_path / "train.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a", "b"], "label": [0.5, float("nan")]}), path)
    outcome = finetune("--task", "regression", "--train", path, "--steps", "1")
    assert outcome.code == 2
    assert f"error: {path}:2: the label column holds nan here, expected a number" in outcome.err


def test_the_help_lists_all_presets_and_kinds(bertcli: Callable[..., Any]) -> None:
    said = " ".join(bertcli("finetune", "--help").out.split())
    assert f"a data set ({', '.join(preset_names())}) or a kind of task" in said
    assert f"({', '.join(TASKS.names())})" in said
