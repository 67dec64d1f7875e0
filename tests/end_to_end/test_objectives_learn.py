"""Each objective learns what a corpus was written to teach: held-out documents are answered almost without fault.

A row of the table is an objective, a maker of its corpus and what its run is told. A corpus is documents of
sentences of words; the vocabulary is exactly these words. Guessing would be right half the time or less.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from bertcli.cli.app import run
from bertcli.text.document_hash import document_hash

Document = list[str]
"""Sentences."""

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
TOPICS = ("apple", "bread", "cheese", "date", "egg")
OTHERS = ("red", "green", "blue", "black", "white", "yellow", "brown", "grey")


@dataclass(frozen=True)
class Lesson:
    """What is to be learned from which documents, and how."""

    objective: str
    documents: Callable[[], list[Document]]
    arguments: tuple[object, ...] = ()
    building: tuple[object, ...] = ()
    accuracy: float = 0.95


def ordered_sentences() -> list[Document]:
    """Sentences that say which they are in their document, of any topic."""
    draw = random.Random(0)
    return [[f"{ordinal} {draw.choice(OTHERS)} {draw.choice(TOPICS)}" for ordinal in ORDINALS] for _ in range(400)]


def documents_on_topics(write: Callable[[str, random.Random], Document]) -> list[Document]:
    """Two documents on each topic, one of which is held out: another document is always on another topic."""
    documents = []
    for number, topic in enumerate(TOPICS):
        sides: dict[bool, Document] = {}
        draw = random.Random(number)
        while len(sides) < 2:
            document = write(topic, draw)
            sides[document_hash("\n".join(document)) < 2**63] = document
        documents += sides.values()
    return documents


def sentences_on_topics() -> list[Document]:
    """Every sentence names the topic of its document."""
    return documents_on_topics(lambda topic, draw: [f"{topic} {topic} {draw.choice(OTHERS)}" for _ in range(40)])


def ordered_sentences_on_topics() -> list[Document]:
    """Every sentence names the topic of its document, and says which it is."""
    return documents_on_topics(
        lambda topic, draw: [f"{ordinal} {topic} {topic} {draw.choice(OTHERS)}" for ordinal in ORDINALS]
    )


SYLLABLES = [f"{first}{second}" for first in "bdfgk" for second in ("a", "e", "i", "o", "u", "ai", "ou", "ea")]


def one_word_each() -> list[Document]:
    """Every document says one word again and again."""
    draw = random.Random(0)
    return [[" ".join([word] * draw.randint(5, 12)) for _ in range(3)] for word in draw.choices(SYLLABLES, k=600)]


def forms_of_address() -> list[Document]:
    """Every word but the one of address is capitalised in documents that say it, and none in the others."""
    draw = random.Random(0)
    address, article, *others = SYLLABLES

    def sentence(is_address: bool) -> str:
        words = draw.choices(others, k=4)
        return " ".join([address, *map(str.capitalize, words)] if is_address else [article, *words])

    return [[sentence(number % 2 == 0) for _ in range(4)] for number in range(400)]


def words_that_recur() -> list[Document]:
    """Of the words of a sentence half are said in every sentence of the document, and half in this one alone."""
    draw = random.Random(0)
    common, rare = SYLLABLES[:10], SYLLABLES[10:]

    def document() -> Document:
        every, once = draw.sample(common, 5), draw.sample(rare, 20)
        lines = [every + once[at : at + 5] for at in range(0, 20, 5)]
        return [" ".join(draw.sample(line, 10)) for line in lines]

    return [document() for _ in range(400)]


ALONE = ("--sequences", "document-sentences", "--batch-size", 32, "--lr", 1e-3)
PAIRS = ("--sequences", "sentence-pairs", "--seq-length", 16)
LESSONS = (
    Lesson("mlm", one_word_each, (*ALONE, "--seq-length", 32, "--steps", 400)),
    Lesson("capitalization", forms_of_address, (*ALONE, "--seq-length", 24, "--steps", 200), ("--capitals",)),
    Lesson("token-document", words_that_recur, (*ALONE, "--seq-length", 12, "--steps", 200)),
    Lesson("nsp", sentences_on_topics, (*PAIRS, "--lr", 1e-3, "--steps", 300)),
    Lesson("sop", ordered_sentences, (*PAIRS, "--lr", 1e-3, "--steps", 200)),
    Lesson(
        "sentence-distance",
        ordered_sentences_on_topics,
        (*PAIRS, "--lr", 5e-4, "--batch-size", 64, "--steps", 600),
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.objective)
def test_an_objective_learns_what_there_is_to_learn(
    lesson: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    documents = lesson.documents()
    Path("corpus.txt").write_text("\n\n".join("\n".join(document) for document in documents) + "\n")
    words = sorted({word.lower() for document in documents for sentence in document for word in sentence.split()})
    Path("vocab").mkdir()
    Path("vocab/vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]) + "\n")
    build = "mask build corpus.txt --vocab vocab --documents blank-line --sentences line --held-out 0.5 -o data"
    assert run([*build.split(), *map(str, lesson.building)]) == 0
    arguments = ("pretrain", f"--{lesson.objective}", "--data", "data", "--arch", "bert-tiny", "--dropout", 0)
    arguments += ("--threads", 1, "--eval-every", 100, "--quiet", *lesson.arguments)
    capsys.readouterr()
    assert run([*map(str, arguments), "-o", "run", "--json"]) == 0
    evaluation = json.loads(capsys.readouterr().out)["evaluation"]
    assert evaluation[f"eval/accuracy_{lesson.objective.replace('-', '_')}"] >= lesson.accuracy
