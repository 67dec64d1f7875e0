"""What ``bertcli finetune`` does for honest scores: restarts, best checkpoints, folds, intervals and reports."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from bertcli.cli.app import run
from bertcli.stages import finetune_one
from bertcli.stages.finetune_session import Session
from bertcli.training.metrics import Meter

WORDS = ("good", "fine", "bad", "dull", "film", "play", "scene", "plot", "a", "the", "very", "is", "was", "story")

Finetune = Callable[..., int]


@pytest.fixture(scope="module")
def model(make_bert: Callable[..., Path]) -> Path:
    """A checkpoint of hidden size 32 with two layers, without dropout."""
    return make_bert(WORDS)


def sentences(count: int, seed: int) -> list[tuple[str, str]]:
    """Texts in which one word decides the label."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        words = list(draw.choice(WORDS[4:], size=draw.integers(3, 9)))
        label = int(draw.integers(2))
        words[int(draw.integers(len(words)))] = str(draw.choice(WORDS[:2] if label else WORDS[2:4]))
        found.append((" ".join(words), str(label)))
    return found


def write_table(path: Path, rows: Sequence[tuple[str, str]]) -> Path:
    lines = "".join(f"{text}\t{label}\n" for text, label in rows)
    path.write_text(f"text\tlabel\n{lines}", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 96 training and 40 dev examples: three steps of 32 an epoch."""
    folder = tmp_path_factory.mktemp("data")
    write_table(folder / "train.tsv", sentences(96, seed=1))
    write_table(folder / "dev.tsv", sentences(40, seed=2))
    return folder


@pytest.fixture
def finetune(model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Finetune:
    """Runs the command on the data in an empty folder, writing to ``run`` unless told otherwise."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, data: Path | None = data) -> int:
        words = ["finetune", "--task", "classification", "--precision", "fp32", "--threads", "1", "--max-length", "16"]
        words += ["--model", str(model), "-o", "run", *(["--data", str(data)] if data else []), *map(str, arguments)]
        return run(words)

    return call


def read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def read_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def same_weights(one: Path, other: Path) -> bool:
    first, second = (load_file(directory / "model" / "model.safetensors") for directory in (one, other))
    return all(torch.equal(first[name], second[name]) for name in first)


def stop_after(monkeypatch: pytest.MonkeyPatch, step: int, *, times: int = 1) -> None:
    """Send this process a signal when a step is done, so many times."""
    add, left = Meter.add, [times]

    def stopping(meter: Meter, result: Any) -> None:
        add(meter, result)
        if result.step == step and left[0]:
            left[0] -= 1
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Meter, "add", stopping)


LEARN = ("--lr", "3e-3", "--epochs", "12")
BRIEF = ("--lr", "3e-3", "--epochs", "3")


# Restarts


@pytest.fixture
def first_attempt_collapses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training with the run's own seed has a learning rate that nothing survives."""
    train_model = finetune_one.train_model

    def absurd(session: Session, run: Any, seed: int, stop: Any) -> Any:
        if seed == session.config.seed:
            config = session.config.model_copy(update={"learning_rate": 3.0})
            session = replace(session, config=config)
        return train_model(session, run, seed, stop)

    monkeypatch.setattr(finetune_one, "train_model", absurd)


@pytest.mark.usefixtures("first_attempt_collapses")
def test_a_run_that_collapsed_is_trained_again_with_another_seed(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune(*LEARN) == 0
    output = capsys.readouterr()
    result = read_json(tmp_path / "run" / "result.json")
    ((seed,),) = result["restarts"]
    assert seed not in (0, 1)
    assert (result["seeds"], result["collapsed"]) == ([0], [None])
    assert result["mean"] > 0.9
    assert "note: run collapsed, every prediction is '" in output.err
    assert f"it is trained again with the seed {seed} (restart 1 of 1)" in output.err
    assert f"run restarted  after a collapse, with seed {seed}" in output.out
    aside = tmp_path / "run" / "collapsed-1"
    assert sorted(path.name for path in aside.iterdir()) == ["collapse.json", "metrics.jsonl"]
    assert read_json(aside / "collapse.json")["seed"] == 0
    assert len([line for line in read_lines(tmp_path / "run" / "metrics.jsonl") if "eval/accuracy" in line]) == 12


@pytest.mark.usefixtures("first_attempt_collapses")
@pytest.mark.parametrize("times", [1, 2])
def test_a_resume_goes_on_with_the_attempt_that_was_stopped(
    finetune: Finetune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    assert finetune(*BRIEF, "-o", "whole") == 0
    stop_after(monkeypatch, 5, times=times)
    for _ in range(times):  # once in the attempt that collapses, and once in the restart
        assert finetune(*BRIEF, "--resume") == 143
    assert (tmp_path / "run" / "collapsed-1").exists() is (times == 2)
    assert finetune(*BRIEF, "--resume") == 0
    assert same_weights(tmp_path / "whole", tmp_path / "run")
    whole, parts = (read_json(tmp_path / name / "result.json") for name in ("whole", "run"))
    assert whole["restarts"] == parts["restarts"]
    assert whole["tokens_seen"] == parts["tokens_seen"]


@pytest.mark.usefixtures("first_attempt_collapses")
def test_a_kill_while_an_attempt_is_put_aside_repeats_it(
    finetune: Finetune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bertcli.core import atomic

    assert finetune(*BRIEF, "-o", "whole") == 0
    write_json = atomic.write_json

    def killed(path: Path, value: Any) -> None:
        if path.name == "collapse.json":
            raise MemoryError
        write_json(path, value)

    with monkeypatch.context() as patched:
        patched.setattr(atomic, "write_json", killed)
        with pytest.raises(MemoryError):
            finetune(*BRIEF)
    assert finetune(*BRIEF, "--resume") == 0
    assert same_weights(tmp_path / "whole", tmp_path / "run")


def test_a_run_that_collapses_to_the_end_says_so(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--lr", "3.0", "--epochs", "2", "--restarts", "2") == 0
    output = capsys.readouterr()
    assert "(restart 1 of 2)" in output.err
    assert "(restart 2 of 2)" in output.err
    assert "note: run collapsed again, every prediction is '" in output.err
    assert (
        "a model that has learned nothing; more --epochs, a lower --lr, a longer --warmup or more --restarts"
        in output.err
    )
    assert "run collapsed  every prediction is '" in output.out
    result = read_json(tmp_path / "run" / "result.json")
    assert [len(seeds) for seeds in result["restarts"]] == [2]
    assert result["collapsed"][0].startswith("every prediction is '")


def test_without_restarts_a_collapse_is_told_all_the_same(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--lr", "3.0", "--epochs", "2", "--restarts", "0") == 0
    assert "note: run collapsed, every prediction is" in capsys.readouterr().err
    assert read_json(tmp_path / "run" / "result.json")["restarts"] == [[]]
    assert not (tmp_path / "run" / "collapsed-1").exists()


def test_less_than_an_epoch_is_not_judged(finetune: Finetune, capsys: pytest.CaptureFixture[str]) -> None:
    assert finetune("--lr", "3.0", "--steps", "2") == 0
    assert "collapsed" not in capsys.readouterr().err


def test_a_loss_at_chance_is_a_collapse_though_predictions_vary(
    finetune: Finetune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bertcli.tasks.classification import Classification

    monkeypatch.setattr(Classification, "collapsed", lambda task, predictions: None)
    assert finetune("--lr", "1e-9", "--epochs", "1", "--restarts", "0") == 0
    score = read_json(tmp_path / "run" / "result.json")["mean"]
    usual = max(sum(label == one for _, label in sentences(40, seed=2)) for one in "01") / 40
    assert score <= usual  # otherwise nothing is shown here
    # Of 96 labels the entropy is about ln 2, and the loss of a fresh head too.
    assert "note: run collapsed, the loss on training examples is 0.69" in capsys.readouterr().err


# Best checkpoints and early stopping


def evaluations(directory: Path) -> dict[int, float]:
    return {
        line["step"]: line["eval/accuracy"]
        for line in read_lines(directory / "metrics.jsonl")
        if "eval/accuracy" in line
    }


@pytest.mark.parametrize("keep_best", [True, False])
def test_when_it_is_evaluated_is_part_of_a_configuration_whose_evaluations_choose(
    finetune: Finetune, tmp_path: Path, keep_best: bool
) -> None:
    found = set()
    for every in ("1", "2"):
        flags = ("--steps", "2", "--eval-every", every, "-o", every)
        assert finetune(*flags, *(["--keep-best"] if keep_best else [])) == 0
        found.add(read_json(tmp_path / every / "result.json")["config_sha256"])
    assert len(found) == (2 if keep_best else 1)


def test_the_best_weights_are_those_of_the_best_evaluation(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--lr", "3e-3", "--steps", "30", "--eval-every", "2")
    assert finetune(*arguments, "--keep-best", "--keep", "1") == 0
    output = capsys.readouterr()
    scores = evaluations(tmp_path / "run")
    assert list(scores) == list(range(2, 31, 2))
    best = max(scores, key=lambda step: scores[step])  # the first of equal ones
    assert 2 < best < 30
    result = read_json(tmp_path / "run" / "result.json")
    assert (result["selected_on"], result["selected_steps"], result["mean"]) == ("dev", [best], scores[best])
    assert "optimistic: this split chose the checkpoint" in output.out
    assert f"note: the weights are those of step {best}: eval/accuracy {scores[best]:.4g}" in output.err
    # The checkpoint is kept beside the newest one, and holds those weights.
    kept = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert kept == [f"step-{best:08d}", "step-00000030"]
    checkpoint = load_file(tmp_path / "run" / "checkpoints" / kept[0] / "model.safetensors")
    weights = load_file(tmp_path / "run" / "model" / "model.safetensors")
    name = "encoder.layer.0.attention.self.query.weight"
    (theirs,) = [value for key, value in checkpoint.items() if key.endswith(name)]
    assert torch.equal(theirs, weights[f"bert.{name}"])


def test_patience_ends_a_run_and_more_patience_changes_no_weights(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--lr", "3e-3", "--steps", "300", "--eval-every", "3")
    assert finetune(*arguments, "--patience", "3") == 0
    scores = list(evaluations(tmp_path / "run").values())
    best = scores.index(max(scores))
    assert len(scores) == best + 4 < 100
    last = 3 * len(scores)
    assert f"note: stopped after step {last} of 300: 3 evaluations without a better one" in capsys.readouterr().err
    assert read_json(tmp_path / "run" / "result.json")["selected_steps"] == [3 * (best + 1)]


@pytest.mark.parametrize("step", [7, 9, 18])
def test_early_stopping_is_the_same_over_a_resume(
    finetune: Finetune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    # Step 9 has an evaluation, which the signal prevents; step 18 is the last.
    arguments = ("--lr", "3e-3", "--steps", "18", "--eval-every", "3", "--save-every", "5", "--patience", "5")
    assert finetune(*arguments, "-o", "whole") == 0
    assert max(evaluations(tmp_path / "whole")) == 18
    stop_after(monkeypatch, step)
    assert finetune(*arguments) == 143
    assert finetune(*arguments, "--resume") == 0
    assert evaluations(tmp_path / "run") == evaluations(tmp_path / "whole")
    assert same_weights(tmp_path / "whole", tmp_path / "run")
    whole, parts = (read_json(tmp_path / name / "result.json") for name in ("whole", "run"))
    assert whole["selected_steps"] == parts["selected_steps"]


def test_a_run_that_stopped_early_and_was_killed_before_its_result_does_not_go_on(
    finetune: Finetune, tmp_path: Path
) -> None:
    arguments = ("--lr", "3e-3", "--steps", "300", "--eval-every", "3", "--patience", "2", "--keep", "1")
    assert finetune(*arguments) == 0
    before = read_json(tmp_path / "run" / "result.json")
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    (tmp_path / "run" / "result.json").unlink()
    assert finetune(*arguments, "--resume") == 0
    assert same_weights(tmp_path / "run", tmp_path / "copy")
    assert read_json(tmp_path / "run" / "result.json")["tokens_seen"] == before["tokens_seen"]
    assert evaluations(tmp_path / "run") == evaluations(tmp_path / "copy")


def test_of_errors_the_lowest_is_chosen(finetune: Finetune, tmp_path: Path, data: Path) -> None:
    rows = [(text, str(len(text.split()) / 10)) for text, _ in sentences(64, seed=4)]
    train = write_table(tmp_path / "train.tsv", rows)
    arguments = ("--task", "regression", "--train", train, "--dev", train, "--set", "task_settings.metrics=[mse]")
    learn = ("--lr", "1e-2", "--steps", "20", "--eval-every", "2", "--keep-best", "--restarts", "0")
    assert finetune(*arguments, *learn, data=None) == 0
    errors = {
        line["step"]: line["eval/mse"] for line in read_lines(tmp_path / "run" / "metrics.jsonl") if "eval/mse" in line
    }
    result = read_json(tmp_path / "run" / "result.json")
    assert result["selected_steps"] == [min(errors, key=lambda step: errors[step])]
    assert result["mean"] == min(errors.values()) < max(errors.values())


def test_other_evaluations_are_refused_where_they_choose_the_weights(
    finetune: Finetune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stop_after(monkeypatch, 4)
    assert finetune("--steps", "9", "--keep-best") == 143
    assert finetune("--steps", "9", "--keep-best", "--eval-every", "2", "--resume") == 2
    message = capsys.readouterr().err
    assert (
        "evaluations choose the weights of this run: they were every epoch, now every 2 steps is asked for" in message
    )
    assert "hint: leave --eval-every as it was" in message


def test_a_best_checkpoint_that_is_gone_is_told(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--lr", "3e-3", "--steps", "30", "--eval-every", "2", "--keep-best", "--keep", "1")
    assert finetune(*arguments) == 0
    (step,) = read_json(tmp_path / "run" / "result.json")["selected_steps"]
    (tmp_path / "run" / "result.json").unlink()
    shutil.rmtree(tmp_path / "run" / "checkpoints" / f"step-{step:08d}")
    assert finetune(*arguments, "--resume") == 2
    assert f"step-{step:08d}: the checkpoint is damaged or gone" in capsys.readouterr().err


# Folds


def test_folds_hold_out_every_example_once(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--folds", "3", "--epochs", "1", "--restarts", "0") == 0
    output = capsys.readouterr()
    assert output.err.count("note: --folds: the dev split is left aside") == 1
    assert "fold 3" in output.out
    whole = read_lines(tmp_path / "run" / "predictions" / "folds.jsonl")
    assert [line["id"] for line in whole] == [str(row) for row in range(96)]
    labels = {label: label for label in "01"}
    assert [labels[line["gold"]] for line in whole] == [label for _, label in sentences(96, seed=1)]
    parts = [read_lines(tmp_path / "run" / f"fold-{number}" / "predictions" / "folds.jsonl") for number in (1, 2, 3)]
    assert sorted(int(line["id"]) for part in parts for line in part) == list(range(96))
    result = read_json(tmp_path / "run" / "result.json")
    scores = [read_json(tmp_path / "run" / f"fold-{number}" / "result.json")["mean"] for number in (1, 2, 3)]
    assert [row["accuracy"] for row in result["per_seed"]] == scores
    assert result["mean"] == pytest.approx(sum(scores) / 3)
    assert result["sd"] == pytest.approx(np.std(scores, ddof=1))
    assert (result["split"], result["n"], result["seeds"], result["folds"]) == ("folds", 96, [0], 3)
    assert result["ci95_of"] == "folds"
    # One fold alone is the one of all.
    config = tmp_path / "run" / "fold-2" / "config.yaml"
    assert yaml.safe_load(config.read_text())["fold"] == 2
    assert run(["finetune", str(config), "-o", str(tmp_path / "two")]) == 0
    assert same_weights(tmp_path / "run" / "fold-2", tmp_path / "two")


def test_folds_that_are_finished_are_not_run_again(
    finetune: Finetune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--folds", "2", "--epochs", "3", "--lr", "1e-3", "--restarts", "0")
    assert finetune(*arguments, "-o", "whole") == 0
    stopped = Meter.add
    seen: list[int] = []

    def stopping(meter: Meter, result: Any) -> None:
        stopped(meter, result)
        seen.append(result.step)
        if seen.count(4) == 2:  # in the second fold
            seen.append(4)
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Meter, "add", stopping)
    assert finetune(*arguments) == 143
    assert not (tmp_path / "run" / "result.json").exists()
    capsys.readouterr()
    assert finetune(*arguments, "--resume") == 0
    message = capsys.readouterr().err
    assert "fold-1 is finished already" in message
    assert "continuing after step 4" in message
    assert same_weights(tmp_path / "whole" / "fold-2", tmp_path / "run" / "fold-2")


def test_a_dry_run_plans_the_folds(finetune: Finetune, capsys: pytest.CaptureFixture[str]) -> None:
    assert finetune("--folds", "3", "--dry-run", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["folds"], plan["examples"]) == (3, {"train": 64, "folds": 32})
    assert finetune("--folds", "3", "--dry-run") == 0
    assert "3, each as above" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("--folds", "3", "--seeds", "2"), "folds and seeds exclude one another", "repeat the cross-validation"),
        (("--folds", "3", "--fold", "4"), "there is no fold 4 of 3", "--folds K --fold N trains fold N of K"),
        (("--fold", "1"), "fold alone says too little", "--folds K --fold N trains fold N of K"),
        (("--folds", "1"), "greater than or equal to 2", ""),
        (("--folds", "97"), "96 different texts cannot be held out in 97 folds", "--folds 96 or fewer"),
        (("--patience", "0"), "greater than or equal to 1", ""),
    ],
)
def test_what_cannot_be_is_exit_2(
    finetune: Finetune,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: Sequence[str],
    message: str,
    hint: str,
) -> None:
    assert finetune(*arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert hint in said
    assert not (tmp_path / "run").exists()


# Intervals and reports


def test_one_seed_has_an_interval_over_its_examples(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--steps", "3") == 0
    result = read_json(tmp_path / "run" / "result.json")
    low, high = result["ci95"]
    half = 1.96 * (result["mean"] * (1 - result["mean"]) / 40) ** 0.5
    assert (result["mean"] - low, high - result["mean"]) == pytest.approx((half, half), abs=0.04)
    assert (result["ci95_of"], result["sd"]) == ("examples", None)
    assert f"95 % interval  {100 * low:.1f} to {100 * high:.1f}, by resampling" in capsys.readouterr().out


def test_the_interval_of_several_seeds_is_over_seeds(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--steps", "3", "--seeds", "2", "--lr", "1e-3") == 0
    assert read_json(tmp_path / "run" / "result.json")["ci95_of"] == "seeds"
    output = capsys.readouterr().out
    assert "of the mean over seeds" in output
    assert ", 2 seeds together" in output
    assert np.sum(read_json(tmp_path / "run" / "confusion.json")["counts"]) == 80


def test_confusions_are_counted_and_shown(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--steps", "3") == 0
    confusion = read_json(tmp_path / "run" / "confusion.json")
    predictions = read_lines(tmp_path / "run" / "predictions" / "dev.jsonl")
    assert (confusion["split"], confusion["of"], confusion["labels"]) == ("dev", "examples", ["0", "1"])
    for row, gold in enumerate("01"):
        for column, pred in enumerate("01"):
            here = sum((line["gold"], line["pred"]) == (gold, pred) for line in predictions)
            assert confusion["counts"][row][column] == here
    assert "examples of dev by gold label (rows) and prediction (columns)" in capsys.readouterr().out


def test_many_classes_are_in_the_file_alone(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = write_table(tmp_path / "t.tsv", [(text, f"c{row % 13}") for row, (text, _) in enumerate(sentences(39, 1))])
    assert finetune("--train", train, "--dev", train, "--steps", "1", data=None) == 0
    assert len(read_json(tmp_path / "run" / "confusion.json")["labels"]) == 13
    assert "by gold label (rows)" not in capsys.readouterr().out


def test_the_worst_mistakes_are_the_surest(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--steps", "3") == 0
    mistakes = read_lines(tmp_path / "run" / "mistakes.jsonl")
    predictions = read_lines(tmp_path / "run" / "predictions" / "dev.jsonl")
    wrong = [line for line in predictions if line["gold"] != line["pred"]]
    surest = sorted(wrong, key=lambda line: -line["probs"][line["pred"]])[:20]
    assert [mistake["id"] for mistake in mistakes] == [line["id"] for line in surest]
    worst, text = mistakes[0], sentences(40, seed=2)[int(mistakes[0]["id"])][0]
    assert worst["text"] == {"text": text}
    assert (worst["gold"], worst["pred"], worst["wrong"]) == (surest[0]["gold"], surest[0]["pred"], 1)
    assert worst["badness"] == surest[0]["probs"][worst["pred"]]
    shown = capsys.readouterr().out.partition("worst mistakes")[2]
    assert f"  {worst['id']}: {worst['pred']} ({worst['badness']:.2f}), gold {worst['gold']}" in shown
    assert text in shown
    assert shown.count("gold") == 5


def test_without_text_mistakes_are_ids(finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert finetune("--steps", "3", "--no-text") == 0
    mistakes = read_lines(tmp_path / "run" / "mistakes.jsonl")
    assert mistakes
    assert {tuple(mistake) for mistake in mistakes} == {("id", "badness", "wrong")}
    shown = capsys.readouterr().out.partition("worst mistakes")[2]
    assert f"ids  {', '.join(mistake['id'] for mistake in mistakes[:5])}" in shown
    texts = [text for text, _ in sentences(40, seed=2)]
    assert not any(text in shown for text in texts)


def test_no_terminal_obeys_what_stands_in_a_mistake(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(f"\x1b[31m[bold]{text}", label) for text, label in sentences(20, seed=1)]
    train = write_table(tmp_path / "t.tsv", rows)
    assert finetune("--train", train, "--dev", train, "--steps", "1", "--lr", "1e-9", data=None) == 0
    output = capsys.readouterr().out
    assert "\x1b" not in output
    assert "\\x1b[31m[bold]" in output


def test_what_was_cut_is_in_the_table_and_in_the_result(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = write_table(tmp_path / "t.tsv", [("good " * 20, "1"), ("bad", "0")])
    assert finetune("--train", train, "--dev", train, "--steps", "1", data=None) == 0
    result = read_json(tmp_path / "run" / "result.json")
    assert (result["truncated"], result["lost_tokens"]) == (1, 6)
    assert "cut            1 of 2 examples, 6 pieces" in capsys.readouterr().out


def test_runs_of_one_seed_and_of_folds_are_compared(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--steps", "3", "--lr", "1e-9", "-o", "a") == 0
    assert finetune("--lr", "3e-3", "--epochs", "6", "-o", "b") == 0
    capsys.readouterr()
    assert run(["significance", "a", "b", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    each = [read_json(tmp_path / name / "result.json")["mean"] for name in ("a", "b")]
    assert (report["mean_a"], report["mean_b"]) == tuple(each)
    assert finetune("--folds", "2", "--steps", "1", "-o", "c") == 0
    assert run(["significance", "c", "c"]) == 0
    assert "accuracy on folds, n = 96" in capsys.readouterr().out


def test_settings_of_this_kind_are_in_config_yaml(finetune: Finetune, tmp_path: Path) -> None:
    assert finetune("--steps", "1", "--patience", "4") == 0
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert (config["patience"], config["restarts"], config["keep_best"]) == (4, 1, False)
