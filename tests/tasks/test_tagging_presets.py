"""Presets of tagged data sets: the published files and the Hub's columns are read as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bertcli.contracts.task import Examples, Table
from bertcli.tasks import find_task, load_preset

NAMES = ("conll2003", "msra_ner", "ud_pos", "wnut17")

# Names of the Hub's classes, by their numbers.
CLASSES = {
    "conll2003": "O B-PER I-PER B-ORG I-ORG B-LOC I-LOC B-MISC I-MISC",
    "msra_ner": "O B-PER I-PER B-ORG I-ORG B-LOC I-LOC",
    "wnut17": "O B-corporation I-corporation B-creative-work I-creative-work B-group I-group B-location I-location "
    "B-person I-person B-product I-product",
}

# The first lines of the published files.
FILES = {
    "conll2003": ("t.txt", "-DOCSTART- -X- O O\n\nEU NNP I-NP I-ORG\nrejects VBZ I-VP O\n", ["I-ORG", "O"]),
    "msra_ner": ("t.txt", "我\tO\n们\tO\n", ["O", "O"]),
    "ud_pos": (
        "t.conllu",
        "1\tEU\tEU\tPROPN\tNNP\t_\t2\tnsubj\t_\t_\n2\trejects\treject\tVERB\tVBZ\t_\t0\troot\t_\t_\n",
        ["PROPN", "VERB"],
    ),
    "wnut17": ("t.conll", "EU\tB-group\nrejects\tO\n", ["B-group", "O"]),
}


def make_task(name: str) -> Any:
    found = find_task(name)
    return found.kind(found.kind.Settings(**found.settings))


@pytest.mark.parametrize("name", NAMES)
def test_the_published_files_are_read(name: str, tmp_path: Path) -> None:
    file, content, tags = FILES[name]
    (tmp_path / file).write_text(content, encoding="utf-8")
    task = make_task(name)
    assert task.select([task.read(tmp_path / file)], "train", labelled=True).columns["label"] == [tags]


@pytest.mark.parametrize("name", CLASSES)
def test_the_hubs_columns_are_read_and_its_numbering_is_kept(name: str) -> None:
    classes = CLASSES[name].split()
    words = [f"w{number}" for number in range(len(classes))]
    columns = {"id": ["0"], "tokens": [words], "pos_tags": [["X"] * len(words)], "ner_tags": [classes]}
    task = make_task(name)
    train = task.select([Table("hub", columns, [1])], "train", labelled=True)
    fitted = task.fit(train)
    assert (fitted.names, fitted.learned) == (tuple(classes), "iob2")
    assert fitted.primary == "f1"


def test_universal_tags_of_the_hub_are_read() -> None:
    columns = {"idx": ["a"], "tokens": [["EU", "rejects"]], "upos": [["PROPN", "VERB"]], "xpos": [["NNP", "VBZ"]]}
    task = make_task("ud_pos")
    train = task.select([Table("hub", columns, [1])], "train", labelled=True)
    assert (list(train.ids), train.columns["label"]) == (["a"], [["PROPN", "VERB"]])
    assert task.fit(train).metrics == ("accuracy", "macro_f1")


def test_the_published_iob1_of_conll2003_is_learned_with_the_hubs_numbering() -> None:
    tags = ["I-PER", "B-PER", "I-ORG", "I-LOC", "I-MISC", "O"]
    columns = {"tokens": [["w"] * 6], "label": [tags], "token_lines": [[*range(1, 7)]]}
    task = make_task("conll2003").fit(Examples("train", ["0"], columns, ["eng.train"], [1]))
    assert (task.scheme, task.learned) == ("iob1", "iob2")
    assert task.names == tuple(CLASSES["conll2003"].split())


@pytest.mark.parametrize("name", NAMES)
def test_settings_are_those_usual_for_tagging(name: str) -> None:
    preset = load_preset(name)
    assert (preset.epochs, preset.learning_rate, preset.batch_size) == (5, 3e-5, 16)
    assert set(preset.official) == {"test"}
