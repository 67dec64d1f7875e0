"""Presets: each reads GLUE's files and the Hub's columns as they are, and says what the benchmark says."""

from __future__ import annotations

import sys
from subprocess import run
from typing import Any

import pytest

from bertcli.contracts.task import Limits, Table
from bertcli.errors import ConfigError
from bertcli.tasks import find_task, load_preset, preset_names

GLUE = ("cola", "mnli", "mrpc", "qnli", "qqp", "rte", "sst2", "stsb", "wnli")

# Wang et al. 2019, table 1; the first is the one by which runs are compared.
METRICS = {
    "cola": ["matthews", "accuracy"],
    "mnli": ["accuracy"],
    "mrpc": ["f1", "accuracy"],
    "qnli": ["accuracy"],
    "qqp": ["f1", "accuracy"],
    "rte": ["accuracy"],
    "sst2": ["accuracy"],
    "stsb": ["pearson", "spearman"],
    "wnli": ["accuracy"],
}

# Header lines of the published train.tsv files; CoLA has none.
HEADERS = {
    "cola": "source label mark sentence",
    "mnli": "index promptID pairID genre sentence1_binary_parse sentence2_binary_parse sentence1_parse sentence2_parse "
    "sentence1 sentence2 label1 gold_label",
    "mrpc": "Quality|#1 ID|#2 ID|#1 String|#2 String",
    "qnli": "index question sentence label",
    "qqp": "id qid1 qid2 question1 question2 is_duplicate",
    "rte": "index sentence1 sentence2 label",
    "sst2": "sentence label",
    "stsb": "index genre filename year old_index source1 source2 sentence1 sentence2 score",
    "wnli": "index sentence1 sentence2 label",
}

# Columns and class names of nyu-mll/glue.
HUB_COLUMNS = {
    "cola": ("sentence", None, ["unacceptable", "acceptable"]),
    "mnli": ("premise", "hypothesis", ["entailment", "neutral", "contradiction"]),
    "mrpc": ("sentence1", "sentence2", ["not_equivalent", "equivalent"]),
    "qnli": ("question", "sentence", ["entailment", "not_entailment"]),
    "qqp": ("question1", "question2", ["not_duplicate", "duplicate"]),
    "rte": ("sentence1", "sentence2", ["entailment", "not_entailment"]),
    "sst2": ("sentence", None, ["negative", "positive"]),
    "stsb": ("sentence1", "sentence2", None),
    "wnli": ("sentence1", "sentence2", ["not_entailment", "entailment"]),
}


def make_task(name: str) -> Any:
    found = find_task(name)
    return found.kind(found.kind.Settings(**found.settings))


def test_the_nine_tasks_of_glue_are_there() -> None:
    assert preset_names() == GLUE


@pytest.mark.parametrize("name", GLUE)
def test_metrics_are_those_of_glue(name: str) -> None:
    task = make_task(name)
    assert list(task.metrics) == METRICS[name]
    assert task.primary == METRICS[name][0]


@pytest.mark.parametrize("name", GLUE)
def test_columns_of_the_published_files_are_found(name: str) -> None:
    header = HEADERS[name].split("|" if "|" in HEADERS[name] else " ")
    table = Table("train.tsv", {column: [f"<{column}>"] for column in header}, [2])
    examples = make_task(name).select([table], "train", labelled=True)
    pair = "pair" in examples.columns
    assert pair == (name not in ("cola", "sst2"))
    assert "<" in examples.columns["text"][0]


@pytest.mark.parametrize("name", GLUE)
def test_columns_and_labels_of_the_hub_are_known(name: str, letters: Any) -> None:
    text, pair, labels = HUB_COLUMNS[name]
    values = labels or [1.5, 0.0]
    columns: dict[str, list[Any]] = {text: ["a"] * len(values), "label": values, "idx": list(range(len(values)))}
    if pair:
        columns[pair] = ["b"] * len(values)
    task = make_task(name)
    examples = task.select([Table("hub", columns, range(1, len(values) + 1))], "train", labelled=True)
    found = task.fit(examples).encode(examples, letters, Limits(16)).item_columns["labels"].tolist()
    # The Hub's numbering of the classes is the official one.
    assert found == (list(range(len(labels))) if labels else values)


@pytest.mark.parametrize("name", GLUE)
def test_every_test_split_has_an_official_file(name: str) -> None:
    preset = load_preset(name)
    assert set(preset.official) == set(preset.files.get("test", ("test",)))
    assert len(preset.hub.revision) == 40


def test_small_data_sets_of_electra_take_ten_epochs() -> None:
    assert {name: load_preset(name).epochs for name in GLUE if load_preset(name).epochs} == {"rte": 10, "stsb": 10}


def test_an_unknown_name_suggests_the_nearest_of_presets_and_kinds() -> None:
    with pytest.raises(ConfigError, match="unknown task 'sst-2'") as caught:
        find_task("sst-2")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("did you mean 'sst2'? known: ")
    with pytest.raises(ConfigError) as caught:
        find_task("clasification")
    assert caught.value.hint is not None
    assert "did you mean 'classification'?" in caught.value.hint


def test_listing_presets_imports_neither_torch_nor_the_kinds() -> None:
    code = (
        "import sys, bertcli.tasks as t; t.preset_names(); t.TASKS.names(); "
        "print([m for m in ('torch', 'sklearn', 'transformers', 'bertcli.tasks.classification') if m in sys.modules])"
    )
    assert run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
