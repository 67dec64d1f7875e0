"""Splits: parts from several places are joined by name, and a drawn dev split depends on its own seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bertcli.contracts.task import Table
from bertcli.data import splits as splits_module
from bertcli.data.folds import Fold
from bertcli.data.splits import find_files, make_splits
from bertcli.errors import InputFileError
from bertcli.tasks.classification import Classification, ClassificationSettings
from tests.data.conftest import splits_of

MNLI = {"dev": ("dev_matched", "dev_mismatched")}
TASK = Classification(ClassificationSettings())


def write(path: Path, *labels: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{path.parent.name} {row}\t{label}\n" for row, label in enumerate(labels))
    path.write_text(f"text\tlabel\n{rows}", encoding="utf-8")
    return path


def test_parts_of_one_name_from_two_folders_are_joined(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        for name in ("train", "dev_matched", "dev_mismatched"):
            write(tmp_path / folder / f"{name}.tsv", "0", "1")
    found = find_files(data=[tmp_path / "a", tmp_path / "b"], given={}, names=MNLI)
    assert {split: [(part, len(files)) for part, files in parts] for split, parts in found.items()} == {
        "train": [("train", 2)],
        "dev": [("dev_matched", 2), ("dev_mismatched", 2)],
    }
    splits = splits_of(TASK, found)
    assert splits.train.columns["text"] == ["a 0", "a 1", "b 0", "b 1"]
    assert [(dev.split, len(dev)) for dev in splits.dev] == [("dev_matched", 4), ("dev_mismatched", 4)]


def test_a_folder_and_a_file_give_one_split(tmp_path: Path) -> None:
    write(tmp_path / "a" / "train.tsv", "0", "1")
    more = write(tmp_path / "b" / "train-2.tsv", "1")
    found = find_files(data=[tmp_path / "a", more], given={}, names={})
    splits = splits_of(TASK, found)
    assert len(splits.train) + len(splits.dev[0]) == 3


def test_a_dev_split_and_a_limit_are_drawn_by_the_seed(tmp_path: Path) -> None:
    table = TASK.read(write(tmp_path / "a" / "train.tsv", *("01" * 100)))

    def texts(seed: int) -> tuple[list[str], list[str]]:
        splits = make_splits(TASK, {"train": [("train", [table])]}, sha256="", limit=20, seed=seed)
        return list(splits.train.columns["text"]), list(splits.dev[0].columns["text"])

    assert texts(1) == texts(1)
    assert texts(1)[0] != texts(2)[0]
    assert texts(1)[1] != texts(2)[1]


def test_the_first_error_in_the_content_of_a_split_is_raised(tmp_path: Path) -> None:
    train = TASK.read(write(tmp_path / "train.tsv", "0", "1"))
    dev = TASK.read(write(tmp_path / "dev.tsv", "1", "2", "3"))
    with pytest.raises(InputFileError, match=r"dev\.tsv:3: the training split has no label '2'") as caught:
        make_splits(TASK, {"train": [("train", [train])], "dev": [("dev", [dev])]}, sha256="", limit=None, seed=0)
    assert caught.value.hint == "known labels: 0, 1; 2 errors in all: `bertcli doctor` lists them"


def written(*rows: tuple[str, object]) -> dict[str, list[tuple[str, list[Table]]]]:
    """A training split and a dev split."""
    texts, labels = zip(*rows, strict=True)
    train = Table("train.tsv", {"text": ["a", "b"], "label": ["0", "1"]}, [2, 3])
    dev = Table("dev.tsv", {"text": texts, "label": labels}, range(2, len(rows) + 2))
    return {"train": [("train", [train])], "dev": [("dev", [dev])]}


def test_errors_are_counted_where_there_are_several() -> None:
    rows = [("", "0"), ("a", "2"), ("b", "0"), ("c", "3"), ("d", None)]
    with pytest.raises(InputFileError, match=r"^dev\.tsv:3: the training split has no label '2'") as caught:
        make_splits(TASK, written(*rows), sha256="", limit=None, seed=0)
    assert caught.value.hint == "known labels: 0, 1; 3 errors in all: `bertcli doctor` lists them"


@pytest.mark.parametrize(("texts", "told"), [(("", "a", ""), "2 warnings"), (("", "a"), "1 warning"), (("a",), None)])
def test_warnings_are_told_by_their_number(
    texts: tuple[str, ...], told: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices: list[str] = []
    monkeypatch.setattr(splits_module, "notice", notices.append)
    make_splits(TASK, written(*((text, "0") for text in texts)), sha256="", limit=None, seed=0)
    whole = f"{told} about the content of the examples: `bertcli doctor` lists them"
    assert notices == ([whole] if told else [])


@pytest.mark.parametrize("cut", ["dev", "fold", "limit"])
def test_balanced_weights_are_those_of_what_is_trained_on(cut: str) -> None:
    labels = ["0"] * 30 + ["1"] * 90
    train = Table("t.tsv", {"text": [f"text {row}" for row in range(120)], "label": labels}, range(1, 121))
    task = Classification(ClassificationSettings(class_weights="balanced"))
    read = {"train": [("train", [train])]}
    fold, limit = Fold(1, 7) if cut == "fold" else None, 50 if cut == "limit" else None
    splits = make_splits(task, read, sha256="", limit=limit, seed=0, fold=fold)
    left = splits.train.columns["label"]
    shares = [left.count(label) / len(left) for label in "01"]
    assert shares != [0.25, 0.75]  # otherwise nothing is shown here
    assert splits.task.class_weights == pytest.approx([1 / (2 * share) for share in shares])  # type: ignore[attr-defined]


def copies(rows: int) -> Table:
    """Every text twice, with one label."""
    texts = [f"text {row // 2}" for row in range(rows)]
    return Table("train.tsv", {"text": texts, "label": ["01"[row // 2 % 2] for row in range(rows)]}, range(1, rows + 1))


@pytest.mark.parametrize("limit", [None, 24])
def test_folds_hold_out_every_example_that_is_left_once_and_copies_together(limit: int | None) -> None:
    read = {"train": [("train", [copies(60)])]}
    splits = [make_splits(TASK, read, sha256="", limit=limit, seed=3, fold=Fold(number, 3)) for number in range(1, 4)]
    held_out = [set(one.dev[0].ids) for one in splits]
    assert sum(map(len, held_out)) == len(set.union(*held_out)) == (limit or 60)
    for one in splits:
        (dev,) = one.dev
        assert dev.split == "folds"
        assert not set(one.train.columns["text"]) & set(dev.columns["text"])
        assert len(one.train) + len(dev) == (limit or 60)


def test_a_dev_split_is_left_aside_by_folds_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(splits_module, "notice", told.append)
    read = {"train": [("train", [copies(20)])], "dev": [("dev", [copies(4)])]}
    splits = make_splits(TASK, read, sha256="", limit=None, seed=3, fold=Fold(1, 2))
    assert [(dev.split, len(dev)) for dev in splits.dev] == [("folds", 10)]
    assert told == ["--folds: the dev split is left aside"]
