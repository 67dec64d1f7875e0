"""Labelled tables: every format gives the same columns, and every fault is shown where it stands."""

from __future__ import annotations

import gzip
import lzma
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from datasets.exceptions import DatasetGenerationError

from bertcli.contracts.task import Examples, Table
from bertcli.data import tables
from bertcli.errors import DataError, InputFileError


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, **options: Any) -> Table:
    return tables.read_table(path, **options)[0]


COLUMNS = {"text": ["a b", "c"], "label": ["0", "1"]}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.tsv", "text\tlabel\na b\t0\nc\t1\n"),
        ("t.csv", "text,label\na b,0\nc,1\n"),
        ("t.jsonl", '{"text": "a b", "label": "0"}\n{"text": "c", "label": "1"}\n'),
        ("t.tsv.gz", gzip.compress(b"text\tlabel\na b\t0\nc\t1\n")),
        ("t.csv.xz", lzma.compress(b"text,label\na b,0\nc,1\n")),
    ],
)
def test_every_format_gives_the_same_columns(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert read(write(tmp_path / name, content)).columns == COLUMNS


def test_parquet_gives_the_same_columns_with_rows_as_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.table(COLUMNS), path)
    table = read(path)
    assert table.columns == COLUMNS
    assert list(table.lines) == [1, 2]


def test_byte_order_mark_and_windows_line_ends_are_no_part_of_the_cells(tmp_path: Path) -> None:
    path = write(tmp_path / "t.tsv", b"\xef\xbb\xbftext\tlabel\r\na b\t0\r\nc\t1\r\n")
    assert read(path).columns == COLUMNS


def test_questions_of_trec_have_a_coarse_and_a_fine_label(tmp_path: Path) -> None:
    lines = b"NUM:dist How far is it ?\n\nDESC:def What is a sister\xf0city ?\nHUM:ind Who is \xf0\x9f\x98\x80 ?\n"
    table = read(write(tmp_path / "train_5500.label", lines))
    assert table.columns == {
        "label": ["NUM", "DESC", "HUM"],
        "fine_label": ["NUM:dist", "DESC:def", "HUM:ind"],
        "text": ["How far is it ?", "What is a sister city ?", "Who is \U0001f600 ?"],
    }
    assert list(table.lines) == [1, 3, 4]


def test_a_last_line_without_an_end_counts(tmp_path: Path) -> None:
    assert read(write(tmp_path / "t.tsv", "text\tlabel\na b\t0\nc\t1")).columns == COLUMNS


def test_tab_separated_files_are_read_without_quoting(tmp_path: Path) -> None:
    table = read(write(tmp_path / "t.tsv", 'text\tlabel\n"open\t0\nmid " dle\t1\n'))
    assert table.columns["text"] == ['"open', 'mid " dle']


def test_only_line_feeds_end_a_line_of_a_tab_separated_file(tmp_path: Path) -> None:
    table = read(write(tmp_path / "t.tsv", "text\tlabel\na\u2028b\x85c\t0\n"))
    assert table.columns["text"] == ["a\u2028b\x85c"]


def test_quoted_cells_of_csv_may_hold_commas_quotes_and_line_ends(tmp_path: Path) -> None:
    table = read(write(tmp_path / "t.csv", 'text,label\n"a, ""b""\nc",0\nd,1\n'))
    assert table.columns["text"] == ['a, "b"\nc', "d"]
    assert list(table.lines) == [2, 4]


def test_a_csv_cell_may_be_longer_than_128_kib(tmp_path: Path) -> None:
    text = "word " * 50_000
    assert read(write(tmp_path / "t.csv", f"text,label\n{text},0\n")).columns["text"] == [text]


def test_a_header_of_its_own_serves_files_without_one(tmp_path: Path) -> None:
    options = {"text_columns": ("sentence",), "header": ("source", "label", "mark", "sentence")}
    bare = write(tmp_path / "train.tsv", "gj04\t1\t\tThey drank.\n")
    assert read(bare, **options).columns["sentence"] == ["They drank."]
    headed = write(tmp_path / "test.tsv", "index\tsentence\n0\tThey drank.\n")
    assert read(headed, **options).columns == {"index": ["0"], "sentence": ["They drank."]}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.tsv", "text\tlabel\na\t0\nb\n", "t.tsv:3: 1 cells in this row, 2 columns in the header"),
        ("t.csv", "text,label\na,0,x\n", "t.csv:2: 3 cells in this row, 2 columns in the header"),
        ("t.tsv", "text\ttext\na\t0\n", "t.tsv:1: the column 'text' stands in the header twice"),
        ("t.tsv", "", "t.tsv: the table is empty"),
        ("t.csv", "", "t.csv: the table is empty"),
        ("t.jsonl", "", "t.jsonl: the table is empty"),
        ("t.tsv", "text\tlabel\n", "t.tsv: the table has a header and no rows"),
        ("t.csv", 'text,label\na,0\n"b,1\n', "t.csv:3: not valid CSV: unexpected end of data"),
        ("t.jsonl", '{"text": "a"}\n{oops\n', "t.jsonl:2: not a line of JSON: "),
        ("t.jsonl", "[1]\n", "t.jsonl:1: expected an object, got a list"),
        ("t.jsonl", '{"text": "\\ud800"}\n', "t.jsonl:1: half of a surrogate pair, which is no character"),
        ("t.parquet", "no parquet", "t.parquet: not a Parquet file: "),
        ("t.label", "\n", "t.label: the table is empty"),
        ("t.label", "NUM:dist How far ?\nHow far ?\n", "t.label:2: expected LABEL:detail and a text behind a space"),
        ("t.docx", "x", "t.docx: not a table that can be read"),
    ],
)
def test_faults_name_file_and_line(tmp_path: Path, name: str, content: str, message: str) -> None:
    with pytest.raises(InputFileError) as caught:
        read(write(tmp_path / name, content))
    assert message in str(caught.value)


def test_bytes_that_are_not_utf8_name_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"t\.tsv:2: not UTF-8: byte 0xff at position 3 of the line"):
        read(write(tmp_path / "t.tsv", b"text\tlabel\nab\xff\t0\n"))


def test_ragged_rows_may_be_passed_over_and_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "t.tsv", "text\tlabel\na\t0\nbroken\nb\t1\n")
    table, ragged = tables.read_table(path, skip_ragged=True)
    assert table.columns["text"] == ["a", "b"]
    assert ragged == 1


def test_a_missing_column_lists_those_that_are_there(tmp_path: Path) -> None:
    table = Table("t.tsv", {"sentense": ["a"], "label": ["0"]}, [2])
    with pytest.raises(InputFileError, match=r"t\.tsv: no column 'text' or 'sentence'") as caught:
        tables.find_column(table, ("text", "sentence"), flag="--text-column")
    assert caught.value.hint == "did you mean 'sentense'? columns: 'sentense', 'label'; choose with --text-column"


@pytest.mark.parametrize(
    ("cell", "written"), [("x", "x"), (" 1 ", "1"), (1, "1"), (1.0, "1"), (0.5, "0.5"), (True, "true")]
)
def test_labels_are_read_as_they_would_be_written(cell: Any, written: str) -> None:
    assert tables.label_of(cell) == written


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (None, "nothing"),
        ("", "nothing"),
        (" ", "nothing"),
        ([1], "a list"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
    ],
)
def test_a_cell_without_a_label_says_what_it_holds(cell: Any, found: str) -> None:
    assert tables.label_of(cell) == tables.NoLabel(found)


def test_a_label_that_is_nan_is_none_in_json_and_parquet(tmp_path: Path) -> None:
    lines = write(tmp_path / "t.jsonl", '{"text": "a", "label": 1}\n{"text": "b", "label": NaN}\n')
    parquet = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a", "b"], "label": [1.0, math.nan]}), parquet)
    for path in (lines, parquet):
        labels = [tables.label_of(cell) for cell in read(path).columns["label"]]
        assert labels == ["1", tables.NoLabel("nan")]


def test_a_cell_without_text_is_a_fault() -> None:
    with pytest.raises(InputFileError, match="t:7: the column 'text' holds a int here, expected text"):
        tables.text_cell(Table("t", {"text": [3]}, [7]), "text", 0)


def test_folders_are_searched_for_splits_by_name(tmp_path: Path) -> None:
    for name in ("train.tsv", "validation.csv.gz", "test.jsonl", "notes.txt", ".dev.tsv"):
        write(tmp_path / name, "x")
    found = tables.find_splits(tmp_path, {})
    assert {split: [(part, [f.name for f in files]) for part, files in parts] for split, parts in found.items()} == {
        "train": [("train", ["train.tsv"])],
        "dev": [("dev", ["validation.csv.gz"])],
        "test": [("test", ["test.jsonl"])],
    }


def test_a_split_is_found_within_a_longer_name_where_none_has_it_alone(tmp_path: Path) -> None:
    for name in ("train-v1.1.json", "cmrc2018_dev.json", "test.json", "test_old.json"):
        write(tmp_path / name, "x")
    found = tables.find_splits(tmp_path, {}, (".json",))
    assert {split: [file.name for _, files in parts for file in files] for split, parts in found.items()} == {
        "train": ["train-v1.1.json"],
        "dev": ["cmrc2018_dev.json"],
        "test": ["test.json"],
    }
    write(tmp_path / "train-v2.0.json", "x")
    with pytest.raises(InputFileError, match=r"could be the train split: train-v1\.1\.json, train-v2\.0\.json"):
        tables.find_splits(tmp_path, {}, (".json",))


def test_two_files_for_one_split_are_a_fault(tmp_path: Path) -> None:
    for name in ("train.tsv", "train.csv"):
        write(tmp_path / name, "x")
    with pytest.raises(InputFileError, match=r"several files could be the train split: train\.csv, train\.tsv"):
        tables.find_splits(tmp_path, {})


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("en_ewt-ud-dev.conllu.gz", "dev"),
        ("dev_matched.tsv", "dev"),
        ("train-00000.parquet", "train"),
        ("val.csv", "dev"),
        ("data.csv", None),
        ("my_dev.tsv", "dev"),
        ("dev_of_train.csv", "dev"),
        ("retrain.csv", None),
    ],
)
def test_a_file_name_says_its_split(name: str, split: str | None) -> None:
    assert tables.split_of_file(Path(name), (*tables.SUFFIXES, ".conllu")) == split


def examples(texts: list[str]) -> Examples:
    rows = range(len(texts))
    return Examples(
        "train", [str(row) for row in rows], {"text": texts}, ["t.tsv"] * len(texts), [2 + row for row in rows]
    )


def test_a_split_off_keeps_copies_together_and_takes_the_asked_share() -> None:
    texts = [f"text {number % 1000}" for number in range(2000)]
    train, dev = tables.split_off(examples(texts), texts, share=0.1, seed=0)
    assert set(train.columns["text"]).isdisjoint(dev.columns["text"])
    assert len(train) + len(dev) == 2000
    # 1,000 texts at 10 %: the deviation is 9.5 texts, five of them are allowed.
    assert abs(len(set(dev.columns["text"])) - 100) < 48
    assert dev.split == "dev"


def test_a_split_off_depends_on_the_seed_and_on_nothing_else() -> None:
    texts = [f"text {number}" for number in range(200)]
    once = tables.split_off(examples(texts), texts, share=0.1, seed=1)[1].ids
    assert once == tables.split_off(examples(texts), texts, share=0.1, seed=1)[1].ids
    assert once != tables.split_off(examples(texts), texts, share=0.1, seed=2)[1].ids


def test_even_two_texts_make_a_dev_split() -> None:
    train, dev = tables.split_off(examples(["a", "b"]), ["a", "b"], share=0.1, seed=0)
    assert (len(train), len(dev)) == (1, 1)


def test_a_single_text_makes_none() -> None:
    with pytest.raises(InputFileError, match="a single text, from which no dev split can be made"):
        tables.split_off(examples(["a", "a"]), ["a", "a"], share=0.1, seed=0)


def test_a_sample_is_drawn_from_the_whole_table_in_its_order() -> None:
    texts = [str(number) for number in range(1000)]
    drawn = [int(text) for text in tables.sample(examples(texts), 100, seed=0).columns["text"]]
    assert len(drawn) == 100
    assert drawn == sorted(drawn)
    assert 350 < np.mean(drawn) < 650


@pytest.mark.parametrize("error", [ConnectionError("Couldn't reach it"), DatasetGenerationError("Couldn't reach it")])
def test_a_data_set_of_the_hub_that_cannot_be_had_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    import datasets

    def offline(*args: Any, **options: Any) -> None:
        raise error

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(
        DataError, match="the data set nyu-mll/glue cannot be had from the Hub: Couldn't reach"
    ) as caught:
        tables.load_from_hub("nyu-mll/glue", "sst2", "abc")
    assert caught.value.hint == "give a folder with train.tsv and dev.tsv by --data DIR"


def test_of_the_hubs_own_conversion_the_folder_of_the_configuration_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import datasets

    load = datasets.load_dataset
    asked: list[Any] = []

    def local(dataset: str, **options: Any) -> Any:
        asked.append((dataset, options.pop("revision")))
        return load(str(tmp_path / "repository"), **options, cache_dir=str(tmp_path / "cache"))

    for config in ("en_ewt", "de_gsd"):
        for split in ("train", "validation", "test"):
            rows = datasets.Dataset.from_dict({"idx": [f"{config}-{split}"]})
            rows.to_parquet(tmp_path / "repository" / config / split / "0000.parquet")
    monkeypatch.setattr(datasets, "load_dataset", local)
    found = tables.load_from_hub("some/treebanks", "en_ewt", "refs/convert/parquet")
    assert asked == [("some/treebanks", "refs/convert/parquet")]
    assert {split: rows["idx"][:] for split, rows in found.items()} == {
        split: [f"en_ewt-{split}"] for split in ("train", "validation", "test")
    }


def test_class_labels_of_the_hub_become_their_names_and_hidden_ones_nothing() -> None:
    import datasets

    features = datasets.Features(
        {"sentence": datasets.Value("string"), "label": datasets.ClassLabel(names=["negative", "positive"])}
    )
    data = datasets.Dataset.from_dict({"sentence": ["a", "b"], "label": [1, -1]}, features=features)
    assert tables.from_hub(data, "hub").columns == {"sentence": ["a", "b"], "label": ["positive", None]}


def test_lists_of_class_labels_of_the_hub_become_lists_of_names() -> None:
    import datasets

    features = datasets.Features({"labels": datasets.List(datasets.ClassLabel(names=["joy", "fear"]))})
    dataset = datasets.Dataset.from_dict({"labels": [[1, 0], [], None]}, features=features)
    assert tables.from_hub(dataset, "hub").columns["labels"] == [["fear", "joy"], [], None]


def test_hidden_numbers_of_the_hub_become_nothing() -> None:
    import datasets

    data = datasets.Dataset.from_dict({"sentence1": ["a", "b"], "label": [-1.0, -1.0]})
    assert tables.from_hub(data, "hub").columns["label"] == [None, None]
