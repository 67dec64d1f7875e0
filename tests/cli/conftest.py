"""Small corpora, vocabularies and data for the commands, and a way to run one as the shell does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from bertcli.cli.app import run
from bertcli.core.chatter import quiet_transformers

SENTENCES = (
    "The quick brown fox jumps over the lazy dog.",
    "A model reads text and learns what follows.",
    "Rain fell on the hills and the river rose.",
    "She wrote a letter to the keeper of the light.",
    "Numbers are only as good as the way they were measured.",
)


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    def json(self):
        return json.loads(self.out)


@pytest.fixture
def bertcli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """``bertcli("mask", "build", …)`` in this process."""

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


def write_corpus(path: Path, documents: int = 60) -> Path:
    texts = [
        "\n".join(SENTENCES[(number + line) % 5] for line in range(2 + number % 4)) + f"\nThis is number {number}."
        for number in range(documents)
    ]
    path.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def make_bert(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``make_bert(words, seed=…, **config)``: a checkpoint of width 32 with two layers and no dropout."""

    def make(words: Sequence[str], *, seed: int = 1234, **config: Any) -> Path:
        directory = tmp_path_factory.mktemp("model")
        pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
        (directory / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
        (directory / "tokenizer_config.json").write_text('{"do_lower_case": true}', encoding="utf-8")
        usual = {
            "max_position_embeddings": 32,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 64,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        }
        torch.manual_seed(seed)
        model = transformers.BertForPreTraining(transformers.BertConfig(vocab_size=len(pieces), **usual | config))
        with quiet_transformers():
            model.save_pretrained(directory)
        return directory

    return make


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``corpus.txt``, ``bertcli-out/vocab`` and ``bertcli-out/data``."""
    directory = tmp_path_factory.mktemp("prepared")
    write_corpus(directory / "corpus.txt")
    out = directory / "bertcli-out"
    assert run(["vocab", "build", str(directory / "corpus.txt"), "--size", "200", "-o", str(out / "vocab")]) == 0
    build = ["mask", "build", str(directory / "corpus.txt"), "--vocab", str(out / "vocab"), "-o", str(out / "data")]
    assert run(build) == 0
    return directory


@pytest.fixture
def workplace(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of ``prepared``, as the current directory."""
    directory = tmp_path / "workplace"
    shutil.copytree(prepared, directory)
    monkeypatch.chdir(directory)
    return directory
