"""The tasks of ``finetune.py``: where their files lie, what an example is, and how predictions are scored.

Every contestant gets the same files, which are written here, and every prediction goes through the same scorer.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import random
import re
import string
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Example = dict[str, Any]
"""``text``, perhaps ``pair``, and ``label``; or ``words`` and ``tags``; or a question in the form of SQuAD, flat."""


@dataclass(frozen=True)
class Task:
    """One data set. ``bertcli`` is what ``bertcli finetune --task`` knows it by."""

    kind: str
    bertcli: str
    read: Callable[[Path], list[Example]]
    write: Callable[[list[Example], Path], None]
    score: Callable[[list[Example], list[Any]], dict[str, float]]
    suffix: str
    max_length: int = 128


def splits(task: Task, directory: Path) -> tuple[list[Example], list[Example]]:
    """Training and dev examples; where a folder has no training split, the two halves of its dev split."""
    train, dev = _file(directory, "train"), _file(directory, "dev")
    if dev is None:
        sys.exit(f"no dev.* in {directory}")
    return (task.read(train), task.read(dev)) if train else _halves(task.read(dev))


def some(examples: list[Example], most: int | None) -> list[Example]:
    """At most so many of them, always the same ones, in their order."""
    if most is None or most >= len(examples):
        return examples
    return [examples[row] for row in sorted(random.Random(0).sample(range(len(examples)), most))]


def _file(directory: Path, split: str) -> Path | None:
    return min(directory.glob(f"{split}.*"), default=None)


def _halves(examples: list[Example]) -> tuple[list[Example], list[Example]]:
    """Two halves that share no first text, by its hash."""
    texts = sorted({example["text"] for example in examples}, key=lambda text: hashlib.sha256(text.encode()).digest())
    first = set(texts[: len(texts) // 2])
    halves: tuple[list[Example], list[Example]] = ([], [])
    for example in examples:
        halves[example["text"] not in first].append(example)
    return halves


def _text_of(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8").replace("\r\n", "\n")


def _rows(path: Path) -> list[dict[str, str]]:
    lines = io.StringIO(_text_of(path), newline="\n")
    if ".jsonl" in path.suffixes:
        return [json.loads(line) for line in lines]
    if ".csv" in path.suffixes:
        return list(csv.DictReader(lines))
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))  # GLUE's quotes are text


def classification(
    name: str,
    *,
    text: str = "text",
    pair: str | None = None,
    labels: dict[str, str] | None = None,
    max_length: int = 128,
) -> Task:
    """Texts or pairs with a label, in a table with these columns; ``labels`` names those that files write otherwise."""

    def read(path: Path) -> list[Example]:
        return [
            {"text": row[text], "label": (labels or {}).get(row["label"], row["label"])}
            | ({"pair": row[pair]} if pair else {})
            for row in _rows(path)
        ]

    def write(examples: list[Example], path: Path) -> None:
        columns = {"text": text, "pair": pair, "label": "label"}
        rows = ({columns[key]: value for key, value in example.items()} for example in examples)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

    return Task("classification", name, read, write, _accuracy, ".jsonl", max_length)


def tagging(name: str, *, word: int, tag: int, suffix: str, score: Callable[..., dict[str, float]]) -> Task:
    """Words with a tag each, a line a word and a blank line behind each sentence; columns counted from 0."""

    def read(path: Path) -> list[Example]:
        blocks = re.split(r"\n(?:[ \t]*\n)+", _text_of(path).strip("\n"))
        return [sentence(block.split("\n")) for block in blocks]

    def sentence(block: list[str]) -> Example:
        rows = [line.split("\t") for line in block if not (suffix == ".conllu" and line.startswith("#"))]
        if suffix == ".conllu":
            rows = [row for row in rows if row[0].isdigit()]  # neither ranges of multi-word tokens nor empty nodes
        return {"words": [row[word] for row in rows], "tags": [row[tag] for row in rows], "block": "\n".join(block)}

    def write(examples: list[Example], path: Path) -> None:
        path.write_text("".join(example["block"] + "\n\n" for example in examples), "utf-8")

    return Task("tagging", name, read, write, score, suffix)


def questions(name: str) -> Task:
    """Questions whose answer is a span of a context, in the form of SQuAD."""

    def read(path: Path) -> list[Example]:
        return [
            {
                "id": item["id"],
                "question": item["question"],
                "context": paragraph["context"],
                "answers": item["answers"],
            }
            for article in json.loads(_text_of(path))["data"]
            for paragraph in article["paragraphs"]
            for item in paragraph["qas"]
        ]

    def write(examples: list[Example], path: Path) -> None:
        paragraphs: dict[str, list[Example]] = {}
        for example in examples:
            item = {key: example[key] for key in ("id", "question", "answers")}
            paragraphs.setdefault(example["context"], []).append(item)
        article = [{"context": context, "qas": items} for context, items in paragraphs.items()]
        path.write_text(json.dumps({"version": "1.1", "data": [{"title": "", "paragraphs": article}]}), "utf-8")

    return Task("questions", name, read, write, _squad, ".json", max_length=384)


def _accuracy(examples: list[Example], predicted: list[str]) -> dict[str, float]:
    right = sum(example["label"] == label for example, label in zip(examples, predicted, strict=True))
    return {"accuracy": right / len(examples)}


def _accuracy_of_words(examples: list[Example], predicted: list[list[str]]) -> dict[str, float]:
    """Over all words of the file; one that was cut off counts as wrong."""
    pairs = [
        pair
        for example, tags in zip(examples, predicted, strict=True)
        for pair in zip(example["tags"], tags, strict=True)
    ]
    return {"accuracy": sum(gold == tag for gold, tag in pairs) / len(pairs)}


def _f1_of_entities(examples: list[Example], predicted: list[list[str]]) -> dict[str, float]:
    """Exact spans with their type, all types together, as conlleval and seqeval count them."""
    gold = {(row, *span) for row, example in enumerate(examples) for span in _entities(example["tags"])}
    found = {(row, *span) for row, tags in enumerate(predicted) for span in _entities(tags)}
    right = len(gold & found)
    return {"f1": 2 * right / max(1, len(gold) + len(found))}


def _entities(tags: list[str]) -> Iterator[tuple[int, int, str]]:
    """Start, end and type. ``I-`` of another type than the tag before it begins an entity, as in conlleval."""
    start, kind = 0, ""
    for position, tag in enumerate([*tags, "O"]):
        prefix, _, now = tag.partition("-")
        if kind and (prefix != "I" or now != kind):
            yield start, position, kind
            kind = ""
        if prefix in ("B", "I") and not kind:
            start, kind = position, now


def _squad(examples: list[Example], predicted: list[str]) -> dict[str, float]:
    """Exact match and F1 of words, the best over all answers (Rajpurkar et al. 2016, ``evaluate-v1.1.py``)."""
    exact, f1 = 0.0, 0.0
    for example, text in zip(examples, predicted, strict=True):
        answers = [_normalised(answer["text"]) for answer in example["answers"]]
        exact += max(float(answer == _normalised(text)) for answer in answers)
        f1 += max(_overlap(answer.split(), _normalised(text).split()) for answer in answers)
    return {"exact_match": exact / len(examples), "f1": f1 / len(examples)}


def _normalised(text: str) -> str:
    kept = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())


def _overlap(gold: list[str], found: list[str]) -> float:
    shared = sum((Counter(gold) & Counter(found)).values())
    return 2 * shared / (len(gold) + len(found)) if shared else 0.0


TASKS = {
    "sst2": classification("sst2", text="sentence", labels={"0": "negative", "1": "positive"}),
    "qnli": classification("qnli", text="question", pair="sentence"),
    "rt_polarity": classification("classification"),
    "movie_reviews": classification("classification", max_length=512),
    "wnut17": tagging("wnut17", word=0, tag=1, suffix=".conll", score=_f1_of_entities),
    "ud_pos": tagging("ud_pos", word=1, tag=3, suffix=".conllu", score=_accuracy_of_words),
    "squad": questions("squad"),
}
