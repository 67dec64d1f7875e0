"""Every example runs."""

import csv
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from bertcli.contracts.task import TASKS

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
YAML = sorted(path.name for path in EXAMPLES.glob("*.yaml"))


def shell(command: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path} | variables
    return subprocess.run(["bash", "-c", command], cwd=cwd, env=environment, text=True, capture_output=True)


def answer_in(text: str) -> dict[str, str | int]:
    word = "good" if "good" in text else "bad"
    return {"text": word, "answer_start": text.index(word)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus, labelled tables and sentences, and what the first two commands make of the corpus."""
    directory = tmp_path_factory.mktemp("examples")
    texts = [
        f"The {noun} was {word} on day {day}."
        for noun in ("film", "book")
        for word in ("good", "bad")
        for day in range(20)
    ]
    (directory / "corpus.txt").write_text("\n\n".join(f"{a}\n{b}" for a, b in pairwise(texts)))
    for name, rows in (("train", texts[::2]), ("dev", texts[1::2])):
        with (directory / f"{name}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            writer.writerows([text, "good" in text] for text in rows)
        with (directory / f"{name}.jsonl").open("w") as file:
            for text in rows:
                item = {"question": text, "choices": ["good", "bad"], "answer": "AB"["bad" in text]}
                file.write(json.dumps(item) + "\n")
        with (directory / f"{name}.tsv").open("w") as file:
            file.write("sentence1\tsentence2\tscore\n")
            file.writelines(f"{text}\tThe film was good.\t{len(text) % 5}\n" for text in rows)
        questions = [
            {"id": str(row), "question": "How was it?", "context": text, "answers": [answer_in(text)]}
            for row, text in enumerate(rows)
        ]
        (directory / f"{name}.json").write_text(json.dumps({"data": questions}))
        with (directory / f"{name}.conll").open("w") as file:
            for text in rows:
                file.writelines(f"{word} {'B-thing' if word in ('film', 'book') else 'O'}\n" for word in text.split())
                file.write("\n")
    build = "bertcli vocab build corpus.txt --size 200 -q && bertcli mask build corpus.txt --capitals -q"
    result = shell(build, directory)
    assert result.returncode == 0, result.stderr
    result = shell("bertcli pretrain --mlm --nsp --arch bert-tiny --steps 3 -q", directory)
    assert result.returncode == 0, result.stderr
    return directory


@pytest.mark.slow
@pytest.mark.parametrize("name", YAML)
def test_an_example_runs_as_its_first_line_says(folder: Path, name: str):
    path = EXAMPLES / name
    command = path.read_text().splitlines()[0].removeprefix("# ").replace("examples/", f"{EXAMPLES}/")
    command = command.replace("MODEL", "bertcli-out/runs/pretrain/model")
    shorter = "--set epochs=null --steps 2 --batch-size 8 -q -o " + path.stem
    if "bertcli pretrain" in command and "--init" not in command:
        shorter += " --arch bert-tiny"
    if "finetune" in command:
        shorter += " --seeds 1"
    result = shell(f"{command} {shorter}", folder)
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
def test_the_pipeline_runs_to_its_end_where_the_bar_is_reached(folder: Path, tmp_path: Path):
    import pyarrow.parquet as pq

    for name in ("corpus.txt", "train.csv", "dev.csv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    command = f"bash {EXAMPLES}/pipeline.sh corpus.txt train.csv dev.csv"
    result = shell(command, tmp_path, STEPS="3", BAR="0")
    assert result.returncode == 0, result.stderr
    assert pq.read_table(tmp_path / "features.parquet").num_rows == 40

    def refuse(text: str) -> None:
        raise AssertionError(f"{text} is not JSON")

    audit = json.loads((tmp_path / "audit.json").read_text(), parse_constant=refuse)
    assert audit["ok"]


@pytest.mark.slow
def test_the_pipeline_runs_and_its_bar_is_held(folder: Path, tmp_path: Path):
    for name in ("corpus.txt", "train.csv", "dev.csv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    command = f"bash {EXAMPLES}/pipeline.sh corpus.txt train.csv dev.csv"
    result = shell(command, tmp_path, STEPS="3", BAR="1.1")
    assert result.returncode == 3, result.stderr
    assert "accuracy" in result.stderr


def test_every_example_begins_with_the_command_that_runs_it():
    for name in YAML:
        first = (EXAMPLES / name).read_text().splitlines()[0]
        assert first.startswith("# bertcli "), name
        assert f"examples/{name}" in first


def test_every_kind_of_task_and_long_documents_have_an_example():
    examples = [yaml.safe_load((EXAMPLES / name).read_text()) for name in YAML]
    assert {example.get("task") for example in examples} >= set(TASKS.names())
    assert any(example.get("long_texts") for example in examples)
