"""SQuAD's JSON: every question a row, with the line on which it stands, and every fault with its place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from bertcli.data.squad_files import read_squad
from bertcli.errors import InputFileError

ANSWER = {"text": "here", "answer_start": 3}


def question(name: str, **further: Any) -> dict[str, Any]:
    return {"id": name, "question": f"{name}?", "answers": [ANSWER], **further}


def squad(*paragraphs: dict[str, Any]) -> dict[str, Any]:
    return {"version": "1.1", "data": [{"title": "t", "paragraphs": list(paragraphs)}]}


def written(path: Path, values: Any, **options: Any) -> Path:
    path.write_text(values if isinstance(values, str) else json.dumps(values, **options), encoding="utf-8")
    return path


def test_every_question_is_a_row_with_its_context(tmp_path: Path) -> None:
    values = squad(
        {"context": "is here", "qas": [question("a"), question("b", is_impossible=True)]},
        {"context": "or here", "qas": [question("c")]},
    )
    table = read_squad(written(tmp_path / "train.json", values))
    assert table.columns["id"] == ["a", "b", "c"]
    assert table.columns["context"] == ["is here", "is here", "or here"]
    assert table.columns["question"] == ["a?", "b?", "c?"]
    assert table.columns["answers"] == [[ANSWER]] * 3
    assert table.columns["is_impossible"] == [None, True, None]
    assert list(table.lines) == [1, 1, 1]


def test_rows_have_the_lines_of_their_ids(tmp_path: Path) -> None:
    text = """{"data": [{"paragraphs": [
 {"id": "p", "context": "is here",
  "qas": [
   {"question": "?", "id": "a", "answers": []},
   {"question": "?",
    "id" : 7}]}]}]}
"""
    assert list(read_squad(written(tmp_path / "dev.json", text)).lines) == [4, 6]


def test_a_question_without_an_id_is_on_the_first_line(tmp_path: Path) -> None:
    values = squad({"context": "c", "qas": [{"question": "?"}]})
    assert list(read_squad(written(tmp_path / "dev.json", values, indent=1)).lines) == [1]


@pytest.mark.parametrize("holder", [lambda rows: rows, lambda rows: {"data": rows}])
def test_plain_rows_are_read_too(tmp_path: Path, holder: Any) -> None:
    rows = [{**question("a"), "context": "is here"}]
    table = read_squad(written(tmp_path / "dev.json", holder(rows)))
    assert {name: cells[0] for name, cells in table.columns.items()} == rows[0]


def test_compressed_files_and_byte_order_marks_are_read(tmp_path: Path) -> None:
    text = "\ufeff" + json.dumps(squad({"context": "c", "qas": [question("a")]}))
    (tmp_path / "dev.json.gz").write_bytes(gzip.compress(text.encode()))
    assert read_squad(tmp_path / "dev.json.gz").columns["id"] == ["a"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "there is no list of articles"),
        ("3", "there is no list of articles"),
        ({"data": [{"title": "t"}]}, "article 1 has no 'paragraphs'"),
        ({"data": [3]}, "article 1 has no 'paragraphs'"),
        ({"data": [{"paragraphs": 3}]}, "article 1 has no list 'paragraphs'"),
        ({"data": [{"paragraphs": [{"qas": []}]}]}, "paragraph 1 of article 1 has no 'context'"),
        (squad({"context": "c", "qas": []}, {"context": "c"}), "paragraph 2 of article 1 has no list 'qas'"),
        (squad({"context": "c", "qas": [3]}), "a question in paragraph 1 of article 1 is no object"),
        (squad({"context": "c", "qas": []}), "the file has no questions"),
        ("[" * 200_000, "lists within lists without end"),
    ],
)
def test_what_is_not_of_the_form_names_its_place(tmp_path: Path, values: Any, message: str) -> None:
    with pytest.raises(InputFileError, match=rf"dev\.json: {message}") as caught:
        read_squad(written(tmp_path / "dev.json", values))
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("expected SQuAD's form")


def test_what_is_not_json_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"dev\.json:2: not JSON: Expecting value") as caught:
        read_squad(written(tmp_path / "dev.json", '{"data":\n}'))
    assert caught.value.hint == "a file with a row on each line is .jsonl"


def test_half_of_a_surrogate_pair_names_its_question(tmp_path: Path) -> None:
    values = squad({"context": "c", "qas": [question("a"), question("b", question="\ud83d")]})
    with pytest.raises(InputFileError, match=r"dev\.json:1: question 'b' has half of a surrogate pair"):
        read_squad(written(tmp_path / "dev.json", values))
