"""``bertcli finetune --long``: long documents whose last line decides, read in every way."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from bertcli.cli.app import run
from bertcli.contracts.batch import Batch
from bertcli.models.checkpoint import open_model
from bertcli.models.chunk_pooling import chunk_pooling
from bertcli.text.tokenizer_loading import load_tokenizer

NEUTRAL = ("film", "play", "scene", "plot", "a", "the", "very", "is", "was", "story", "actor")
DECISIVE = {"pos": ("good", "fine"), "neg": ("bad", "dull")}


@pytest.fixture(scope="module")
def model(make_bert: Callable[..., Path]) -> Path:
    """A checkpoint of hidden size 32 with one layer, without dropout."""
    return make_bert([*NEUTRAL, *DECISIVE["pos"], *DECISIVE["neg"]], num_hidden_layers=1)


def documents(count: int, seed: int) -> list[dict[str, str]]:
    """Documents of nine to eleven lines of four words; one word of the last line decides the label."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        lines = [list(draw.choice(NEUTRAL, size=4)) for _ in range(draw.integers(9, 12))]
        label = str(draw.choice(["neg", "pos"]))
        lines[-1][int(draw.integers(4))] = str(draw.choice(DECISIVE[label]))
        found.append({"text": "\n".join(map(" ".join, lines)), "label": label})
    return found


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.jsonl and dev.jsonl."""
    folder = tmp_path_factory.mktemp("reviews")
    write_lines(folder / "train.jsonl", documents(128, seed=1))
    write_lines(folder / "dev.jsonl", documents(64, seed=2))
    return folder


Finetune = Callable[..., int]


@pytest.fixture
def finetune(model: Path, reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Finetune:
    """Runs the command on the reviews in an empty folder; returns the exit code."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, data: Path = reviews) -> int:
        return run([*COMMON, "--model", str(model), "--data", str(data), *map(str, arguments)])

    return call


COMMON = ["finetune", "--task", "classification", "--precision", "fp32", "--threads", "1", "--max-length", "16"]


def read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def read_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


STRATEGIES = ("head", "tail", "head+tail", "key-sentences", "chunks")
LEARN = ("--lr", "5e-3", "--epochs", "6", "--batch-size", "16")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_scores_show_who_sees_the_end(strategy: str, finetune: Finetune, tmp_path: Path) -> None:
    pooling = ["--chunk-pooling", "max"] if strategy == "chunks" else []
    assert finetune("--long", strategy, *pooling, *LEARN, "-o", tmp_path / "run") == 0
    accuracy = read_json(tmp_path / "run" / "result.json")["metrics"]["accuracy"]
    assert accuracy < 0.7 if strategy == "head" else accuracy > 0.9


def test_all_strategies_are_run_and_compared(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ("--long", "all", "--steps", "1", "--limit", "16", "-o", "run")
    assert finetune(*call, "--json", "--fail-under", "accuracy=1.1") == 3
    captured = capsys.readouterr()
    assert all(f"--long {strategy}: accuracy is" in captured.err for strategy in STRATEGIES)
    assert "hint: the runs are complete in run" in captured.err
    assert "the best of the 5 is best on dev: its score there is optimistic" in captured.err
    report = json.loads(captured.out)
    assert [row["strategy"] for row in report["strategies"]] == list(STRATEGIES)
    assert read_json(tmp_path / "run" / "strategies.json") == report
    # Of 36 to 44 pieces 14 are read, but for chunks, which read all of them.
    lost = {row["strategy"]: row["result"]["lost_tokens"] for row in report["strategies"]}
    assert lost["chunks"] == 0
    assert len({lost[strategy] for strategy in STRATEGIES[:4]}) == 1
    assert 16 * (36 - 14) <= lost["head"] <= 16 * (44 - 14)
    for row in report["strategies"]:
        directory = tmp_path / "run" / row["strategy"]
        assert row["result"] == read_json(directory / "result.json")
        assert (row["result"]["split"], row["result"]["n"], row["result"]["seeds"]) == ("dev", 16, [0])
        assert len(read_lines(directory / "predictions" / "dev.jsonl")) == 16
    _test_that_it_goes_on_where_it_was_stopped(finetune, tmp_path, capsys, report)


def _test_that_it_goes_on_where_it_was_stopped(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str], before: Any
) -> None:
    assert finetune("--resume", "-o", "run") == 2
    errors = error_of(capsys)
    assert "this is not one run but one with each --long" in errors
    assert "hint: --long all --resume continues them" in errors
    shutil.rmtree(tmp_path / "run" / "chunks")
    (tmp_path / "run" / "strategies.json").unlink()
    assert finetune("--long", "all", "--resume", "--fail-under", "accuracy=0", "-o", "run") == 0
    captured = capsys.readouterr()
    assert captured.err.count("is finished already") == 4
    after = read_json(tmp_path / "run" / "strategies.json")
    for one, other in zip(after["strategies"], before["strategies"], strict=True):
        assert one["result"]["metrics"] == other["result"]["metrics"]
    lines = captured.out.splitlines()
    assert lines[0] == "classification on dev, n = 16"
    assert lines[2].split() == ["strategy", "accuracy", "pieces", "lost", "of", "dev", "seconds"]
    assert [line.split()[0] for line in lines[4:9]] == list(STRATEGIES)


@pytest.mark.slow
def test_all_strategies_have_the_same_seeds(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--long", "all", "--steps", "1", "--seeds", "2", "--seed", "5", "--limit", "16", "-o", "run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "classification on dev, n = 16, 2 seeds"
    assert all("±" in line for line in lines[4:9])
    for strategy in STRATEGIES:
        assert read_json(tmp_path / "run" / strategy / "result.json")["seeds"] == [5, 6]


def test_a_dry_run_of_all_shows_every_plan_and_writes_nothing(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--long", "all", "--dry-run", "--json", "-o", "run") == 0
    plans = json.loads(capsys.readouterr().out)
    assert list(plans) == list(STRATEGIES)
    assert plans["chunks"]["truncated"] == {"train": 0, "dev": 0}
    assert plans["tail"]["truncated"] == {"train": 128, "dev": 64}
    assert finetune("--long", "all", "--dry-run", "-o", "run") == 0
    assert "classification with --long head+tail: nothing is trained yet" in capsys.readouterr().out
    assert not (tmp_path / "run").exists()


def test_predictions_of_chunks_are_one_a_document_and_do_not_depend_on_how_a_batch_is_cut(
    finetune: Finetune, tmp_path: Path
) -> None:
    call = ("--long", "chunks", "--chunk-pooling", "attention", "--steps", "4", "--batch-size", "8", "--lr", "1e-3")
    for pieces in (1, 4):
        assert finetune(*call, "--accumulate", pieces, "-o", f"run-{pieces}") == 0
    found = [read_lines(tmp_path / f"run-{pieces}" / "predictions" / "dev.jsonl") for pieces in (1, 4)]
    assert [row["id"] for row in found[0]] == [str(number) for number in range(64)]
    for one, other in zip(*found, strict=True):
        assert one["probs"]["pos"] == pytest.approx(other["probs"]["pos"], abs=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "lstm", "concat"])
def test_what_is_saved_of_a_model_of_chunks_gives_its_predictions(
    pooling: Any, finetune: Finetune, reviews: Path, tmp_path: Path
) -> None:
    call = ["--long", "chunks", "--chunk-pooling", pooling, "--max-chunks", 3, "--steps", "2", "--lr", "1e-3"]
    assert finetune(*call, "-o", "run") == 0
    saved = tmp_path / "run" / "model"
    assert read_json(saved / "config.json")["architectures"] == ["BertModel"]
    said = read_json(saved / "bertcli.json")["long_texts"]
    assert (said["strategy"], said["chunk_pooling"], said["max_chunks"]) == ("chunks", pooling, 3)
    architecture, loaded = open_model(str(saved), pooled=True)
    assert loaded.missing == ()
    heads = load_file(saved / "heads.safetensors")
    learned = {name.partition(".")[2]: value for name, value in heads.items() if name.startswith("chunk_pooling.")}
    assert bool(learned) == (pooling == "lstm")
    module: Any = chunk_pooling(pooling, 32, most=3)
    module.load_state_dict(learned)
    head = architecture.head("classification", loaded.encoder, outputs=2, inputs=module.outputs)
    head.load_state_dict({name.partition(".")[2]: heads[name] for name in heads if name.startswith("classification.")})

    (pieces,) = load_tokenizer(str(saved)).encode([read_lines(reviews / "dev.jsonl")[0]["text"]])
    chunks = [[2, *pieces[at : at + 14].tolist(), 3] for at in (0, 14, 28)]  # without those that follow the third
    encoder = loaded.encoder.eval()
    with torch.no_grad():
        vectors = [encoder(Batch({"input_ids": torch.tensor([chunk])}, np.arange(1))).pooled for chunk in chunks]
        logits = head.eval()(module.eval()(torch.cat(vectors), torch.tensor([[0, 1, 2]])))
    first = read_lines(tmp_path / "run" / "predictions" / "dev.jsonl")[0]
    assert list(first["probs"].values()) == pytest.approx(logits.softmax(dim=1)[0].tolist(), abs=1e-5)


def test_a_run_says_how_many_chunks_there_are_and_what_is_in_none(
    finetune: Finetune, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--long", "chunks", "--max-chunks", "2", "--limit", "8", "--dry-run") == 0
    captured = capsys.readouterr()
    assert "chunks of up to 16 pieces: 16 of train, 16 of dev" in captured.err
    assert "dev: 8 of 8 examples are longer than 2 chunks and lose" in captured.err
    assert "long texts     chunks" in captured.out


def test_numbers_are_predicted_from_chunks_too(finetune: Finetune, tmp_path: Path) -> None:
    rows = [{"text": row["text"], "label": str(number % 3)} for number, row in enumerate(documents(24, seed=3))]
    data = tmp_path / "data"
    data.mkdir()
    for split in ("train", "dev"):
        write_lines(data / f"{split}.jsonl", rows)
    assert finetune("--task", "regression", "--long", "chunks", "--steps", "1", "-o", "run", data=data) == 0
    assert read_json(tmp_path / "run" / "result.json")["n"] == 24


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (
            ["--long", "chunks", "--chunk-stride", "14"],
            "--chunk-stride 14 leaves nothing new in a chunk of 14 pieces",
            "--chunk-stride 7, or a longer --max-length",
        ),
        (
            ["--long", "chunks", "--chunk-pooling", "concat"],
            "--chunk-pooling concat needs a number of chunks that is the same for all documents",
            "for example --max-chunks 4",
        ),
        (
            ["--long", "tail", "--max-chunks", "4"],
            "--max-chunks is read by --long chunks alone",
            "add it, or leave --max-chunks out",
        ),
        (
            ["--key-sentences", "textrank"],
            "--key-sentences is read by --long key-sentences alone",
            "add it, or leave --key-sentences out",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(
    arguments: list[str],
    message: str,
    hint: str,
    finetune: Finetune,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert finetune(*arguments, "-o", "run") == 2
    errors = error_of(capsys)
    assert message in errors
    assert hint in errors
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("strategy", ["tail", "all"])
def test_pairs_are_refused_before_any_training(
    strategy: str, finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"text": f"a film {number}", "pair": "the play", "label": str(number % 2)} for number in range(20)]
    data = tmp_path / "data"
    data.mkdir()
    write_lines(data / "train.jsonl", rows)
    assert finetune("--pair-column", "pair", "--long", strategy, "-o", "run", data=data) == 2
    errors = error_of(capsys)
    assert "is for single texts, and classification has pairs" in errors
    assert "hint: leave --long out" in errors
    assert not (tmp_path / "run").exists()
