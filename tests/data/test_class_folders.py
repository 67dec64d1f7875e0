"""Folders of texts by class: read as a table, each row with its own file, found as splits."""

from __future__ import annotations

from pathlib import Path

import pytest

from bertcli.core import messages
from bertcli.data import tables
from bertcli.data.class_folders import fingerprint_of_folders, read_class_folders
from bertcli.data.splits import find_files
from bertcli.errors import InputFileError
from bertcli.tasks.classification import Classification, ClassificationSettings
from bertcli.tasks.multiple_choice import MultipleChoice
from tests.data.conftest import splits_of

IMDB = Classification(ClassificationSettings(labels={"0": "neg", "1": "pos"}))
SUFFIXES = Classification.suffixes


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """The layout of aclImdb, small."""
    folder = tmp_path / "aclImdb"
    for path, text in {
        "train/neg/0_3.txt": "Dull.",
        "train/pos/0_9.txt": "Fine.<br />Good.\n",
        "train/pos/10_8.txt": "Très bien.",
        "train/unsup/0_0.txt": "Who knows.",
        "train/urls_pos.txt": "http://x",
        "test/neg/0_2.txt": "Bad.",
        "test/pos/0_10.txt": "Good.",
        "README": "about",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def test_every_file_is_a_row_that_knows_where_it_stands(reviews: Path) -> None:
    table = read_class_folders(reviews / "train", ["neg", "pos"])
    assert table.columns == {
        "id": ["neg/0_3", "pos/0_9", "pos/10_8"],
        "text": ["Dull.", "Fine.<br />Good.", "Très bien."],
        "label": ["neg", "pos", "pos"],
    }
    assert table.paths is not None
    assert table.paths[2] == str(reviews / "train" / "pos" / "10_8.txt")


def test_folders_that_are_no_label_are_passed_over_and_told(reviews: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    reporter = messages.Silence()
    monkeypatch.setattr(reporter, "notice", heard.append)
    monkeypatch.setattr(messages, "reporter", reporter)
    read_class_folders(reviews / "train", ["neg", "pos"])
    assert heard == [f"{reviews / 'train'}: unsup is passed over, no label of the task"]
    assert set(read_class_folders(reviews / "train").columns["label"]) == {"neg", "pos", "unsup"}


def test_the_splits_of_a_folder_are_found_and_read(reviews: Path) -> None:
    files = find_files(data=[reviews], given={}, names={}, suffixes=SUFFIXES)
    assert files == {"train": [("train", [reviews / "train"])], "test": [("test", [reviews / "test"])]}
    splits = splits_of(IMDB, files)
    assert len(splits.train) + len(splits.dev[0]) == 3
    assert splits.test[0].columns["label"] == ["neg", "pos"]
    assert splits.test[0].ids == ["neg/0_2", "pos/0_10"]
    assert splits.test[0].paths[0].endswith("neg/0_2.txt")


def test_a_folder_may_be_given_as_a_split(reviews: Path) -> None:
    given = {"train": [reviews / "train"], "dev": [reviews / "test"]}
    files = find_files(data=[], given=given, names={}, suffixes=SUFFIXES)
    assert len(splits_of(IMDB, files).dev[0]) == 2
    with pytest.raises(InputFileError, match=r"aclImdb/train: no such file"):
        find_files(data=[], given=given, names={}, suffixes=MultipleChoice.suffixes)
    with pytest.raises(InputFileError, match=r"train/pos: no such file"):
        find_files(data=[], given={"train": [reviews / "train" / "pos"]}, names={}, suffixes=SUFFIXES)


def test_a_folder_and_a_file_of_one_name_are_a_fault(reviews: Path) -> None:
    (reviews / "train.csv").write_text("text,label\n")
    with pytest.raises(InputFileError, match=r"several files could be the train split: train, train\.csv"):
        tables.find_splits(reviews, {}, SUFFIXES)


def test_the_fingerprint_is_of_names_and_bytes(reviews: Path) -> None:
    before = fingerprint_of_folders(reviews / "test")
    assert fingerprint_of_folders(reviews / "test") == before
    (reviews / "test" / "neg" / "0_2.txt").rename(reviews / "test" / "neg" / "0_1.txt")
    renamed = fingerprint_of_folders(reviews / "test")
    (reviews / "test" / "neg" / "0_1.txt").write_text("Worse.")
    assert len({before, renamed, fingerprint_of_folders(reviews / "test")}) == 3


def test_a_file_that_is_not_utf8_is_named(reviews: Path) -> None:
    (reviews / "test" / "pos" / "0_10.txt").write_bytes(b"ab\xff")
    with pytest.raises(InputFileError, match=r"pos/0_10\.txt: not UTF-8: byte 0xff at position 3 of the file"):
        read_class_folders(reviews / "test")


def test_folders_of_which_none_is_a_label_are_refused(reviews: Path) -> None:
    with pytest.raises(InputFileError, match=r"aclImdb/test: no folder in it is named by a label: joy, rage"):
        read_class_folders(reviews / "test", ["rage", "joy"])
