"""``bertcli significance``: two runs on the same examples, and what it says of runs that do not compare."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

Bertcli = Callable[..., Any]

GOLD = "npnpnpnpnp"


def write_predictions(run: Path, pred: Sequence[Any], gold: Sequence[Any] = GOLD, split: str = "dev") -> None:
    (run / "predictions").mkdir(parents=True, exist_ok=True)
    lines = [
        {"id": str(row), "gold": one, "pred": other} for row, (one, other) in enumerate(zip(gold, pred, strict=True))
    ]
    (run / "predictions" / f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_run(
    run: Path, *preds: Sequence[Any], gold: Sequence[Any] = GOLD, split: str = "dev", task: str = "classification"
) -> Path:
    """A run as `bertcli finetune` leaves it; several predictions are those of several seeds."""
    run.mkdir()
    (run / "config.yaml").write_text(f"task: {task}\ntrain: [train.tsv]\n")
    labels = {} if task == "regression" else {"labels": {"n": "n", "p": "p"}}
    (run / "task.json").write_text(json.dumps(labels))
    for seed, pred in enumerate(preds):
        write_predictions(run / f"seed-{seed}" if len(preds) > 1 else run, pred, gold, split)
    facts = dict.fromkeys(f"{name}_sha256" for name in ("model", "vocab", "data", "config"))
    facts |= dict.fromkeys(("device", "precision", "selected_on", "sd", "ci95"))
    numbers = dict.fromkeys(["mean", "truncated", "tokens_seen", "elapsed_seconds"], 0)
    result = {"schema": 1, "task": task, "split": split, "n": len(gold), "primary": "accuracy", "metrics": {}}
    (run / "result.json").write_text(json.dumps(result | {"seeds": [0], "per_seed": [{}]} | facts | numbers))
    return run


def test_two_runs_by_hand_calculation(bertcli: Bertcli, tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", GOLD)
    b = write_run(tmp_path / "b", "ppppnpnppp")  # wrong in three, each of which A has right
    report = bertcli("significance", a, b, "--json").json()
    names = (
        "schema run_a run_b kind split n metric per_seed_a per_seed_b mean_a mean_b difference ci95 p_value exact "
        "samples seed only_a only_b mcnemar_p_value tested"
    )
    assert list(report) == names.split()
    assert (report["kind"], report["split"], report["n"], report["metric"]) == ("classification", "dev", 10, "accuracy")
    assert (report["mean_a"], report["mean_b"]) == (1.0, 0.7)
    assert report["difference"] == pytest.approx(0.3)
    assert (report["only_a"], report["only_b"], report["mcnemar_p_value"]) == (3, 0, 0.25)
    assert (report["p_value"], report["samples"], report["exact"]) == (2 / 8, 8, True)
    assert 0 <= report["ci95"][0] < 0.3 < report["ci95"][1] <= 0.7


def test_the_table_says_what_was_tested(bertcli: Bertcli, tmp_path: Path) -> None:
    a, b = write_run(tmp_path / "a", GOLD), write_run(tmp_path / "b", "ppppnpnppp")
    out = bertcli("significance", a, b).out
    assert "accuracy on dev, n = 10" in out
    assert "difference     30.0, 95 % interval" in out
    assert "p = 0.2500 (all 8 exchanges, two-sided)" in out
    assert "p = 0.2500 (exact; the first alone has 3 right, the second alone 0)" in out
    assert "it does not speak of other seeds" in out


def test_seeds_are_compared_by_their_means(bertcli: Bertcli, tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", GOLD, GOLD)
    b = write_run(tmp_path / "b", "npnpnpnpnn", "npnpnpnnnn")
    outcome = bertcli("significance", a, b, "--json")
    report = outcome.json()
    assert report["per_seed_b"] == [0.9, 0.8]
    assert report["difference"] == pytest.approx(0.15)
    # Of the exchanges of the two examples on which the systems differ, one half differ as much: all or none.
    assert (report["p_value"], report["samples"]) == (0.5, 4)
    assert (report["only_a"], report["mcnemar_p_value"]) == (None, None)
    assert "the mean of these 2 models" in report["tested"]
    table = bertcli("significance", a, b).out
    assert "run 2" in table
    assert "McNemar" not in table


def test_another_metric_and_another_split_can_be_asked_for(bertcli: Bertcli, tmp_path: Path) -> None:
    a, b = write_run(tmp_path / "a", GOLD), write_run(tmp_path / "b", "ppppnpnppp")
    for run, pred in ((a, "nnpp"), (b, "nppp")):
        write_predictions(run, pred, gold="nnpp", split="test")
    report = bertcli("significance", a, b, "--split", "test", "--metric", "macro_f1", "--json").json()
    # B: F1 of n is 2·1/(1 + 2), of p 2·2/(3 + 2).
    assert report["mean_b"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert report["n"] == 4
    assert report["mcnemar_p_value"] is None


def test_the_same_seed_gives_the_same_figures(bertcli: Bertcli, tmp_path: Path) -> None:
    gold = "np" * 100
    a = write_run(tmp_path / "a", gold[:180] + "p" * 20, gold=gold)
    b = write_run(tmp_path / "b", "n" * 50 + gold[50:], gold=gold)
    found = [bertcli("significance", a, b, "--samples", "500", "--seed", seed, "--json").out for seed in (3, 3, 4)]
    assert found[0] == found[1]
    assert json.loads(found[0])["p_value"] != json.loads(found[2])["p_value"]


def test_regressions_are_compared_too(bertcli: Bertcli, tmp_path: Path) -> None:
    gold = [1.0, 2.0, 3.0, 4.0]
    a = write_run(tmp_path / "a", [1.0, 2.0, 3.0, 4.5], gold=gold, task="regression")
    b = write_run(tmp_path / "b", [2.0, 1.0, 3.0, 4.0], gold=gold, task="regression")
    report = bertcli("significance", a, b, "--metric", "mse", "--json").json()
    assert report["difference"] == pytest.approx(0.25 / 4 - 2 / 4)
    out = bertcli("significance", a, b, "--metric", "spearman", "--samples", "100").out
    assert "spearman on dev, n = 4" in out


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        ({"id": "7"}, 'predictions/dev.jsonl:3: the id is "7" here, and "2" in ', "was the same file, --limit"),
        ({"gold": "x"}, 'predictions/dev.jsonl:3: the gold is "x" here, and "n" in ', "on the same examples"),
        ({"gold": None}, "predictions/dev.jsonl:3: there is no gold label", "labelled split with --split"),
        ([], "predictions/dev.jsonl:3: not a prediction that bertcli has written", "expected id, gold and pred"),
    ],
)
def test_other_examples_are_told_with_the_first_line_that_differs(
    bertcli: Bertcli, tmp_path: Path, change: Any, message: str, hint: str
) -> None:
    a, b = write_run(tmp_path / "a", GOLD), write_run(tmp_path / "b", GOLD)
    file = b / "predictions" / "dev.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    lines[2] = lines[2] | change if isinstance(change, dict) else change
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    outcome = bertcli("significance", a, b)
    assert outcome.code == 2
    assert message in outcome.err
    assert hint in outcome.err


def test_unequal_numbers_of_examples_are_refused(bertcli: Bertcli, tmp_path: Path) -> None:
    a, b = write_run(tmp_path / "a", GOLD), write_run(tmp_path / "b", GOLD + "n", gold=GOLD + "n")
    outcome = bertcli("significance", a, b)
    assert outcome.code == 2
    assert f"{b}/predictions/dev.jsonl:11: 11 predictions, and 10 in {a}/predictions/dev.jsonl" in outcome.err


def test_runs_that_do_not_compare_are_refused(bertcli: Bertcli, tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", GOLD)
    two = write_run(tmp_path / "two", GOLD, GOLD)
    numbers = write_run(tmp_path / "numbers", [1.0] * 10, gold=[2.0] * 10, task="regression")
    (tmp_path / "empty").mkdir()
    unfinished = write_run(tmp_path / "unfinished", GOLD)
    (unfinished / "result.json").unlink()
    (unfinished / "predictions" / "dev.jsonl").write_text("")
    for arguments, message in (
        ((a, two), f"{a} has 1 seeds and {two} 2: equally many are compared"),
        ((a, numbers), f"{a} is of the kind classification and {numbers} of the kind regression: their"),
        ((a, tmp_path / "empty"), "empty: no config.yaml: not a run of `bertcli finetune`"),
        ((unfinished, a), "unfinished: no result.json: the run is not finished"),
        ((a, unfinished), "unfinished/predictions/dev.jsonl: the file is empty"),
        ((a, a, "--split", "test"), "a/predictions/test.jsonl: no predictions on the split 'test'"),
        ((a, a, "--metric", "acuracy"), "unknown metric 'acuracy'"),
        ((a, a, "--samples", "10"), "greater than or equal to 100"),
    ):
        outcome = bertcli("significance", *arguments)
        assert outcome.code == 2, outcome.err
        assert message in outcome.err


def test_a_run_that_has_no_predictions_yet_is_told_so(bertcli: Bertcli, tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", GOLD)
    (run / "predictions" / "dev.jsonl").unlink()
    outcome = bertcli("significance", run, run)
    assert outcome.code == 2
    assert "hint: is the run finished?" in outcome.err


def test_a_label_that_no_example_has_counts_as_in_the_run(bertcli: Bertcli, tmp_path: Path) -> None:
    gold = [["NOUN", "VERB"], ["NOUN"]]
    runs = [write_run(tmp_path / name, gold, gold=gold, task="tagging") for name in "ab"]
    for run in runs:
        (run / "task.json").write_text(json.dumps({"labels": ["ADJ", "NOUN", "VERB"]}))
    report = bertcli("significance", *runs, "--metric", "macro_f1", "--json").json()
    # F1 of NOUN and VERB 1; of ADJ, which the training split had and nothing here has, 0 as in the run's result.
    assert report["mean_a"] == pytest.approx(2 / 3)


def test_runs_whose_tasks_were_fitted_to_other_labels_are_refused(bertcli: Bertcli, tmp_path: Path) -> None:
    a, b = write_run(tmp_path / "a", GOLD), write_run(tmp_path / "b", GOLD)
    (b / "task.json").write_text(json.dumps({"labels": {"p": "p", "n": "n"}}))
    assert bertcli("significance", a, b).code == 0  # the order of ids is nothing to scores
    (b / "task.json").write_text(json.dumps({"labels": {"n": "n", "p": "p", "q": "q"}}))
    outcome = bertcli("significance", a, b)
    assert outcome.code == 2
    assert f"the labels that {a} took from its training split are not those of {b}: their scores" in outcome.err
    assert "hint: fine-tune both with the same --set task_settings.labels=…" in outcome.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "a: no task.json: nothing says what the task took from its training split"),
        ("{", "task.json: not what bertcli has written"),
        ("[]", "task.json: not what bertcli has written"),
    ],
)
def test_a_run_that_does_not_say_what_its_task_learned_is_told_how_to(
    bertcli: Bertcli, tmp_path: Path, content: str | None, message: str
) -> None:
    run = write_run(tmp_path / "a", GOLD)
    (run / "task.json").unlink()
    if content is not None:
        (run / "task.json").write_text(content)
    outcome = bertcli("significance", run, run)
    assert outcome.code == 2
    assert message in outcome.err
    assert f"hint: `bertcli finetune {run}/config.yaml -o {run} --resume` writes it again" in outcome.err


def test_of_a_run_with_every_strategy_one_is_to_be_named(bertcli: Bertcli, tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", GOLD)
    (run / "result.json").unlink()
    (run / "config.yaml").write_text("task: classification\ntrain: [train.tsv]\nlong_texts: {strategy: all}\n")
    outcome = bertcli("significance", run, run)
    assert outcome.code == 2
    assert f"{run} is a run with every strategy of --long, each of which is a run of its own" in outcome.err
    assert f"hint: name one of them: {run}/head, {run}/tail, {run}/head+tail" in outcome.err
