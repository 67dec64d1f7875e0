"""``bertcli finetune`` on questions: from SQuAD's files to a model that transformers opens, its answers and errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from bertcli.cli.app import run
from bertcli.core.chatter import quiet_transformers

NAMES, PLACES, OTHERS = ("kim", "lee", "ana", "bo"), ("rome", "oslo", "york", "bern"), ("in", "saw", "was", "to", "the")
QUESTIONS = {"who": NAMES, "where": PLACES, "when": ()}

Finetune = Callable[..., int]


@pytest.fixture(scope="module")
def model(make_bert: Callable[..., Path]) -> Path:
    """A checkpoint of hidden size 32 with two layers, without dropout."""
    return make_bert([*NAMES, *PLACES, *OTHERS, *QUESTIONS, "?", "."])


def squad(count: int, seed: int, asked: Sequence[str] = ("who",), words: int = 6) -> dict[str, Any]:
    """Contexts with one name and one place, and questions for them; there is never a time."""
    draw = np.random.default_rng(seed)
    paragraphs = []
    for number in range(count):
        context = [str(word) for word in draw.choice(OTHERS, size=int(draw.integers(3, words)))]
        for group in (NAMES, PLACES):
            context.insert(int(draw.integers(len(context) + 1)), str(draw.choice(group)).title())
        text = " ".join(context) + "."
        questions = []
        for word in asked:
            (answer,) = [one for one in context if one.lower() in QUESTIONS[word]] or [None]
            given = [{"text": answer, "answer_start": text.index(answer)}] if answer else []
            questions.append({"id": f"{seed}-{number}-{word}", "question": f"{word}?", "answers": given})
        paragraphs.append({"context": text, "qas": questions})
    return {"version": "v", "data": [{"title": "t", "paragraphs": paragraphs}]}


def written(path: Path, values: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def squad_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as SQuAD 1.1 is published."""
    folder = tmp_path_factory.mktemp("squad")
    written(folder / "train-v1.1.json", squad(300, seed=1))
    written(folder / "dev-v1.1.json", squad(40, seed=2))
    return folder


@pytest.fixture
def finetune(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Finetune:
    """Runs the command with small defaults in an empty folder; returns the exit code."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path, length: int = 24) -> int:
        given = ["--model", str(model), "--precision", "fp32", "--threads", "1", "--max-length", str(length)]
        return run(["finetune", *given, *map(str, arguments)])

    return call


def read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def read_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def contexts_of(path: Path) -> dict[str, str]:
    paragraphs = read_json(path)["data"][0]["paragraphs"]
    return {question["id"]: paragraph["context"] for paragraph in paragraphs for question in paragraph["qas"]}


def test_a_run_learns_to_answer_and_leaves_everything_that_is_promised(
    finetune: Finetune, squad_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    learn = ("--lr", "3e-3", "--epochs", "4", "--batch-size", "32")
    assert finetune("--task", "squad", "--data", squad_folder, *learn) == 0
    assert "squad on dev, n = 40" in capsys.readouterr().out
    directory = tmp_path / "bertcli-out" / "runs" / "squad"
    result = read_json(directory / "result.json")
    assert list(result["metrics"]) == ["f1", "exact_match"]
    assert (result["primary"], result["n"], result["truncated"]) == ("f1", 40, 0)
    assert result["metrics"]["f1"] > 0.9
    predictions = read_lines(directory / "predictions" / "dev.jsonl")
    assert [list(line) for line in predictions] == [["id", "gold", "pred", "probs"]] * 40
    contexts = contexts_of(squad_folder / "dev-v1.1.json")
    assert all(line["pred"] in contexts[line["id"]] for line in predictions)
    right = sum(line["pred"] in line["gold"] for line in predictions)
    assert result["metrics"]["exact_match"] == pytest.approx(right / 40)
    official = read_json(directory / "predictions" / "dev-predictions.json")
    assert official == {line["id"]: line["pred"] for line in predictions}


def test_transformers_gives_the_same_answers_and_loss(finetune: Finetune, squad_folder: Path, tmp_path: Path) -> None:
    arguments = ("--data", squad_folder, "--steps", "4", "--lr", "1e-3", "-o", tmp_path / "run")
    assert finetune("--task", "question_answering", *arguments) == 0
    with quiet_transformers():
        opened, info = transformers.BertForQuestionAnswering.from_pretrained(
            tmp_path / "run" / "model", output_loading_info=True
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "run" / "model")
    assert not info["missing_keys"] and not info["unexpected_keys"]
    assert opened.config.architectures == ["BertForQuestionAnswering"]
    ours = {line["id"]: line for line in read_lines(tmp_path / "run" / "predictions" / "dev.jsonl")}
    losses = []
    for paragraph in read_json(squad_folder / "dev-v1.1.json")["data"][0]["paragraphs"]:
        for question in paragraph["qas"]:
            context, (answer,) = paragraph["context"], question["answers"]
            encoded = tokenizer(question["question"], context, return_tensors="pt", return_offsets_mapping=True)
            places = encoded.pop("offset_mapping")[0].tolist()
            in_context = [number == 1 for number in encoded.sequence_ids(0)]
            at = [begin == answer["answer_start"] and of for (begin, _), of in zip(places, in_context, strict=True)]
            position = torch.tensor([at.index(True)])
            with torch.no_grad():
                outputs = opened.eval()(**encoded, start_positions=position, end_positions=position)
            losses.append(float(outputs.loss))
            positions = [number for number, of in enumerate(in_context) if of]
            score, text = max(
                (
                    float(outputs.start_logits[0, first] + outputs.end_logits[0, last]),
                    context[places[first][0] : places[last][1]],
                )
                for first in positions
                for last in positions
                if first <= last
            )
            assert ours[question["id"]]["pred"] == text, score
    (evaluated,) = [line for line in read_lines(tmp_path / "run" / "metrics.jsonl") if "eval/loss" in line]
    assert evaluated["eval/loss"] == pytest.approx(np.mean(losses), abs=1e-5)


def test_questions_without_an_answer_are_scored_apart(finetune: Finetune, tmp_path: Path) -> None:
    train = written(tmp_path / "train-v2.0.json", squad(20, seed=1, asked=("who", "when")))
    dev = written(tmp_path / "dev-v2.0.json", squad(10, seed=2, asked=("who", "when")))
    assert finetune("--task", "squad_v2", "--train", train, "--dev", dev, "--steps", "3", "-o", "run") == 0
    metrics = read_json(tmp_path / "run" / "result.json")["metrics"]
    assert list(metrics) == [
        "f1",
        "exact_match",
        "has_answer_f1",
        "has_answer_exact_match",
        "no_answer_accuracy",
        "best_f1",
        "best_exact_match",
        "best_f1_threshold",
    ]
    assert metrics["f1"] == pytest.approx((metrics["has_answer_f1"] + metrics["no_answer_accuracy"]) / 2)
    assert metrics["best_f1"] >= metrics["f1"]
    predictions = read_lines(tmp_path / "run" / "predictions" / "dev.jsonl")
    assert [list(line) for line in predictions] == [["id", "gold", "pred", "probs", "score"]] * 20
    assert [line["gold"] == [] for line in predictions] == [False, True] * 10
    assert all((line["pred"] == "") == (line["score"] > 0) for line in predictions)


def test_a_threshold_is_no_share_of_anything(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = written(tmp_path / "train.json", squad(10, seed=1, asked=("who", "when")))
    assert finetune("--task", "squad_v2", "--train", train, "--dev", train, "--steps", "1", "-o", "run") == 0
    threshold = read_json(tmp_path / "run" / "result.json")["metrics"]["best_f1_threshold"]
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["best_f1_threshold", f"{threshold:.4g}"] in rows


def test_long_contexts_are_read_in_windows_and_counted_once(finetune: Finetune, tmp_path: Path) -> None:
    train = written(tmp_path / "train.json", squad(10, seed=1, words=12))
    dev = written(tmp_path / "dev.json", squad(10, seed=2, words=12))
    rows = ("--task", "question_answering", "--train", train, "--dev", dev, "--steps", "2", "-o", "run")
    assert finetune(*rows, "--set", "task_settings.stride=2", length=10) == 0
    assert read_json(tmp_path / "run" / "result.json")["n"] == 10
    predictions = read_lines(tmp_path / "run" / "predictions" / "dev.jsonl")
    contexts = contexts_of(dev)
    assert [line["id"] for line in predictions] == list(contexts)
    assert all(line["pred"] in contexts[line["id"]] for line in predictions)


def test_a_test_split_without_answers_is_predicted(finetune: Finetune, squad_folder: Path, tmp_path: Path) -> None:
    values = squad(3, seed=3)
    for paragraph in values["data"][0]["paragraphs"]:
        for question in paragraph["qas"]:
            del question["answers"]
    test = written(tmp_path / "test.json", values)
    assert finetune("--task", "squad", "--data", squad_folder, "--test", test, "--steps", "1", "-o", "run") == 0
    predictions = read_lines(tmp_path / "run" / "predictions" / "test.jsonl")
    assert [line["gold"] for line in predictions] == [None] * 3
    official = read_json(tmp_path / "run" / "predictions" / "test-predictions.json")
    assert official == {line["id"]: line["pred"] for line in predictions}
    assert not (tmp_path / "run" / "result-test.json").exists()


def test_the_plan_shows_question_and_context(
    finetune: Finetune, squad_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--task", "squad", "--data", squad_folder, "--dry-run") == 0
    shown = capsys.readouterr().out
    assert "train 300, dev 40" in shown
    assert "[CLS] who ? [SEP]" in shown
    assert "numbers" not in shown


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        (
            {"answer_start": 1},
            "train.json:11: question '1-0-who': the answer 'Bo' does not stand at character 1 of the context",
            "takes answers from the nearest place",
        ),
        ({"text": "Tom"}, "the answer 'Tom' does not stand at character", "it stands nowhere in it"),
        ({"text": ""}, "question '1-0-who': an answer has no text", None),
    ],
)
def test_an_answer_that_does_not_match_its_context_names_file_line_and_question(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Any, message: str, hint: str | None
) -> None:
    values = squad(3, seed=1)
    values["data"][0]["paragraphs"][0]["qas"][0]["answers"][0] |= change
    train = written(tmp_path / "train.json", values)
    assert finetune("--task", "squad", "--train", train, "-o", "run") == 2
    told = capsys.readouterr().err
    assert message in told
    assert hint is None or hint in told
    assert not (tmp_path / "run").exists()


def test_a_question_without_an_answer_in_squad_1_1_is_an_error(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = written(tmp_path / "train.json", squad(3, seed=1, asked=("who", "when")))
    assert finetune("--task", "squad", "--train", train) == 2
    told = capsys.readouterr().err
    assert "question '1-0-when' has no answer" in told
    assert "--set task_settings.no_answer=true" in told


def test_a_file_without_questions_is_an_error(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = written(tmp_path / "train.json", {"data": []})
    assert finetune("--task", "squad", "--train", train) == 2
    assert "train.json: the file has no questions" in capsys.readouterr().err


def test_a_threshold_on_a_score_of_questions_without_an_answer_is_known(finetune: Finetune, tmp_path: Path) -> None:
    train = written(tmp_path / "train.json", squad(12, seed=1, asked=("who", "when")))
    arguments = ("--task", "squad_v2", "--train", train, "--dev", train, "--dry-run")
    assert finetune(*arguments, "--fail-under", "best_f1=0.1") == 0
    assert finetune(*arguments, "--fail-under", "no_answer_accuracy=0.1") == 0
    assert finetune(*arguments, "--fail-under", "best=0.1") == 2


def test_own_files_have_answers_by_id_as_squad_has(finetune: Finetune, squad_folder: Path, tmp_path: Path) -> None:
    train, dev = squad_folder / "train-v1.1.json", squad_folder / "dev-v1.1.json"
    arguments = ("--train", train, "--dev", dev, "--test", dev, "--steps", "1", "-o", "run")
    assert finetune("--task", "question_answering", *arguments) == 0
    for split in ("dev", "test"):
        predictions = read_lines(tmp_path / "run" / "predictions" / f"{split}.jsonl")
        official = read_json(tmp_path / "run" / "predictions" / f"{split}-predictions.json")
        assert official == {line["id"]: line["pred"] for line in predictions}
