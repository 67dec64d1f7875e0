"""``bertcli finetune --recipe …`` and the pieces of recipes: rates, frozen sets, poolings and reused labels."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
import yaml
from safetensors.torch import load_file

from bertcli.cli.app import run
from bertcli.core.chatter import quiet_transformers
from bertcli.training.metrics import Meter

WORDS = ("good", "fine", "bad", "dull", "film", "play", "scene", "plot", "a", "the")
LAYERS = 2
EPOCH_STEPS = 4

Finetune = Callable[..., int]


@pytest.fixture(scope="module")
def model(make_bert: Callable[..., Path]) -> Path:
    """A checkpoint of hidden size 32 with two layers and dropout, and a pooler."""
    return make_bert(WORDS, num_hidden_layers=LAYERS, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64 training examples, which are four batches of 16."""
    folder = tmp_path_factory.mktemp("data")
    for split, count, seed in (("train", 16 * EPOCH_STEPS, 1), ("dev", 8, 2)):
        draw = np.random.default_rng(seed)
        lines = ["text\tlabel"]
        for number in range(count):
            words = [WORDS[2 * (number % 2) + int(draw.integers(2))], *draw.choice(WORDS[4:], size=draw.integers(1, 6))]
            lines.append(" ".join(draw.permutation(words)) + "\t" + ("neg" if number % 2 else "pos"))
        (folder / f"{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def finetune(model: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Finetune:
    """Runs the command on the data in an empty folder; returns the exit code."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path, model: Path = model) -> int:
        fixed = [
            "--precision",
            "fp32",
            "--threads",
            "1",
            "--max-length",
            "16",
            "--batch-size",
            "16",
            "--log-every",
            "1",
        ]
        named = ["--task", "classification", "--data", str(data), "--model", str(model)]
        return run(["finetune", *named, *fixed, *map(str, arguments)])

    return call


def lines_of(directory: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text("utf-8").splitlines()]
    return [line for line in lines if "optim/learning_rate" in line]


def config_of(directory: Path) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((directory / "config.yaml").read_text("utf-8"))
    return config


def weights_of(directory: Path) -> dict[str, torch.Tensor]:
    """By their names in transformers' BertModel; heads by theirs."""
    return {name.removeprefix("bert."): value for name, value in load_file(directory / "model.safetensors").items()}


def moved(before: Path, after: Path, *, by: float = 0.0) -> set[str]:
    """The parts of the encoder that differ in any bit, or by more: embeddings, layer.0, layer.1, pooler."""
    old, new = weights_of(before), weights_of(after)
    names = [name for name in new if name.startswith(("embeddings", "encoder", "pooler")) and name in old]
    assert any(name.startswith("encoder.layer.1.") for name in names)
    changed = {name for name in names if (old[name] - new[name]).abs().max() > by}
    return {".".join(name.split(".")[1:3]) if name.startswith("encoder") else name.split(".")[0] for name in changed}


def test_rates_and_frozen_sets_of_ulmfit_are_those_of_the_formulas(finetune: Finetune, tmp_path: Path) -> None:
    """Howard & Ruder 2018, sections 3.2 and 3.3: every step of four epochs, of a model with two layers."""
    peak, cut_frac, ratio = 0.01, 0.1, 32
    arguments = ("--recipe", "ulmfit", "--lr", peak, "--epochs", "4", "--log-every", "1", "-o", tmp_path / "run")
    assert finetune(*arguments) == 0
    lines = lines_of(tmp_path / "run")
    steps = 4 * EPOCH_STEPS  # T
    assert [line["step"] for line in lines] == list(range(1, steps + 1))
    cut = max(1, math.floor(steps * cut_frac))
    head = LAYERS + 1
    for t, line in enumerate(lines):
        p = t / cut if t < cut else 1 - (t - cut) / (cut * (1 / cut_frac - 1))
        rate = peak * (1 + max(0, p) * (ratio - 1)) / ratio
        assert line["optim/learning_rate"] == pytest.approx(rate)
        # The last layer in the first epoch, then one more each epoch, and at last the embeddings, of depth 0.
        lowest = max(0, LAYERS - t // EPOCH_STEPS)
        assert line["optim/lowest_trained_depth"] == lowest
        assert line["optim/learning_rate_bottom"] == pytest.approx(rate / 2.6 ** (head - lowest))


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        (1, {"layer.1"}),
        (2, {"layer.0", "layer.1"}),
        (3, {"embeddings", "layer.0", "layer.1"}),
    ],
)
def test_layers_whose_epoch_has_not_come_are_bit_identical(
    finetune: Finetune, model: Path, tmp_path: Path, epochs: int, expected: set[str]
) -> None:
    arguments = ("--recipe", "ulmfit", "--lr", "0.1", "--epochs", epochs, "--weight-decay", "0.1")
    assert finetune(*arguments, "-o", tmp_path / "run") == 0
    assert moved(model, tmp_path / "run" / "model") == expected


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("--freeze-layers", "0"), {"embeddings", "layer.0", "layer.1", "pooler"}),
        (("--freeze-layers", "embeddings"), {"layer.0", "layer.1", "pooler"}),
        (("--freeze-layers", "1"), {"layer.1", "pooler"}),
        (("--freeze-layers", "2"), {"pooler"}),
        (("--freeze-layers", "all"), set()),
        (("--freeze-layers", "1", "--pooling", "mean"), {"layer.1"}),
        (("--recipe", "feature"), set()),
    ],
)
def test_frozen_layers_are_bit_identical_after_training(
    finetune: Finetune, model: Path, tmp_path: Path, flags: tuple[str, ...], expected: set[str]
) -> None:
    assert finetune(*flags, "--steps", "3", "--lr", "0.1", "--weight-decay", "0.1", "-o", tmp_path / "run") == 0
    assert moved(model, tmp_path / "run" / "model") == expected


def test_a_stopped_run_with_gradual_unfreezing_goes_on_to_the_same_bits(
    finetune: Finetune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after the last step of an epoch, and after the first of the next."""
    arguments = ("--recipe", "ulmfit", "--lr", "0.01", "--epochs", "3")
    assert finetune(*arguments, "-o", tmp_path / "whole") == 0
    add = Meter.add
    for step in (EPOCH_STEPS, EPOCH_STEPS + 1):
        parts = tmp_path / f"parts-{step}"
        stop = step

        def stopping(meter: Meter, result: Any, stop: int = stop) -> None:
            add(meter, result)
            if result.step == stop:
                os.kill(os.getpid(), signal.SIGTERM)

        monkeypatch.setattr(Meter, "add", stopping)
        assert finetune(*arguments, "-o", parts) == 143
        monkeypatch.setattr(Meter, "add", add)
        assert finetune(*arguments, "-o", parts, "--resume") == 0
        whole, again = weights_of(tmp_path / "whole" / "model"), weights_of(parts / "model")
        assert all(torch.equal(whole[name], again[name]) for name in whole)
        told = ("step", "optim/learning_rate", "optim/learning_rate_bottom", "optim/lowest_trained_depth")
        curves = [[[line[key] for key in told] for line in lines_of(run_)] for run_ in (tmp_path / "whole", parts)]
        assert curves[0] == curves[1]


def test_layer_decay_and_its_divisor_are_one_mechanism(finetune: Finetune, tmp_path: Path) -> None:
    for name, flags in (("decay", ("--layer-decay", "0.5")), ("divided", ("--discriminative", "2"))):
        assert finetune(*flags, "--steps", "2", "-o", tmp_path / name) == 0
        line = lines_of(tmp_path / name)[0]
        assert line["optim/lowest_trained_depth"] == 0
        assert line["optim/learning_rate_bottom"] == pytest.approx(line["optim/learning_rate"] * 0.5**3)
    decay, divided = (weights_of(tmp_path / name / "model") for name in ("decay", "divided"))
    assert all(torch.equal(decay[name], divided[name]) for name in decay)


def test_without_a_wish_nothing_is_said_of_depths(finetune: Finetune, tmp_path: Path) -> None:
    assert finetune("--steps", "1", "-o", tmp_path / "run") == 0
    assert set(lines_of(tmp_path / "run")[0]) >= {"optim/learning_rate"}
    assert "optim/lowest_trained_depth" not in lines_of(tmp_path / "run")[0]
    assert config_of(tmp_path / "run")["transfer"]["pooling"] == "pooler"


RECIPES = {
    "bert": {"learning_rate": 2e-5, "epochs": 3.0, "shape": "linear", "warmup": 0.1},
    "stable": {"learning_rate": 2e-5, "epochs": 20.0, "shape": "linear", "warmup": 0.1},
    "ulmfit": {
        "shape": "slanted-triangular",
        "cut_fraction": 0.1,
        "ratio": 32.0,
        "discriminative": 2.6,
        "unfreezing": "gradual",
        "pooling": "concat",
    },
    "feature": {"freeze_layers": "all", "pooling": "mean"},
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_dry_run_shows_what_the_recipe_sets(
    finetune: Finetune, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert finetune("--recipe", name, "--dry-run", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    shown = {key.rpartition(".")[2]: value for key, value in plan["recipe"].items()}
    assert shown.pop("name") == name
    assert {key: shown[key] for key in RECIPES[name]} == RECIPES[name]
    assert finetune("--recipe", name, "--dry-run") == 0
    captured = capsys.readouterr()
    assert name in captured.out
    assert f"recipe {name} sets " in captured.err


def test_a_dry_run_counts_what_is_ever_trained(finetune: Finetune, capsys: pytest.CaptureFixture[str]) -> None:
    # The pooler, 32 · 32 + 32, and the head, 32 · 2 + 2; frozen with the encoder, the head alone.
    for flags, trained in ((("--freeze-layers", "2"), 1056 + 66), (("--freeze-layers", "all"), 66)):
        assert finetune(*flags, "--dry-run", "--json") == 0
        assert json.loads(capsys.readouterr().out)["trained_parameters"] == trained
    assert finetune("--freeze-layers", "all", "--dry-run") == 0
    assert ", 66 of them trained)" in " ".join(capsys.readouterr().out.split())
    assert finetune("--recipe", "ulmfit", "--dry-run") == 0
    assert "of them trained" not in capsys.readouterr().out


def test_flags_yaml_and_set_override_a_recipe_and_the_configuration_repeats_the_run(
    finetune: Finetune, tmp_path: Path, data: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = {
        "task": "classification",
        "data": str(data),
        "model": str(model),
        "recipe": "ulmfit",
        "schedule": {"ratio": 8},
        "transfer": {"pooling": "max"},
        "max_length": 16,
        "precision": "fp32",
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    flags = ("--layer-decay", "0.9", "--steps", "2", "--set", "schedule.cut_fraction=0.5", "--device", "cpu")
    assert run(["finetune", str(tmp_path / "run.yaml"), *flags, "-o", str(tmp_path / "one")]) == 0
    message = capsys.readouterr().err
    assert "recipe ulmfit sets schedule.shape slanted-triangular, transfer.unfreezing gradual" in message
    config = config_of(tmp_path / "one")
    assert config["recipe"] == "ulmfit"
    assert {key: config["schedule"][key] for key in ("shape", "ratio", "cut_fraction")} == {
        "shape": "slanted-triangular",  # the recipe
        "ratio": 8,  # the file
        "cut_fraction": 0.5,  # --set
    }
    assert {key: config["transfer"][key] for key in ("layer_decay", "discriminative", "unfreezing", "pooling")} == {
        "layer_decay": 0.9,  # a flag, which takes the place of the recipe's divisor
        "discriminative": 1.0,
        "unfreezing": "gradual",
        "pooling": "max",
    }
    assert (config["steps"], "epochs" in config) == (2, False)
    assert run(["finetune", str(tmp_path / "one" / "config.yaml"), "-o", str(tmp_path / "two")]) == 0
    first, second = (weights_of(tmp_path / name / "model") for name in ("one", "two"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_steps_take_the_place_of_a_recipes_epochs(finetune: Finetune, tmp_path: Path) -> None:
    assert finetune("--recipe", "stable", "--steps", "2", "-o", tmp_path / "run") == 0
    assert finetune("--recipe", "stable", "--steps", "2", "-o", tmp_path / "run", "--resume") == 0
    assert run(["finetune", str(tmp_path / "run" / "config.yaml"), "-o", str(tmp_path / "two")]) == 0


def test_a_recipes_rate_for_wide_models_is_said_to_be_small_for_a_narrow_one(
    finetune: Finetune, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--recipe", "bert", "--dry-run") == 0
    assert "its learning rate is meant for wider models: --lr 0.0001 is usual for this one" in capsys.readouterr().err
    assert finetune("--recipe", "bert", "--lr", "1e-4", "--dry-run") == 0
    assert "meant for wider models" not in capsys.readouterr().err


def test_unfreezing_that_never_reaches_the_embeddings_is_said(
    finetune: Finetune, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--recipe", "ulmfit", "--epochs", "2", "--dry-run") == 0
    message = capsys.readouterr().err
    assert "gradual unfreezing needs 3 epochs to reach the embeddings, and the run ends at layer 1" in message
    assert finetune("--unfreezing", "gradual", "--freeze-layers", "embeddings", "--epochs", "1", "--dry-run") == 0
    assert "needs 2 epochs to reach layer 1, and the run ends at layer 2" in capsys.readouterr().err
    assert finetune("--recipe", "ulmfit", "--epochs", "3", "--dry-run") == 0
    assert "gradual unfreezing needs" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--freeze-layers", "3"), "--freeze-layers 3: the model has 2 layers"),
        (("--reinit-layers", "3"), "--reinit-layers 3: the model has 2 layers"),
        (("--freeze-layers", "2", "--reinit-layers", "1"), "fresh weights would never be trained"),
        (("--freeze-layers", "all", "--reinit-layers", "1"), "fresh weights would never be trained"),
        (("--layer-decay", "0.9", "--discriminative", "2.6"), "both set the layers' rates"),
        (
            ("--schedule", "slanted-triangular", "--warmup", "0.3"),
            "warmup 0.3: the schedule slanted-triangular does not read it",
        ),
        (("--recipe", "ulmfit", "--cycles", "5"), "cycles 5: the schedule slanted-triangular does not read it"),
        (("--layer-decay", "1.5"), "--layer-decay: input should be less than or equal to 1"),
        (("--discriminative", "0.5"), "--discriminative: input should be greater than or equal to 1"),
        (
            ("--freeze-layers", "some"),
            "--freeze-layers: 'some' is neither a number of layers nor `embeddings` nor `all`",
        ),
        (("--freeze-layers", "-1"), "--freeze-layers: '-1' is neither a number of layers"),
        (("--set", "transfer.freeze_layers=true"), "transfer.freeze_layers: True is neither a number of layers"),
        (("--recipe", "best"), "--recipe: input should be 'bert', 'stable', 'ulmfit' or 'feature'"),
        (("--reuse-labels",), "it has no head with named labels that could be reused"),
        (("--reuse-labels", "--random-weights"), "reuse_labels takes rows of a head"),
    ],
)
def test_what_cannot_be_done_is_refused_before_any_training(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], message: str
) -> None:
    assert finetune(*flags, "-o", tmp_path / "run") == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("error: ") == 1
    assert not (tmp_path / "run").exists()


def test_top_layers_begin_anew_and_the_pooler_with_them(finetune: Finetune, model: Path, tmp_path: Path) -> None:
    """At a rate of almost nothing only what began anew differs."""
    flags = ("--steps", "1", "--lr", "1e-30", "--weight-decay", "0")
    assert finetune(*flags, "-o", tmp_path / "as-it-is") == 0
    assert moved(model, tmp_path / "as-it-is" / "model", by=1e-20) == set()
    assert finetune(*flags, "--reinit-layers", "1", "-o", tmp_path / "anew") == 0
    assert moved(model, tmp_path / "anew" / "model", by=1e-20) == {"layer.1", "pooler"}
    fresh = weights_of(tmp_path / "anew" / "model")
    assert fresh["encoder.layer.1.output.dense.weight"].std().item() == pytest.approx(0.02, rel=0.1)
    assert torch.equal(fresh["encoder.layer.1.output.LayerNorm.weight"], torch.ones(32))
    assert finetune(*flags, "--reinit-layers", "1", "-o", tmp_path / "again") == 0
    assert moved(tmp_path / "anew" / "model", tmp_path / "again" / "model") == set()
    assert finetune(*flags, "--reinit-layers", "1", "--seed", "1", "-o", tmp_path / "other") == 0
    assert moved(tmp_path / "anew" / "model", tmp_path / "other" / "model", by=1e-20) == {"layer.1", "pooler"}


@pytest.mark.parametrize(("pooling", "width"), [("cls", 32), ("mean", 32), ("max", 32), ("concat", 96)])
def test_a_pooling_is_what_plain_torch_makes_of_the_saved_parts(
    finetune: Finetune, data: Path, tmp_path: Path, pooling: str, width: int
) -> None:
    assert finetune("--pooling", pooling, "--steps", "2", "--lr", "1e-3", "-o", tmp_path / "run") == 0
    directory = tmp_path / "run" / "model"
    assert json.loads((directory / "bertcli.json").read_text())["pooling"] == pooling
    assert "pooler" not in json.loads((directory / "bertcli.json").read_text())["trained"]
    heads = load_file(directory / "heads.safetensors")
    weight, bias = heads["classification.classifier.weight"], heads["classification.classifier.bias"]
    assert weight.shape == (2, width)
    with quiet_transformers():
        encoder = transformers.AutoModel.from_pretrained(directory, add_pooling_layer=False).eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    assert type(encoder).__name__ == "BertModel"
    assert encoder.config.id2label == {0: "neg", 1: "pos"}
    lines = (data / "dev.tsv").read_text().splitlines()[1:]
    expected = []
    for line in lines:  # one by one: nothing is padded
        with torch.no_grad():
            states = encoder(**tokenizer(line.split("\t")[0], return_tensors="pt")).last_hidden_state[0]
        cls, mean, most = states[0], states.mean(dim=0), states.max(dim=0).values
        vectors = {"cls": cls, "mean": mean, "max": most, "concat": torch.cat([cls, most, mean])}
        expected.append((weight @ vectors[pooling] + bias).softmax(dim=0)[1].item())
    predictions = (tmp_path / "run" / "predictions" / "dev.jsonl").read_text().splitlines()
    assert [json.loads(line)["probs"]["pos"] for line in predictions] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("pooling", ["pooler", "concat"])
def test_rows_of_known_labels_are_reused_by_name(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str], pooling: str
) -> None:
    assert finetune("--pooling", pooling, "--steps", "2", "--lr", "1e-2", "-o", tmp_path / "source") == 0
    names = '{"pos": "pos", "neg": "other"}'
    flags = ("--set", f"task_settings.labels={names}", "--reuse-labels", "--pooling", pooling)
    capsys.readouterr()
    source = tmp_path / "source" / "model"
    still = ("--steps", "1", "--lr", "1e-30", "--weight-decay", "0")
    assert finetune(*flags, *still, "-o", tmp_path / "run", model=source) == 0
    assert f"the head's rows of pos come from {source}; other start fresh" in capsys.readouterr().err
    old, new = (head_of(tmp_path / name / "model") for name in ("source", "run"))
    assert torch.equal(new[0], old[1])  # pos was the second label, by the order of the alphabet, and is now the first
    assert not torch.equal(new[1], old[0])


def head_of(directory: Path) -> torch.Tensor:
    """(labels, inputs), wherever it lies."""
    beside = directory / "heads.safetensors"
    if beside.exists():
        return load_file(beside)["classification.classifier.weight"]
    return load_file(directory / "model.safetensors")["classifier.weight"]


def test_labels_that_nobody_knows_and_rows_of_another_width_are_refused(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--pooling", "concat", "--steps", "1", "-o", tmp_path / "source") == 0
    source = tmp_path / "source" / "model"
    others = ("--set", 'task_settings.labels={"pos": "p", "neg": "n"}', "--reuse-labels", "-o", tmp_path / "run")
    assert finetune(*others, model=source) == 2
    assert "its head knows the labels neg, pos, and none of the task's: p, n" in capsys.readouterr().err
    assert finetune("--reuse-labels", "-o", tmp_path / "run", model=source) == 2
    message = capsys.readouterr().err
    assert "its head reads vectors of 96 numbers, this one of 32" in message
    assert "hint: give the --pooling with which the model was fine-tuned" in message
    assert not (tmp_path / "run").exists()


def test_a_language_model_is_trained_beside_the_task_with_its_weight(
    finetune: Finetune, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("--lm-weight", "0.5", "--epochs", "2", "--lr", "1e-3")
    assert finetune(*arguments, "-o", tmp_path / "run") == 0
    lines = lines_of(tmp_path / "run")
    assert len(lines) == 2 * EPOCH_STEPS
    for line in lines:  # Radford et al. 2018, equation 5: L3 = L2 + λ · L1
        assert line["train/loss"] == pytest.approx(line["train/loss_task"] + 0.5 * line["train/loss_mlm"])
    assert lines[0]["train/loss_mlm"] == pytest.approx(math.log(5 + len(WORDS)), rel=0.05)  # nothing is learned yet
    with quiet_transformers():
        saved, info = transformers.AutoModelForSequenceClassification.from_pretrained(
            tmp_path / "run" / "model", output_loading_info=True
        )
    assert (set(info["missing_keys"]), set(info["unexpected_keys"])) == (set(), set())
    assert type(saved).__name__ == "BertForSequenceClassification"
    add = Meter.add

    def stopping(meter: Meter, result: Any) -> None:
        add(meter, result)
        if result.step == EPOCH_STEPS + 1:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Meter, "add", stopping)
    assert finetune(*arguments, "-o", tmp_path / "parts") == 143
    monkeypatch.setattr(Meter, "add", add)
    assert finetune(*arguments, "-o", tmp_path / "parts", "--resume") == 0
    whole, again = weights_of(tmp_path / "run" / "model"), weights_of(tmp_path / "parts" / "model")
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_a_language_model_needs_a_trained_head_and_an_encoder_to_train(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--steps", "1", "-o", tmp_path / "source") == 0
    source = tmp_path / "source" / "model"
    assert finetune("--lm-weight", "0.5", "-o", tmp_path / "run", model=source) == 2
    assert "it has no language-model head to go on with" in capsys.readouterr().err
    assert finetune("--lm-weight", "0.5", "--freeze-layers", "all", "-o", tmp_path / "run") == 2
    assert "lm_weight trains the encoder, and freeze_layers all keeps it as it is" in capsys.readouterr().err
    assert finetune("--lm-weight", "0.5", "--random-weights", "--steps", "1", "-o", tmp_path / "run") == 0
