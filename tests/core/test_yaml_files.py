"""YAML that is read strictly."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from bertcli.core.yaml_files import parse_scalar, read_yaml, write_yaml
from bertcli.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("5E+3", 5e3),
        ("-2.5e3", -2500.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("3", 3),
        ("1_000", 1000),
        (".inf", math.inf),
        ("true", True),
        ("null", None),
        ("e4", "e4"),
        ("1e", "1e"),
        ("1.2.3", "1.2.3"),
        ("'1e-4'", "1e-4"),
        ("[1e-1, b]", [0.1, "b"]),
        ("{a: 1}", {"a": 1}),
        ("", None),
        ("2024-01-01", "2024-01-01"),
        ("12:30", "12:30"),
        ("no", "no"),
        ("010", "010"),
        ("-.inf", -math.inf),
        ("a: b", {"a": "b"}),
    ],
)
def test_values_are_read_as_people_write_them(text: str, value: Any):
    assert parse_scalar(text) == value
    assert type(parse_scalar(text)) is type(value)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    return path


def test_every_key_knows_its_line(tmp_path: Path):
    file = read_yaml(write(tmp_path, "# comment\na: 1\nb:\n  c: 1e-4\n  d: {e: 5}\n"))
    assert file.values == {"a": 1, "b": {"c": 1e-4, "d": {"e": 5}}}
    assert file.lines == {("a",): 2, ("b",): 3, ("b", "c"): 4, ("b", "d"): 5, ("b", "d", "e"): 5}


def test_an_empty_file_has_no_values(tmp_path: Path):
    assert read_yaml(write(tmp_path, "# nothing\n")).values == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", ":3: the key 'a' stands here again; it was first on line 1"),
        ("a:\n  b: 1\n  b: 2\n", ":3: the key 'a.b' stands here again; it was first on line 2"),
        ("- a\n", ":1: expected a mapping of keys to values"),
        ("a: [1\n", ":2: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: !!python/object:os.system x\n", ":1: not valid YAML: could not determine a constructor"),
        ("a: \x00\n", ": not valid YAML: unacceptable character"),
        ("a: &x\n  b: *x\n", ":1: mappings stand in each other too deep"),
        ("? [a]\n: b\n", ":1: not valid YAML: found unhashable key"),
        ("a: 1\n---\nb: 2\n", ":2: not valid YAML: but found another document"),
    ],
)
def test_what_is_wrong_is_located(text: str, message: str, tmp_path: Path):
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        read_yaml(path)
    assert str(error.value).startswith(f"{path}{message}")
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such file"):
        read_yaml(tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigError, match="cannot be read as UTF-8 text: "):
        read_yaml(tmp_path)
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: \xff\n")
    with pytest.raises(ConfigError, match="cannot be read as UTF-8 text: "):
        read_yaml(path)


def test_what_is_written_is_read_again(tmp_path: Path):
    values = {
        "z": 1e-4,
        "a": {"b": [1, "é"], "c": None},
        "path": "x/y",
        "looks": "1e-4",
        "yes": "no",
        "day": "2024-01-01",
        "on": True,
        "n": 10,
        "t": "12:30",
        "b": "true",
        "i": "7",
        "o": "010",
    }
    text = write_yaml(values)
    assert read_yaml(write(tmp_path, text)).values == values
    assert text.startswith("z:")
