"""``bertcli finetune`` on tagged words: from column files to a model that transformers opens, its scores and errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from bertcli.cli.app import run
from bertcli.core.chatter import quiet_transformers

NAMES, PLACES, OTHERS = (
    ("kim", "lee", "ana"),
    ("rome", "oslo", "new", "york"),
    ("in", "saw", "the", "was", "went", "to"),
)

Sentence = list[tuple[str, str]]
Finetune = Callable[..., int]


@pytest.fixture(scope="module")
def model(make_bert: Callable[..., Path]) -> Path:
    """A checkpoint of hidden size 32 with two layers, without dropout, that cuts ``york`` into two pieces."""
    return make_bert([*NAMES, *PLACES[:-1], "yo", "##rk", *OTHERS])


@pytest.fixture
def finetune(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Finetune:
    """Runs the command with small defaults in an empty folder; returns the exit code."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path) -> int:
        given = ["--model", str(model), "--precision", "fp32", "--threads", "1", "--max-length", "16"]
        return run(["finetune", *given, *map(str, arguments)])

    return call


def sentences(count: int, seed: int) -> list[Sentence]:
    """Sentences of three to eight words, in which names are persons and towns are places."""
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        sentence: Sentence = []
        for _ in range(int(draw.integers(3, 7))):
            kind = int(draw.integers(4))
            if kind == 0:
                sentence.append((str(draw.choice(NAMES)), "B-per"))
            elif kind == 1:
                sentence += [("new", "B-loc"), ("york", "I-loc")]
            elif kind == 2:
                sentence.append((str(draw.choice(PLACES[:2])), "B-loc"))
            else:
                sentence.append((str(draw.choice(OTHERS)), "O"))
        found.append(sentence)
    return found


def write_columns(path: Path, found: list[Sentence], *, tagged: bool = True) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ("".join(f"{word}\t{tag}\n" if tagged else f"{word}\n" for word, tag in one) + "\n" for one in found)
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tagged")
    for name, count, seed in (("train", 120, 1), ("dev", 30, 2), ("test", 10, 3)):
        write_columns(directory / f"{name}.conll", sentences(count, seed))
    return directory


def read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def read_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


LEARN = ("--lr", "3e-3", "--epochs", "6", "--batch-size", "16")


def test_a_run_learns_and_transformers_opens_its_model(finetune: Finetune, folder: Path, tmp_path: Path) -> None:
    assert finetune("--task", "tagging", "--data", folder, *LEARN, "-o", tmp_path / "run") == 0
    result = read_json(tmp_path / "run" / "result.json")
    assert (result["primary"], result["split"], result["n"], result["truncated"]) == ("f1", "dev", 30, 0)
    assert list(result["metrics"])[:5] == ["f1", "precision", "recall", "accuracy", "f1_loc"]
    assert result["metrics"]["f1"] > 0.95
    predictions = read_lines(tmp_path / "run" / "predictions" / "dev.jsonl")
    gold = sentences(30, seed=2)
    assert [line["gold"] for line in predictions] == [[tag for _, tag in sentence] for sentence in gold]
    words = [len(line["pred"]) for line in predictions]
    assert words == list(map(len, gold))
    right = sum(g == p for line in predictions for g, p in zip(line["gold"], line["pred"], strict=True))
    assert result["metrics"]["accuracy"] == pytest.approx(right / sum(words))
    assert read_json(tmp_path / "run" / "result-test.json")["n"] == 10

    with quiet_transformers():
        opened = transformers.AutoModelForTokenClassification.from_pretrained(tmp_path / "run" / "model").eval()
        tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "run" / "model")
    assert type(opened).__name__ == "BertForTokenClassification"
    assert opened.config.id2label == {0: "O", 1: "B-loc", 2: "I-loc", 3: "B-per", 4: "I-per"}
    theirs = tokenizer([[word for word, _ in sentence] for sentence in gold], is_split_into_words=True)
    for row, line in enumerate(predictions):
        owners = theirs.word_ids(row)
        firsts = [at for at, owner in enumerate(owners) if owner is not None and owner != owners[at - 1]]
        with torch.no_grad():
            logits = opened(input_ids=torch.tensor([theirs["input_ids"][row]])).logits[0, firsts]
        assert [opened.config.id2label[number] for number in logits.argmax(-1).tolist()] == line["pred"]


def test_nothing_of_a_long_sentence_is_cut(
    finetune: Finetune, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # More words than the model has positions
    long = write_columns(tmp_path / "dev.conll", [[pair for one in sentences(20, seed=4) for pair in one]])
    given = ("--train", folder / "train.conll", "--dev", long, *LEARN, "-o", tmp_path / "run")
    assert finetune("--task", "tagging", *given) == 0
    assert "lose" not in error_of(capsys)
    (line,) = read_lines(tmp_path / "run" / "predictions" / "dev.jsonl")
    assert len(line["pred"]) == len(line["gold"]) > 32
    result = read_json(tmp_path / "run" / "result.json")
    assert result["truncated"] == 0
    assert result["metrics"]["f1"] > 0.9


def test_a_preset_writes_the_columns_that_conlleval_reads(finetune: Finetune, tmp_path: Path) -> None:
    renamed = {"B-per": "B-PER", "B-loc": "B-LOC", "I-loc": "I-LOC", "O": "O"}
    for name, seed in (("train", 1), ("dev", 2), ("test", 3)):
        found = [[(word, renamed[tag]) for word, tag in one] for one in sentences(12, seed)]
        write_columns(tmp_path / "data" / f"{name}.txt", found)
    given = ("--task", "conll2003", "--data", tmp_path / "data", "--steps", "2", "-o", tmp_path / "run")
    assert finetune(*given) == 0
    lines = (tmp_path / "run" / "predictions" / "conll2003.conll").read_text().splitlines()
    words = [word for one in sentences(12, seed=3) for word, _ in [*one, ("", "")]]
    assert [line.split(" ")[0] for line in lines] == words
    assert {len(line.split(" ")) for line in lines if line} == {3}
    config = read_json(tmp_path / "run" / "model" / "config.json")
    assert config["id2label"]["7"] == "B-MISC"  # the Hub's numbering, also of types that are not there


def test_parts_of_speech_of_conllu_are_compared_by_accuracy(finetune: Finetune, tmp_path: Path) -> None:
    def conllu(name: str, seed: int) -> None:
        rest = "\t".join("_" * 6)
        rows = (
            "".join(f"{at}\t{word}\t_\t{tag[-3:].upper()}\t{rest}\n" for at, (word, tag) in enumerate(one, start=1))
            for one in sentences(20, seed)
        )
        (tmp_path / f"en_ewt-ud-{name}.conllu").write_text("\n".join(rows), encoding="utf-8")

    conllu("train", 1)
    conllu("dev", 2)
    assert finetune("--task", "ud_pos", "--data", tmp_path, *LEARN, "-o", tmp_path / "run") == 0
    result = read_json(tmp_path / "run" / "result.json")
    assert (result["primary"], list(result["metrics"])) == ("accuracy", ["accuracy", "macro_f1"])
    assert result["metrics"]["accuracy"] > 0.95
    assert set(read_json(tmp_path / "run" / "model" / "config.json")["label2id"]) == {"O", "PER", "LOC"}


def test_columns_are_chosen_by_flags(finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "".join(f"{tag} {word} x\n" for word, tag in sentences(1, seed=1)[0])
    path = tmp_path / "train.conll"
    path.write_text(f"{text}\n{text}")
    given = ("--task", "tagging", "--train", path, "--dev", path, "--dry-run", "--json")
    assert finetune(*given, "--text-column", "2", "--label-column", "-3") == 0
    assert json.loads(capsys.readouterr().out)["labels"][0] == "O"
    assert finetune(*given, "--text-column", "4") == 2
    message = error_of(capsys)
    assert f"error: {path}:1: no column '4'" in message
    assert "hint: columns are numbered from 1 to 3, or from -1 backwards; choose with --text-column" in message


GOOD = "kim\tB-per\nsaw\tO\n"


@pytest.mark.parametrize(
    ("name", "content", "message", "hint"),
    [
        ("dev.conll", "kim\tB-per\nsaw\n", "dev.conll:2: 1 column on this line, expected 2", "a blank line ends"),
        ("dev.conll", "kim\tB-org\n", "dev.conll:1: the training split has no tag 'B-org'", "known tags: B-per, I-per"),
        ("dev.conll", "kim\tO\n\tO\n", "dev.conll:2: an empty word", None),
        ("dev.conll", "\n", "dev.conll: there is no sentence in the file", None),
        ("dev.conll", "kim\nsaw\n", "dev.conll:1: there is a single column, and no tags", "behind a space or a TAB"),
        ("dev.jsonl", '{"tokens": ["kim"], "tags": []}\n', "dev.jsonl:1: 1 words and 0 tags, expected one for", None),
        ("dev.jsonl", '{"tokens": ["", "a"], "tags": ["O", "O"]}\n', "dev.jsonl:1: word 1 of 2 is empty", None),
        ("dev.jsonl", "", "dev.jsonl: the table is empty", None),
        ("dev.csv", "kim,O\n", "dev.csv: a CSV file has no sentences of tagged words", "known: .conll, .conllu"),
    ],
)
def test_wrong_files_are_exit_2_with_file_and_line(
    finetune: Finetune,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: str,
    message: str,
    hint: str | None,
) -> None:
    (tmp_path / "train.conll").write_text(GOOD)
    (tmp_path / name).write_text(content)
    assert finetune("--task", "tagging", "--train", "train.conll", "--dev", name) == 2
    said = error_of(capsys)
    assert f"error: {message}" in said
    assert hint is None or hint in said
    assert not (tmp_path / "bertcli-out").exists()


def test_a_training_split_of_one_tag_is_exit_2(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "train.conll").write_text("kim\tO\nsaw\tO\n")
    assert finetune("--task", "tagging", "--train", "train.conll") == 2
    assert "error: train.conll: every word of the training split has the tag 'O'" in error_of(capsys)


@pytest.mark.parametrize("metric", ["f1", "f1_loc", "accuracy"])
def test_a_threshold_on_a_score_of_entities_is_known(
    finetune: Finetune, folder: Path, capsys: pytest.CaptureFixture[str], metric: str
) -> None:
    assert finetune("--task", "tagging", "--data", folder, "--fail-under", f"{metric}=0.1", "--dry-run") == 0
    assert finetune("--task", "tagging", "--data", folder, "--fail-under", "f1_org=0.1", "--dry-run") == 2
    assert "--fail-under f1_org: there is no such metric here" in error_of(capsys)


def test_significance_scores_parts_of_speech_as_the_run_did(
    finetune: Finetune, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = write_columns(tmp_path / "train.conll", [[("kim", "NOUN"), ("saw", "VERB"), ("the", "DET")]])
    dev = write_columns(tmp_path / "dev.conll", [[("ana", "NOUN"), ("saw", "VERB")]])
    assert finetune("--task", "tagging", "--train", train, "--dev", dev, "--steps", "1", "-o", "run") == 0
    capsys.readouterr()
    assert run(["significance", "run", "run", "--metric", "macro_f1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["mean_a"] == read_json(tmp_path / "run" / "result.json")["metrics"]["macro_f1"]


def test_every_seed_is_a_run_that_significance_reads(
    finetune: Finetune, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert finetune("--task", "tagging", "--data", folder, "--steps", "1", "--seeds", "2", "-o", "run") == 0
    assert run(["significance", "run/seed-0", "run/seed-1", "--samples", "100"]) == 0
    assert run(["significance", "run", "run", "--samples", "100"]) == 0
    settled = {"scheme": "iob2", "types": ["loc", "per"]}
    assert [read_json(tmp_path / name / "task.json") for name in ("run", "run/seed-1")] == [settled, settled]


def test_every_split_has_columns_that_conlleval_reads(finetune: Finetune, folder: Path, tmp_path: Path) -> None:
    assert finetune("--task", "tagging", "--data", folder, "--steps", "1", "-o", "run") == 0
    for name, count, seed in (("dev", 30, 2), ("test", 10, 3)):
        predicted = read_lines(tmp_path / "run" / "predictions" / f"{name}.jsonl")
        expected = [
            "".join(f"{word} {tag} {found}\n" for (word, tag), found in zip(sentence, line["pred"], strict=True)) + "\n"
            for sentence, line in zip(sentences(count, seed), predicted, strict=True)
        ]
        assert (tmp_path / "run" / "predictions" / f"{name}.conll").read_text("utf-8") == "".join(expected)


def test_a_preset_has_columns_of_its_dev_split_too(finetune: Finetune, tmp_path: Path) -> None:
    found = [[("kim", "B-PER"), ("saw", "O"), ("rome", "B-LOC")]]
    for name in ("train", "dev", "test"):
        write_columns(tmp_path / "data" / f"{name}.conll", found)
    assert finetune("--task", "conll2003", "--data", "data", "--steps", "1", "-o", "run") == 0
    names = {path.name for path in (tmp_path / "run" / "predictions").iterdir()}
    assert names == {"dev.jsonl", "dev.conll", "test.jsonl", "conll2003.conll"}


def test_without_text_there_are_no_columns_of_words(finetune: Finetune, folder: Path, tmp_path: Path) -> None:
    assert finetune("--task", "tagging", "--data", folder, "--steps", "1", "--no-text", "-o", "run") == 0
    assert {path.name for path in (tmp_path / "run" / "predictions").iterdir()} == {"dev.jsonl", "test.jsonl"}
