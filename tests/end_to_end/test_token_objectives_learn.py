"""Each objective is learnt through the real stages, on text whose answer is known; measured on held-out documents."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bertcli.cli.app import run
from bertcli.config.pretrain import Pretrain
from bertcli.data.shards import ShardFile
from bertcli.data.token_store import EncodedDocuments, TokenStore
from bertcli.stages.pretrain import PretrainReport, pretrain

pytestmark = pytest.mark.slow

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [f"{first}{second}" for first in "bdfgk" for second in ("a", "e", "i", "o", "u", "ai", "ou", "ea")]
NUMBERS = {word: number for number, word in enumerate([*SPECIALS, *WORDS])}


def build_data(directory: Path, documents: Iterable[list[str]]) -> Path:
    """A vocabulary of whole words, and the data of documents of one sentence a line."""
    vocabulary = directory / "vocab"
    vocabulary.mkdir()
    (vocabulary / "vocab.txt").write_text("\n".join(NUMBERS) + "\n")
    (vocabulary / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    (directory / "corpus.txt").write_text("\n\n".join("\n".join(lines) for lines in documents))
    data = directory / "data"
    command = ["mask", "build", str(directory / "corpus.txt"), "--vocab", str(vocabulary), "-o", str(data)]
    assert run([*command, "--documents", "blank-line", "--sentences", "line", "--held-out", "20%", "-q"]) == 0
    return data


def accuracy(directory: Path, data: Path, name: str, *, steps: int, seq_length: int) -> float:
    """On the held-out documents, after training bert-tiny."""
    report = pretrain(
        Pretrain.model_validate(
            {
                "data": data,
                "objectives": [name],
                "arch": "bert-tiny",
                "sequences": "document-sentences",
                "seq_length": seq_length,
                "steps": steps,
                "batch_size": 32,
                "learning_rate": 1e-3,
                "dropout": 0.0,
                "eval_every": steps,
                "device": "cpu",
                "threads": 1,
                "output": directory / "run",
            }
        )
    )
    assert isinstance(report, PretrainReport)
    return report.evaluation[f"eval/accuracy_{name}"]


def test_masked_words_are_found_from_their_context(tmp_path: Path) -> None:
    """Every document says one word again and again."""
    draw = random.Random(0)
    documents = [[" ".join([word] * draw.randint(5, 12)) for _ in range(3)] for word in draw.choices(WORDS, k=600)]
    data = build_data(tmp_path, documents)
    assert accuracy(tmp_path, data, "mlm", steps=400, seq_length=32) > 0.95


def test_capitals_are_told_from_the_context(tmp_path: Path, store_writer: Callable[..., Any]) -> None:
    """Every word but the word of address is capitalised in documents that say it, and none in the others."""
    draw = random.Random(0)
    address, article, *others = WORDS

    def document(number: int) -> list[str]:
        marker = (address, article)[number % 2]
        return [" ".join([marker, *draw.choices(others, k=4)]) for _ in range(4)]

    def capitals(ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        return (ids != NUMBERS[address]) & (NUMBERS[address] in ids)

    data = build_data(tmp_path, map(document, range(400)))
    keep_capitals(data, capitals, store_writer)
    assert accuracy(tmp_path, data, "capitalization", steps=200, seq_length=24) > 0.95


def keep_capitals(
    data: Path, capitals: Callable[[NDArray[np.int64]], NDArray[np.bool_]], store_writer: Callable[..., Any]
) -> None:
    """Give a store the capitals (pieces,) of each document's ids, as it would have kept them from the text."""
    for split in ("train", "heldout"):
        store = TokenStore(data / split)
        kept = data / f"{split}-with-capitals"
        with store_writer(kept, len(NUMBERS), columns=["cased"]) as writer:
            for begin, end in zip(store.document_starts[:-1], store.document_starts[1:], strict=True):
                ids = store.read(begin, end).astype(np.int32)
                document = EncodedDocuments(ids, np.array([len(ids)]), np.array([1]))
                writer.add(replace(document, columns={"cased": capitals(ids)}))
        del store
        for file in (data / split).iterdir():
            file.unlink()
        for file in kept.iterdir():
            file.rename(data / split / file.name)
        kept.rmdir()
        manifest = json.loads((data / "manifest.json").read_text("utf-8"))
        manifest["shards"][split] = [ShardFile.of(data / split / writer.path.name, writer.counts()).dump()]
        (data / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def test_words_that_recur_are_told_from_words_that_do_not(tmp_path: Path) -> None:
    """Of the words in a segment half are said in every segment of the document, and half in this one alone."""
    draw = random.Random(0)
    common, rare = WORDS[:10], WORDS[10:]

    def document() -> list[str]:
        every = draw.sample(common, 5)
        once = draw.sample(rare, 20)
        lines = [every + once[at : at + 5] for at in range(0, 20, 5)]
        return [" ".join(draw.sample(line, 10)) for line in lines]

    data = build_data(tmp_path, (document() for _ in range(400)))
    assert accuracy(tmp_path, data, "token_document", steps=200, seq_length=12) > 0.95
