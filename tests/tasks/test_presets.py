"""Presets: each reads the published files and the Hub's columns as they are, and says what the benchmark says."""

from __future__ import annotations

import sys
from pathlib import Path
from subprocess import run
from typing import Any

import numpy as np
import pytest

from bertcli.contracts.task import Limits, Table
from bertcli.contracts.vocabulary import Vocabulary
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
    assert set(preset_names()) >= set(GLUE)


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


# The forms that people have: a file's name, how it begins, and the texts and the class ids of its rows.
FORMS: list[tuple[str, str, str, list[tuple[str, ...]], list[int]]] = [
    (
        "ag_news",
        "train.csv",
        '"3","Wall St.","Short-sellers."\n"4","Chip","Fast."\n',
        [("Wall St. Short-sellers.",)],
        [2, 3],
    ),
    ("ag_news", "train.csv", "Class Index,Title,Description\n1,A,b\n2,C,d\n", [("A b",)], [0, 1]),
    (
        "ag_news",
        "train.jsonl",
        '{"text": "A b", "label": "Sci/Tech"}\n{"text": "C", "label": "World"}\n',
        [("A b",)],
        [3, 0],
    ),
    ("imdb", "IMDB Dataset.csv", 'review,sentiment\n"One, two",positive\nBad,negative\n', [("One, two",)], [1, 0]),
    ("imdb", "train.tsv", "text\tlabel\na\tneg\nb\t1\n", [("a",)], [0, 1]),
    ("trec", "train_5500.label", "DESC:manner How did it ?\nNUM:dist How far ?\n", [("How did it ?",)], [2, 5]),
    (
        "trec",
        "train.csv",
        "text,coarse_label,fine_label\nWho ?,HUM,HUM:ind\nWhere ?,LOC,LOC:city\n",
        [("Who ?",)],
        [3, 4],
    ),
    ("rt_polarity", "train.csv", "text,label\na,pos\nb,neg\n", [("a",)], [1, 0]),
    ("chnsenticorp", "train.tsv", "label\ttext_a\n1\t很好\n0\t很差\n", [("很好",)], [1, 0]),
    ("chnsenticorp", "dev.tsv", "qid\tlabel\ttext_a\n0\t1\t很好\n1\t0\t很差\n", [("很好",)], [1, 0]),
    ("chnsenticorp", "ChnSentiCorp_htl_all.csv", "label,review\n1,很好\n0,很差\n", [("很好",)], [1, 0]),
    ("lcqmc", "train.tsv", "喜欢什么\t喜欢谁\t0\n谁\t是谁\t1\n", [("喜欢什么", "喜欢谁")], [0, 1]),
    ("lcqmc", "train.tsv", "text_a\ttext_b\tlabel\n谁\t是谁\t1\n谁\t什么\t0\n", [("谁", "是谁")], [1, 0]),
    (
        "swag",
        "train.csv",
        ",video-id,fold-ind,startphrase,sent1,sent2,gold-source,ending0,ending1,ending2,ending3,label\n"
        "0,v,1,A. B,A.,B,gold,c,d,e,f,2\n",
        [("A.", "B c"), ("A.", "B d"), ("A.", "B e"), ("A.", "B f")],
        [2],
    ),
]


@pytest.mark.parametrize(("name", "file", "content", "texts", "labels"), FORMS)
def test_the_forms_that_people_have_are_read(
    name: str, file: str, content: str, texts: list[tuple[str, ...]], labels: list[int], tmp_path: Path
) -> None:
    (tmp_path / file).write_text(content, encoding="utf-8")
    task = make_task(name)
    examples = task.select([task.read(tmp_path / file)], "train", labelled=True)
    fitted = task.fit(examples)
    assert list(fitted.faults(examples)) == []
    heard: list[list[str]] = []

    class Listener:
        vocabulary = Vocabulary(300, 0, 1, 2, 3, 4, (0, 1, 2, 3, 4), True, "ones")

        def encode(self, texts: Any) -> list[Any]:
            heard.append(list(texts))
            return [np.ones(1, dtype=np.int32) for _ in texts]

    features = fitted.encode(examples, Listener(), Limits(16))
    assert features.item_columns["labels"].tolist() == labels
    assert list(zip(*heard, strict=True))[: len(texts)] == texts


# Columns of the Hub's tables and the names of their classes (None: plain numbers), with the ids that they become.
HUB: list[tuple[str, dict[str, Any], list[int]]] = [
    ("ag_news", {"text": "a", "label": ["World", "Sports", "Business", "Sci/Tech"]}, [0, 1, 2, 3]),
    ("imdb", {"text": "a", "label": ["neg", "pos"]}, [0, 1]),
    ("trec", {"text": "a", "coarse_label": ["ABBR", "ENTY", "DESC", "HUM", "LOC", "NUM"]}, [0, 1, 2, 3, 4, 5]),
    ("rt_polarity", {"text": "a", "label": ["neg", "pos"]}, [0, 1]),
    ("chnsenticorp", {"text": "a", "label": [0, 1]}, [0, 1]),
    ("lcqmc", {"sentence1": "a", "sentence2": "b", "score": [0, 1]}, [0, 1]),
    (
        "swag",
        {"sent1": "a", "sent2": "b", **{f"ending{n}": f"c{n}" for n in range(4)}, "label": ["0", "1", "2", "3"]},
        [0, 1, 2, 3],
    ),
]


@pytest.mark.parametrize(("name", "columns", "expected"), HUB)
def test_tables_of_the_hub_are_read_at_a_fixed_revision(
    name: str, columns: dict[str, Any], expected: list[int], letters: Any
) -> None:
    preset = load_preset(name)
    assert len(preset.hub.revision) == 40
    rows = len(expected)
    table = Table(
        "hub",
        {key: [value] * rows if isinstance(value, str) else value for key, value in columns.items()},
        range(1, rows + 1),
    )
    task = make_task(name)
    examples = task.select([table], "train", labelled=True)
    fitted = task.fit(examples)
    assert list(fitted.faults(examples)) == []
    assert fitted.encode(examples, letters, Limits(16)).item_columns["labels"].tolist() == expected


def test_swag_is_trained_as_in_the_paper() -> None:
    swag = load_preset("swag")  # Devlin et al. 2019, section 4.4
    assert (swag.learning_rate, swag.batch_size, swag.epochs) == (2e-5, 16, 3)


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_begins_with_a_command(name: str) -> None:
    import bertcli.tasks

    path = Path(bertcli.tasks.__file__).parent / "presets" / f"{name}.yaml"
    assert path.read_text("utf-8").startswith(f"# bertcli finetune --task {name} ")


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
