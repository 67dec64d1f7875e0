"""``bertcli finetune`` from tables to results: what it writes, that runs repeat, and what it says of wrong input."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
import yaml
from safetensors.torch import load_file, save_file

from bertcli.cli.app import run
from bertcli.core.chatter import quiet_transformers

WORDS = (
    "good",
    "fine",
    "bad",
    "dull",
    "film",
    "play",
    "scene",
    "plot",
    "a",
    "the",
    "very",
    "is",
    "was",
    "story",
    "actor",
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of hidden size 32 with two layers, without dropout."""
    return make_model(tmp_path_factory.mktemp("model"))


def make_model(directory: Path, **settings: Any) -> Path:
    torch.manual_seed(1234)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (directory / "vocab.txt").write_text("".join(f"{piece}\n" for piece in vocabulary), encoding="utf-8")
    (directory / "tokenizer_config.json").write_text('{"do_lower_case": true}', encoding="utf-8")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    sizes |= {name: settings.pop(name) for name in list(settings) if name in sizes}
    config = transformers.BertConfig(
        vocab_size=settings.pop("vocab_size", len(vocabulary)),
        max_position_embeddings=32,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        **sizes,
        **settings,
    )
    with quiet_transformers():
        transformers.BertForPreTraining(config).save_pretrained(directory)
    return directory


def sentences(count: int, seed: int) -> list[tuple[str, str]]:
    """Texts of five words in which one word decides the label."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        words = list(draw.choice(WORDS[4:], size=draw.integers(3, 9)))
        label = int(draw.integers(2))
        words[int(draw.integers(len(words)))] = str(draw.choice(WORDS[:2] if label else WORDS[2:4]))
        found.append((" ".join(words), str(label)))
    return found


def write_table(path: Path, header: str, rows: list[tuple[str, ...]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(row) + "\n" for row in [tuple(header.split()), *rows]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def sst2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as GLUE's SST-2."""
    folder = tmp_path_factory.mktemp("SST-2")
    write_table(folder / "train.tsv", "sentence label", sentences(192, seed=1))
    write_table(folder / "dev.tsv", "sentence label", sentences(48, seed=2))
    write_table(
        folder / "test.tsv", "index sentence", [(str(n), text) for n, (text, _) in enumerate(sentences(5, seed=3))]
    )
    return folder


Finetune = Callable[..., int]


@pytest.fixture
def finetune(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Finetune:
    """Runs the command with small defaults in an empty folder; returns the exit code."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path, model: Path | None = model) -> int:
        given = [] if model is None else ["--model", str(model)]
        return run(
            ["finetune", "--precision", "fp32", "--threads", "1", "--max-length", "16", *given, *map(str, arguments)]
        )

    return call


def read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def read_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


LEARN = ("--lr", "3e-3", "--epochs", "8")


def test_a_run_learns_and_leaves_everything_that_is_promised(
    finetune: Finetune, sst2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--task", "sst2", "--data", sst2, *LEARN) == 0
    output = capsys.readouterr().out
    assert "sst2 on dev, n = 48" in output
    directory = tmp_path / "bertcli-out" / "runs" / "sst2"
    names = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    assert names >= {
        "config.yaml",
        "environment.json",
        "manifest.json",
        "metrics.jsonl",
        "result.json",
        "predictions/dev.jsonl",
        "predictions/test.jsonl",
        "predictions/SST-2.tsv",
        "model/config.json",
        "model/model.safetensors",
    }
    result = read_json(directory / "result.json")
    assert result["metrics"]["accuracy"] > 0.9
    assert (result["task"], result["split"], result["n"], result["seeds"]) == ("sst2", "dev", 48, [0])
    assert result["selected_on"] is None
    predictions = read_lines(directory / "predictions" / "dev.jsonl")
    assert [list(line) for line in predictions] == [["id", "gold", "pred", "probs"]] * 48
    right = sum(line["gold"] == line["pred"] for line in predictions)
    assert result["metrics"]["accuracy"] == pytest.approx(right / 48)
    official = (directory / "predictions" / "SST-2.tsv").read_text().splitlines()
    assert official[0] == "index\tprediction"
    assert [line.split("\t")[0] for line in official[1:]] == ["0", "1", "2", "3", "4"]
    assert {line.split("\t")[1] for line in official[1:]} <= {"0", "1"}
    # 8 epochs of 6 steps: a line for each epoch's evaluation; losses before those, at every tenth step and the last.
    metrics = read_lines(directory / "metrics.jsonl")
    assert [line["step"] for line in metrics if "eval/accuracy" in line] == [6, 12, 18, 24, 30, 36, 42, 48]
    assert [line["step"] for line in metrics if "train/loss" in line] == [6, 10, 12, 18, 20, 24, 30, 36, 40, 42, 48]


def transformers_outputs(directory: Path, texts: list[str], labels: torch.Tensor) -> Any:
    with quiet_transformers():
        model = transformers.AutoModelForSequenceClassification.from_pretrained(directory)
        tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    with torch.no_grad():
        return model.eval(), model(**tokenizer(texts, padding=True, return_tensors="pt"), labels=labels)


def test_transformers_own_forward_gives_the_same_probabilities_and_loss(
    finetune: Finetune, sst2: Path, tmp_path: Path
) -> None:
    assert finetune("--task", "sst2", "--data", sst2, "--steps", "3", "--lr", "1e-3", "-o", tmp_path / "run") == 0
    rows = sentences(48, seed=2)
    labels = torch.tensor([int(label) for _, label in rows])
    opened, outputs = transformers_outputs(tmp_path / "run" / "model", [text for text, _ in rows], labels)
    assert type(opened).__name__ == "BertForSequenceClassification"
    assert opened.config.id2label == {0: "negative", 1: "positive"}
    assert opened.config.label2id == {"negative": 0, "positive": 1}
    ours = read_lines(tmp_path / "run" / "predictions" / "dev.jsonl")
    positive = np.asarray([line["probs"]["positive"] for line in ours])
    assert positive == pytest.approx(outputs.logits.softmax(dim=-1)[:, 1].numpy(), abs=1e-5)
    evaluated = [line for line in read_lines(tmp_path / "run" / "metrics.jsonl") if "eval/loss" in line]
    assert [line["step"] for line in evaluated] == [3]  # less than an epoch: evaluated at the end only
    assert evaluated[0]["eval/loss"] == pytest.approx(float(outputs.loss), abs=1e-5)


def test_regression_has_the_loss_and_the_problem_type_of_transformers(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(text, "good film", f"{len(text) / 10:.2f}") for text, _ in sentences(40, seed=5)]
    train = write_table(tmp_path / "train.tsv", "sentence1 sentence2 score", rows[:30])
    dev = write_table(tmp_path / "dev.tsv", "sentence1 sentence2 score", rows[30:])
    arguments = (
        "--task",
        "stsb",
        "--train",
        train,
        "--dev",
        dev,
        "--steps",
        "4",
        "--eval-every",
        "4",
        "-o",
        tmp_path / "r",
    )
    assert finetune(*arguments, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert list(result["metrics"]) == ["pearson", "spearman"]
    with quiet_transformers():
        model = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "r" / "model").eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "r" / "model")
    assert model.config.problem_type == "regression"
    assert model.config.num_labels == 1
    encoded = tokenizer([row[0] for row in rows[30:]], [row[1] for row in rows[30:]], padding=True, return_tensors="pt")
    with torch.no_grad():
        outputs = model(**encoded, labels=torch.tensor([float(row[2]) for row in rows[30:]]))
    ours = [line["pred"] for line in read_lines(tmp_path / "r" / "predictions" / "dev.jsonl")]
    assert ours == pytest.approx(outputs.logits[:, 0].tolist(), abs=1e-5)
    (line,) = [line for line in read_lines(tmp_path / "r" / "metrics.jsonl") if "eval/loss" in line]
    assert line["eval/loss"] == pytest.approx(float(outputs.loss), rel=1e-5)


def weights_of(directory: Path) -> dict[str, torch.Tensor]:
    return load_file(directory / "model" / "model.safetensors")


def same_weights(one: Path, other: Path) -> bool:
    first, second = weights_of(one), weights_of(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_config_yaml_repeats_the_run_to_the_bit(finetune: Finetune, sst2: Path, tmp_path: Path) -> None:
    assert finetune("--task", "sst2", "--data", sst2, "--epochs", "1", "-o", tmp_path / "one") == 0
    config = yaml.safe_load((tmp_path / "one" / "config.yaml").read_text())
    assert config["learning_rate"] == 1e-4  # a narrow model
    assert run(["finetune", str(tmp_path / "one" / "config.yaml"), "-o", str(tmp_path / "two")]) == 0
    assert same_weights(tmp_path / "one", tmp_path / "two")
    one, two = (read_json(tmp_path / name / "result.json") for name in ("one", "two"))
    assert one["config_sha256"] == two["config_sha256"]


def test_a_run_that_was_stopped_goes_on_to_the_same_bits(
    finetune: Finetune, sst2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--task", "sst2", "--data", sst2, "--epochs", "3", "--lr", "1e-3")
    assert finetune(*arguments, "-o", tmp_path / "whole") == 0

    from bertcli.training.metrics import Meter

    add = Meter.add
    monkeypatch.setattr(
        Meter,
        "add",
        lambda meter, result: (add(meter, result), os.kill(os.getpid(), signal.SIGTERM) if result.step == 8 else None),
    )
    assert finetune(*arguments, "-o", tmp_path / "parts") == 143
    message = error_of(capsys)
    assert "interrupted after step 8 of 18; the checkpoint is saved" in message
    assert "hint: the same command with --resume continues" in message
    monkeypatch.setattr(Meter, "add", add)
    assert finetune(*arguments, "-o", tmp_path / "parts", "--resume") == 0
    assert "continuing after step 8" in error_of(capsys)
    assert same_weights(tmp_path / "whole", tmp_path / "parts")
    whole, parts = (read_json(tmp_path / name / "result.json") for name in ("whole", "parts"))
    assert whole["tokens_seen"] == parts["tokens_seen"]
    assert not (tmp_path / "parts" / "checkpoints").exists()
    assert finetune(*arguments, "-o", tmp_path / "parts", "--resume") == 0
    assert "is finished already" in error_of(capsys)


def test_resume_without_a_run_is_a_fresh_start(finetune: Finetune, sst2: Path) -> None:
    assert finetune("--task", "sst2", "--data", sst2, "--steps", "1", "--resume") == 0


def test_a_finished_run_goes_on_for_longer_from_a_checkpoint_that_it_kept(
    finetune: Finetune, sst2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--task", "sst2", "--data", sst2, "--keep", "1", "-o", tmp_path / "run")
    assert finetune(*arguments, "--steps", "3") == 0
    tokens_seen = read_json(tmp_path / "run" / "result.json")["tokens_seen"]
    assert finetune(*arguments, "--steps", "5", "--resume") == 0
    assert "continuing after step 3" in error_of(capsys)
    assert read_json(tmp_path / "run" / "result.json")["tokens_seen"] > tokens_seen
    assert yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["steps"] == 5
    assert read_lines(tmp_path / "run" / "metrics.jsonl")[-1]["step"] == 5
    assert finetune(*arguments, "--steps", "5", "--resume") == 0
    assert "is finished already" in error_of(capsys)
    assert finetune(*arguments, "--steps", "4", "--resume") == 2
    assert "was run with steps = 5, now 4 is asked for" in error_of(capsys)


def test_a_resume_from_other_weights_is_refused(
    finetune: Finetune, model: Path, sst2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = tmp_path / "start"
    shutil.copytree(model, start)
    arguments = ("--task", "sst2", "--data", sst2, "--steps", "1", "-o", tmp_path / "run")
    assert finetune(*arguments, model=start) == 0
    weights = load_file(start / "model.safetensors")
    save_file({name: value + 1 for name, value in weights.items()}, start / "model.safetensors", {"format": "pt"})
    assert finetune(*arguments, "--resume", model=start) == 2
    assert "the weights have changed since this run began" in error_of(capsys)


@pytest.mark.parametrize("seeds", ["1", "2"])
def test_a_finished_run_without_a_checkpoint_refuses_more_steps(
    finetune: Finetune, sst2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], seeds: str
) -> None:
    arguments = ("--task", "sst2", "--data", sst2, "--seeds", seeds, "-o", tmp_path / "run")
    assert finetune(*arguments, "--steps", "1") == 0
    result = (tmp_path / "run" / "result.json").read_text()
    assert finetune(*arguments, "--steps", "3", "--resume") == 2
    message = error_of(capsys)
    assert "the run was finished after 1 steps and kept no checkpoint, now 3 are asked for" in message
    assert "hint: -o DIR or --overwrite starts a new run" in message
    assert (tmp_path / "run" / "result.json").read_text() == result


def test_several_seeds_go_on_for_longer(finetune: Finetune, sst2: Path, tmp_path: Path) -> None:
    arguments = ("--task", "sst2", "--data", sst2, "--seeds", "2", "--keep", "1", "-o", tmp_path / "run")
    assert finetune(*arguments, "--steps", "2") == 0
    assert finetune(*arguments, "--steps", "3", "--resume") == 0
    for name in ("seed-0", "seed-1", "."):
        assert yaml.safe_load((tmp_path / "run" / name / "config.yaml").read_text())["steps"] == 3
    for name in ("seed-0", "seed-1"):
        assert read_lines(tmp_path / "run" / name / "metrics.jsonl")[-1]["step"] == 3


def test_a_test_result_that_a_kill_left_out_is_made_up_for(finetune: Finetune, tmp_path: Path) -> None:
    rows = sentences(40, seed=1)
    files = {name: write_table(tmp_path / f"{name}.tsv", "text label", rows) for name in ("train", "dev", "test")}
    given = [argument for name, path in files.items() for argument in (f"--{name}", path)]
    arguments = ("--task", "classification", *given, "--steps", "2", "--seeds", "2", "-o", tmp_path / "run")
    assert finetune(*arguments) == 0
    whole = read_json(tmp_path / "run" / "result-test.json")
    for path in ("result.json", "result-test.json", "seed-1/result-test.json"):
        (tmp_path / "run" / path).unlink()
    assert finetune(*arguments, "--resume") == 0
    again = read_json(tmp_path / "run" / "result-test.json")
    assert {**again, "elapsed_seconds": 0} == {**whole, "elapsed_seconds": 0}


def test_a_result_of_another_schema_is_exit_2(
    finetune: Finetune, sst2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--task", "sst2", "--data", sst2, "--steps", "1", "-o", tmp_path / "run")
    assert finetune(*arguments) == 0
    (tmp_path / "run" / "result.json").write_text('{"schema": 99}')
    assert finetune(*arguments, "--resume") == 2
    assert "result.json: a result of schema 99, expected 1" in error_of(capsys)


def test_an_input_of_the_run_is_not_overwritten(
    finetune: Finetune, sst2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--task", "sst2", "--data", sst2, "--steps", "1", "-o", tmp_path / "run")
    assert finetune(*arguments) == 0
    assert finetune(*arguments, "--overwrite", model=tmp_path / "run" / "model") == 2
    assert "the output directory holds an input" in error_of(capsys)
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()


def test_nothing_that_is_not_finite_is_saved_or_evaluated(
    finetune: Finetune, sst2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bertcli.training import trainer

    losses = []

    class LateMeter(trainer.Meter):
        """As on a GPU: losses are looked at when they are read."""

        def __init__(self, *, check_every_step: bool) -> None:
            super().__init__(check_every_step=False)

        def add(self, result: Any) -> None:
            losses.append(result.step)
            if result.step >= 2:
                result.losses.update({name: torch.tensor(torch.nan) for name in result.losses})
            super().add(result)

    monkeypatch.setattr(trainer, "Meter", LateMeter)
    arguments = ("--task", "sst2", "--data", sst2, "--steps", "9", "--log-every", "100", "-o", tmp_path / "run")
    assert finetune(*arguments, "--save-every", "3", "--eval-every", "4") == 1
    assert "at step 2 (epoch 0" in error_of(capsys)
    assert losses == [1, 2, 3]
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize(("loss", "code"), [(1.0, 0), (torch.nan, 1)])
def test_the_stream_of_batches_is_closed_when_training_ends_or_fails(
    finetune: Finetune, sst2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: float, code: int
) -> None:
    from bertcli.data.bucketing import BucketedBatches
    from bertcli.training.metrics import Meter

    streams = []
    training, add = BucketedBatches.training, Meter.add

    def kept(batches: BucketedBatches, **options: Any) -> Any:
        streams.append(training(batches, **options))
        return streams[-1]

    def changed(meter: Meter, result: Any) -> None:
        result.losses.update({name: torch.tensor(loss) for name in result.losses})
        add(meter, result)

    monkeypatch.setattr(BucketedBatches, "training", kept)
    monkeypatch.setattr(Meter, "add", changed)
    arguments = ("--task", "sst2", "--data", sst2, "--steps", "1", "--workers", "2", "-o", tmp_path / "run")
    assert finetune(*arguments) == code
    assert [stream.gi_frame for stream in streams] == [None]
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_checkpoints_are_kept_when_asked_for(finetune: Finetune, sst2: Path, tmp_path: Path) -> None:
    arguments = ("--task", "sst2", "--data", sst2, "--steps", "6", "--save-every", "2", "--keep", "2")
    assert finetune(*arguments, "-o", tmp_path / "run") == 0
    assert sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir()) == [
        "step-00000004",
        "step-00000006",
    ]


def test_cutting_a_batch_into_pieces_changes_nothing_but_rounding(
    finetune: Finetune, sst2: Path, tmp_path: Path
) -> None:
    arguments = ("--task", "sst2", "--data", sst2, "--steps", "6", "--lr", "1e-3")
    assert finetune(*arguments, "-o", tmp_path / "one") == 0
    assert finetune(*arguments, "--accumulate", "3", "-o", tmp_path / "three") == 0
    one, three = (weights_of(tmp_path / name)["classifier.weight"] for name in ("one", "three"))
    assert torch.allclose(one, three, atol=1e-5)


def test_several_seeds_give_their_mean_and_each_its_directory(
    finetune: Finetune, sst2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (
        "--task",
        "sst2",
        "--data",
        sst2,
        "--steps",
        "4",
        "--seed",
        "5",
        "--seeds",
        "2",
        "-o",
        tmp_path / "run",
    )
    assert finetune(*arguments) == 0
    table = capsys.readouterr().out
    assert "mean ± sd" in table
    assert "seed 6" in table
    result = read_json(tmp_path / "run" / "result.json")
    each = [read_json(tmp_path / "run" / f"seed-{seed}" / "result.json") for seed in (5, 6)]
    assert result["seeds"] == [5, 6]
    assert result["per_seed"] == [one["metrics"] for one in each]
    values = [one["metrics"]["accuracy"] for one in each]
    assert result["mean"] == pytest.approx(sum(values) / 2)
    assert result["sd"] == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
    assert not same_weights(tmp_path / "run" / "seed-5", tmp_path / "run" / "seed-6")
    # A run of one seed alone is the same run.
    assert finetune("--task", "sst2", "--data", sst2, "--steps", "4", "--seed", "6", "-o", tmp_path / "alone") == 0
    assert same_weights(tmp_path / "run" / "seed-6", tmp_path / "alone")


def test_the_configuration_of_one_of_several_seeds_repeats_its_run(finetune: Finetune, tmp_path: Path) -> None:
    train = write_table(tmp_path / "train.tsv", "sentence label", sentences(100, seed=1))
    arguments = ("--task", "sst2", "--train", train, "--limit", "60", "--steps", "3", "--lr", "1e-3")
    assert finetune(*arguments, "--seed", "5", "--seeds", "2", "-o", tmp_path / "run") == 0
    config = tmp_path / "run" / "seed-6" / "config.yaml"
    assert {key: yaml.safe_load(config.read_text())[key] for key in ("seed", "split_seed")} == {
        "seed": 6,
        "split_seed": 5,
    }
    assert run(["finetune", str(config), "-o", str(tmp_path / "again")]) == 0
    assert same_weights(tmp_path / "run" / "seed-6", tmp_path / "again")
    one, again = (path / "predictions" / "dev.jsonl" for path in (config.parent, tmp_path / "again"))
    assert one.read_text() == again.read_text()
    # Without the outer seed the split is another one.
    assert finetune(*arguments, "--seed", "6", "-o", tmp_path / "alone") == 0
    assert one.read_text() != (tmp_path / "alone" / "predictions" / "dev.jsonl").read_text()
    assert finetune(*arguments, "--seed", "6", "--split-seed", "5", "-o", tmp_path / "same") == 0
    assert same_weights(tmp_path / "run" / "seed-6", tmp_path / "same")


def test_finished_seeds_are_not_run_again(
    finetune: Finetune, sst2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--task", "sst2", "--data", sst2, "--steps", "2", "--seeds", "2", "-o", tmp_path / "run")
    assert finetune(*arguments) == 0
    result = (tmp_path / "run" / "result.json").read_text()
    (tmp_path / "run" / "result.json").unlink()
    shutil.rmtree(tmp_path / "run" / "seed-1")
    capsys.readouterr()
    assert finetune(*arguments, "--resume") == 0
    assert f"{tmp_path / 'run' / 'seed-0'} is finished already" in error_of(capsys)
    again = read_json(tmp_path / "run" / "result.json")
    assert {**json.loads(result), "elapsed_seconds": 0} == {**again, "elapsed_seconds": 0}


def test_a_run_in_bf16_says_so(finetune: Finetune, sst2: Path, tmp_path: Path) -> None:
    assert (
        finetune("--task", "sst2", "--data", sst2, "--steps", "2", "--precision", "bf16", "-o", tmp_path / "run") == 0
    )
    result = read_json(tmp_path / "run" / "result.json")
    assert (result["precision"], result["device"]) == ("bf16", "cpu")
    assert all(value.dtype == torch.float32 for value in weights_of(tmp_path / "run").values())


def test_random_weights_keep_the_shape_and_nothing_else(
    finetune: Finetune, sst2: Path, tmp_path: Path, model: Path
) -> None:
    arguments = ("--task", "sst2", "--data", sst2, "--steps", "1", "--lr", "1e-9")
    assert finetune(*arguments, "-o", tmp_path / "loaded") == 0
    assert finetune(*arguments, "--random-weights", "-o", tmp_path / "fresh") == 0
    name = "bert.encoder.layer.0.attention.self.query.weight"
    source = load_file(model / "model.safetensors")[name]
    assert torch.allclose(weights_of(tmp_path / "loaded")[name], source, atol=1e-6)
    assert not torch.allclose(weights_of(tmp_path / "fresh")[name], source, atol=1e-3)


def test_two_dev_splits_give_one_result(finetune: Finetune, tmp_path: Path) -> None:
    header = "index sentence1 sentence2 gold_label"
    labels = ("entailment", "neutral", "contradiction")
    rows = [(str(n), text, "the plot", labels[n % 3]) for n, (text, _) in enumerate(sentences(60, seed=7))]
    write_table(tmp_path / "MNLI" / "train.tsv", header, rows[:40])
    write_table(tmp_path / "MNLI" / "dev_matched.tsv", header, rows[40:52])
    write_table(tmp_path / "MNLI" / "dev_mismatched.tsv", header, rows[52:])
    unlabelled = [row[:3] for row in rows[:4]]
    write_table(tmp_path / "MNLI" / "test_matched.tsv", "index sentence1 sentence2", unlabelled)
    assert finetune("--task", "mnli", "--data", tmp_path / "MNLI", "--steps", "2", "-o", tmp_path / "run") == 0
    result = read_json(tmp_path / "run" / "result.json")
    assert list(result["metrics"]) == ["accuracy", "accuracy_mismatched"]
    assert (result["split"], result["n"]) == ("dev_matched", 12)
    assert (tmp_path / "run" / "predictions" / "dev_mismatched.jsonl").is_file()
    official = (tmp_path / "run" / "predictions" / "MNLI-m.tsv").read_text().splitlines()
    assert official[1].split("\t")[1] in labels


def test_a_test_split_with_labels_is_scored_apart(finetune: Finetune, tmp_path: Path) -> None:
    rows = sentences(40, seed=1)
    files = {name: write_table(tmp_path / f"{name}.tsv", "text label", rows) for name in ("train", "dev", "test")}
    arguments = [argument for name, path in files.items() for argument in (f"--{name}", path)]
    assert finetune("--task", "classification", *arguments, "--steps", "2", "-o", tmp_path / "run") == 0
    assert read_json(tmp_path / "run" / "result.json")["split"] == "dev"
    assert read_json(tmp_path / "run" / "result-test.json")["split"] == "test"


def test_without_a_dev_split_a_tenth_is_held_out_and_told(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = write_table(
        tmp_path / "reviews.tsv", "review verdict", [(t, "pos" if n == "1" else "neg") for t, n in sentences(100, 1)]
    )
    columns = ("--text-column", "review", "--label-column", "verdict")
    assert finetune("--task", "classification", "--data", train, *columns, "--steps", "1", "-o", tmp_path / "run") == 0
    message = error_of(capsys)
    result = read_json(tmp_path / "run" / "result.json")
    assert f"note: no dev split: {result['n']} of 100 training examples become one" in message
    config = read_json(tmp_path / "run" / "model" / "config.json")
    assert config["id2label"] == {"0": "neg", "1": "pos"}


def test_an_untrained_pooler_starts_fresh_and_that_is_told(
    finetune: Finetune, model: Path, sst2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in model.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "bertcli.json").write_text('{"trained": ["encoder", "language_model"]}')
    arguments = ("--task", "sst2", "--data", sst2, "--steps", "1", "--lr", "1e-9", "-o", tmp_path / "run")
    assert finetune(*arguments, model=copy) == 0
    assert f"note: the pooler of {copy} was never trained: it starts fresh" in error_of(capsys)
    name = "bert.pooler.dense.weight"
    pooler = weights_of(tmp_path / "run")[name]
    assert not torch.allclose(pooler, load_file(model / "model.safetensors")[name], atol=1e-3)
    assert 0.015 < float(pooler.std()) < 0.025  # the configuration's initializer_range is 0.02


def test_a_trained_pooler_is_kept(finetune: Finetune, model: Path, sst2: Path, tmp_path: Path) -> None:
    assert finetune("--task", "sst2", "--data", sst2, "--steps", "1", "--lr", "1e-9", "-o", tmp_path / "run") == 0
    name = "bert.pooler.dense.weight"
    assert torch.allclose(weights_of(tmp_path / "run")[name], load_file(model / "model.safetensors")[name], atol=1e-6)


def test_truncation_is_counted_and_told(finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = "good " * 20
    train = write_table(tmp_path / "train.tsv", "text label", [(long, "1"), ("bad", "0")])
    dev = write_table(tmp_path / "dev.tsv", "text label", [(long, "1")])
    arguments = ("--task", "classification", "--train", train, "--dev", dev, "--steps", "1", "-o", tmp_path / "run")
    assert finetune(*arguments) == 0
    assert "note: train: 1 of 2 examples are longer than 16 pieces and lose 6 in all" in error_of(capsys)
    assert read_json(tmp_path / "run" / "result.json")["truncated"] == 1


def test_a_dry_run_gives_the_plan_and_writes_nothing(
    finetune: Finetune, sst2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--task", "sst2", "--data", sst2, "--dry-run", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["examples"] == {"train": 192, "dev": 48, "test": 5}
    assert plan["labels"] == ["negative", "positive"]
    assert (plan["epochs"], plan["steps"], plan["learning_rate"]) == (20.0, 120, 1e-4)  # few examples, narrow model
    assert plan["example"].startswith("[CLS] ")
    assert not (tmp_path / "bertcli-out").exists()
    assert finetune("--task", "sst2", "--data", sst2, "--dry-run", "--no-text") == 0
    shown = capsys.readouterr().out
    assert "120 of 32 examples (20 epochs)" in shown
    assert "[CLS]" not in shown


@pytest.mark.parametrize(
    ("width", "flags", "sizes"),
    [
        (64, (), (1e-4, 16, 20)),  # a narrow model keeps its larger rate
        (576, (), (3e-5, 16, 20)),
        (576, ("--lr", "1e-3", "--batch-size", "4", "--max-length", "8"), (1e-3, 4, 8)),
    ],
)
def test_a_preset_has_sizes_of_its_own_which_flags_override(
    finetune: Finetune,
    sst2: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    flags: tuple[str, ...],
    sizes: tuple[float, int, int],
) -> None:
    from bertcli.stages import labelled_data

    find_task = labelled_data.find_task
    settled = {"learning_rate": 3e-5, "batch_size": 16, "max_length": 20}

    def sized(name: str) -> Any:
        found = find_task(name)
        return replace(found, preset=found.preset.model_copy(update=settled))

    monkeypatch.setattr(labelled_data, "find_task", sized)
    (tmp_path / "wide").mkdir()
    wide = make_model(tmp_path / "wide", hidden_size=width)
    given = ("--precision", "fp32", "--task", "sst2", "--data", str(sst2), "--dry-run", "--json", *flags)
    assert run(["finetune", "--model", str(wide), *given]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["learning_rate"], plan["batch_size"], plan["max_length"]) == sizes


def test_a_usual_length_gives_way_to_a_model_with_fewer_positions(
    model: Path, sst2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["--precision", "fp32", "--task", "sst2", "--data", str(sst2), "--model", str(model), "--dry-run", "--json"]
    assert run(["finetune", *given]) == 0
    assert json.loads(capsys.readouterr().out)["max_length"] == 32


def test_a_limit_draws_from_every_split(finetune: Finetune, sst2: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert finetune("--task", "sst2", "--data", sst2, "--limit", "10", "--dry-run", "--json") == 0
    output = capsys.readouterr()
    assert json.loads(output.out)["examples"] == {"train": 10, "dev": 10, "test": 5}
    assert "note: --limit 10: at most so many examples of every split are used" in output.err


def test_the_hub_serves_a_preset_without_data(
    finetune: Finetune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import datasets

    features = datasets.Features(
        {
            "sentence": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["negative", "positive"]),
            "idx": datasets.Value("int32"),
        }
    )

    def split(count: int, seed: int, *, hidden: bool = False) -> datasets.Dataset:
        rows = sentences(count, seed)
        labels = [-1 if hidden else int(label) for _, label in rows]
        columns = {"sentence": [text for text, _ in rows], "label": labels, "idx": list(range(count))}
        return datasets.Dataset.from_dict(columns, features=features)

    def load(name: str, config: str, *, revision: str) -> dict[str, datasets.Dataset]:
        assert (name, config, len(revision)) == ("nyu-mll/glue", "sst2", 40)
        return {"train": split(20, 1), "validation": split(10, 2), "test": split(3, 3, hidden=True)}

    monkeypatch.setattr(datasets, "load_dataset", load)
    assert finetune("--task", "sst2", "--steps", "1", "-o", tmp_path / "run") == 0
    assert "note: no --data: taking nyu-mll/glue (sst2) from the Hub" in error_of(capsys)
    assert read_json(tmp_path / "run" / "result.json")["n"] == 10
    assert [line["gold"] for line in read_lines(tmp_path / "run" / "predictions" / "test.jsonl")] == [None] * 3


def test_a_missed_threshold_is_exit_3_after_everything_is_written(
    finetune: Finetune, sst2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--task", "sst2", "--data", sst2, "--steps", "1", "-o", tmp_path / "run")
    assert finetune(*arguments, "--fail-under", "accuracy=1.01") == 3
    output = capsys.readouterr()
    assert "sst2 on dev, n = 48" in output.out
    message = output.err
    assert "error: accuracy is 0." in message
    assert ", below 1.01" in message
    assert f"hint: the run is complete in {tmp_path / 'run'}" in message
    assert (tmp_path / "run" / "result.json").is_file()
    assert finetune(*arguments, "--overwrite", "--fail-under", "accuracy=0.01") == 0
    capsys.readouterr()
    assert finetune(*arguments, "--resume", "--fail-under", "accuracy=1.01", "--json") == 3
    assert json.loads(capsys.readouterr().out) == read_json(tmp_path / "run" / "result.json")


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--task", "sst"], "error: unknown task 'sst'", "did you mean 'sst2'?"),
        ([], "error: task is needed and not given", None),
        (["--task", "classification"], "error: classification needs data", "give a folder by --data DIR, or files"),
        (["--task", "sst2", "--data", "nowhere"], "error: nowhere: no such file or directory", "a folder or files"),
        (["--task", "sst2", "--train", "no.tsv"], "error: no.tsv: no such file", "--train takes files"),
        (["--task", "sst2", "--data", "EMPTY"], "there is no training split: no train.tsv", "name the files: --train"),
        (["--task", "sst2", "--dev", "x.tsv"], "dev and test need a training split", "--train or --data"),
        (["--task", "sst2", "--data", "a", "--train", "b"], "data and train both give a training split", "keep one"),
        (["--task", "sst2", "--steps", "1", "--epochs", "1"], "steps and epochs exclude one another", "keep one"),
        (
            ["--task", "sst2", "--data", "SST2", "--max-length", "33"],
            "is longer than the model's 32 positions",
            "--max-length 32",
        ),
        (["--task", "sst2", "--fail-under", "accuracy"], "'accuracy' is not METRIC=VALUE", "--fail-under accuracy=0.9"),
        (
            ["--task", "sst2", "--data", "SST2", "--fail-under", "acuracy=1"],
            "error: --fail-under acuracy: there is no such metric here",
            "did you mean 'accuracy'? known: accuracy",
        ),
        (
            ["--task", "sst2", "--data", "SST2", "--text-column", "sentense"],
            "train.tsv: no column 'sentense'",
            "did you mean 'sentence'? columns: 'sentence', 'label'",
        ),
        (
            ["--task", "sst2", "--data", "SST2", "--set", "task_settings.metric=[f1]"],
            "task_settings.metric: unknown key 'metric'",
            "did you mean 'metrics'?",
        ),
        (["--task", "sst2"], "error: the data set nyu-mll/glue cannot be had from the Hub", "by --data DIR"),
    ],
)
def test_wrong_input_is_exit_2_and_says_what_to_do(
    finetune: Finetune,
    sst2: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
    hint: str | None,
) -> None:
    (tmp_path / "EMPTY").mkdir()
    assert finetune(*(str(sst2) if word == "SST2" else word for word in arguments)) == 2
    said = error_of(capsys)
    assert message in said
    assert hint is None or hint in said
    assert not (tmp_path / "bertcli-out").exists()


def test_labels_outside_the_known_ones_are_exit_2_with_their_line(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = write_table(tmp_path / "train.tsv", "sentence label", [("good film", "1"), ("bad film", "2")])
    assert finetune("--task", "sst2", "--train", train, "--dev", train, "--steps", "1") == 2
    message = error_of(capsys)
    assert f"error: {train}:3: the label '2' is not one of the task's" in message
    assert "hint: known labels: 0 (negative), 1 (positive)" in message


def test_a_missing_model_names_the_command_that_makes_one(
    finetune: Finetune, sst2: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--task", "sst2", "--data", sst2, model=None) == 2
    message = error_of(capsys)
    assert "error: bertcli-out/runs/pretrain/model: there is no pretrained model here yet" in message
    assert "hint: make one with `bertcli pretrain --mlm --nsp`, or give --model DIR" in message
    assert finetune("--task", "sst2", "--data", sst2, model=Path("./nowhere")) == 2
    assert "hint: make one with `bertcli pretrain" in error_of(capsys)


def test_a_vocabulary_larger_than_the_model_is_refused(
    finetune: Finetune, sst2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "wrong").mkdir()
    wrong = make_model(tmp_path / "wrong")
    with (wrong / "vocab.txt").open("a") as file:
        file.write("extra\n")
    assert finetune("--task", "sst2", "--data", sst2, model=wrong) == 2
    assert "the vocabulary has 21 pieces, the model 20" in error_of(capsys)


def test_an_output_in_the_way_is_refused_before_any_work(
    finetune: Finetune, sst2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    assert finetune("--task", "sst2", "--data", sst2, "-o", tmp_path / "run") == 2
    message = error_of(capsys)
    assert "the output directory is not empty" in message
    assert "--resume continues it, --overwrite replaces it, -o DIR writes elsewhere" in message


def test_a_model_with_one_segment_type_takes_pairs_all_the_same(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "single").mkdir()
    single = make_model(tmp_path / "single", type_vocab_size=1)
    rows = [("good film", "fine plot", "entailment"), ("bad film", "good plot", "not_entailment")] * 5
    train = write_table(tmp_path / "train.tsv", "question sentence label", rows)
    assert finetune("--task", "qnli", "--train", train, "--dev", train, "--steps", "1", model=single) == 0
    assert "note: the model knows one segment only" in error_of(capsys)


def test_a_percentage_as_threshold_is_taken_for_a_mistake(bertcli):
    outcome = bertcli("finetune", "--task", "sst2", "--fail-under", "accuracy=99")
    assert outcome.code == 2
    assert "accuracy=99 can never be reached, scores are fractions" in outcome.err
    assert "accuracy=0.99?" in outcome.err


def test_a_vocabulary_cut_short_is_not_the_models(
    finetune: Finetune, sst2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "cut"
    directory.mkdir()
    make_model(directory, vocab_size=149)
    assert finetune("--task", "sst2", "--data", sst2, "--dry-run", model=directory) == 2
    assert "error: " in (message := error_of(capsys))
    assert "the vocabulary has 20 pieces, the model 149" in message


def test_splits_of_which_the_vocabulary_knows_too_little_are_told(
    finetune: Finetune, sst2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dev = [("good film", "1")] * 49 + [("dull Xylophon", "0")] * 2  # 2 of 102 pieces
    arguments = ("--task", "sst2", "--train", sst2 / "train.tsv", "--dry-run")
    assert finetune(*arguments, "--dev", write_table(tmp_path / "dev.tsv", "sentence label", dev)) == 0
    told = [line for line in error_of(capsys).splitlines() if "unknown" in line]
    assert told == [
        "note: 2.0 % of the pieces of dev are unknown to the vocabulary: is it that of this language, with the right "
        "casing?"
    ]
    known = dev[:49] + dev[49:50]  # 1 of 100: the share that is tolerated
    assert finetune(*arguments, "--dev", write_table(tmp_path / "known.tsv", "sentence label", known)) == 0
    assert "unknown" not in error_of(capsys)
