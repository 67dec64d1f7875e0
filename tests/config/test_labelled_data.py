"""What is said of labelled data holds for every kind of task and for every command that reads them."""

from __future__ import annotations

import pytest

from bertcli.config.doctor import Doctor
from bertcli.config.finetune import Finetune
from bertcli.config.labelled_data import LabelledData
from bertcli.contracts.task import TASKS
from bertcli.data.tables import FOLDER


def help_of(config: type[LabelledData], name: str) -> str:
    return " ".join((config.model_fields[name].description or "").split())


@pytest.mark.parametrize("config", [Doctor, Finetune])
@pytest.mark.parametrize("kind", TASKS.names())
def test_the_files_that_a_kind_reads_are_named(config: type[LabelledData], kind: str) -> None:
    parts = help_of(config, "data").removeprefix("Folder with the files of train, dev and test, or such files: ")
    tables, *others = parts.split("; ")
    own = next((part for part in others if part.startswith(f"for {kind} ")), tables)
    suffixes = TASKS.load(kind).suffixes
    rare = {".bio", ".iob", ".txt", ".tsv"} if kind == "tagging" else {".label", FOLDER}
    named = {word.strip("(),.") for word in own.split() if word.strip("(),").startswith(".")}
    assert named == {suffix.strip(".") for suffix in suffixes if suffix not in rare}


def test_a_dev_split_is_drawn_by_finetune_alone() -> None:
    assert "a tenth of the training split" in help_of(Finetune, "dev")
    assert "default" not in help_of(Doctor, "dev")


@pytest.mark.parametrize("name", ["text_column", "label_column"])
def test_columns_of_words_and_choices_are_named(name: str) -> None:
    assert "in tagging of the" in help_of(Doctor, name)
    assert "in multiple choice of the" in help_of(Finetune, name)
