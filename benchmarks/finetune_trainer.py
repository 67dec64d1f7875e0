"""The other contestant of ``finetune.py``: transformers' ``Trainer`` as its example scripts set it up, one training.

Classification as ``run_glue.py``, tagging as ``run_ner.py`` (the label on a word's first piece), questions as
``run_qa.py`` (windows of 384 with a stride of 128, padded to full length, 20 best, answers of 30 pieces at most).
Batches are padded to their longest sequence but for questions, whose example pads to full length. Whatever is not
named here is as ``TrainingArguments`` has it: fp32, AdamW without decay, a linear schedule, batches drawn at random,
clipping at 1. No checkpoints are written: a gift of time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from finetune_tasks import TASKS, Example
from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    default_data_collator,
    set_seed,
)

STRIDE, BEST, LONGEST_ANSWER = 128, 20, 30
"""Pieces that neighbouring windows share, likeliest ends that are looked at, and pieces of an answer."""


@dataclass(frozen=True)
class Prepared:
    """What differs between kinds of task. ``decode`` turns logits of ``dev`` into one prediction an example."""

    train: Dataset
    dev: Dataset
    model: Any
    collator: Any
    decode: Any


def main() -> None:
    """Train, predict, and write what is asked for."""
    arguments = parse()
    task = TASKS[arguments.task]
    set_seed(arguments.seed)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    train, dev = task.read(arguments.train), task.read(arguments.dev)
    prepared = KINDS[task.kind](arguments, tokenizer, train, dev)
    clock = Clock()
    with tempfile.TemporaryDirectory() as scratch:
        trainer = Trainer(
            model=prepared.model,
            args=settings(arguments, scratch),
            train_dataset=prepared.train,
            processing_class=tokenizer,
            data_collator=prepared.collator,
            callbacks=[clock],
        )
        trainer.train()
        logits = trainer.predict(prepared.dev).predictions
    found = {
        "train_seconds": clock.seconds,
        "tokens": int(sum(map(sum, prepared.train["attention_mask"])) * arguments.epochs),
        "predictions": prepared.decode(logits),
    }
    arguments.output.write_text(json.dumps(found))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--dev", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--max-length", type=int, required=True)
    parser.add_argument("--epochs", type=float, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--warmup", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--group-by-length", action="store_true")
    parser.add_argument("--output", type=Path, required=True, help="JSON with times and predictions")
    return parser.parse_args()


def settings(arguments: argparse.Namespace, scratch: str) -> TrainingArguments:
    """The example's arguments."""
    grouped = {"train_sampling_strategy": "group_by_length"} if arguments.group_by_length else {}
    return TrainingArguments(
        scratch,
        num_train_epochs=arguments.epochs,
        per_device_train_batch_size=arguments.batch_size,
        learning_rate=arguments.lr,
        warmup_steps=arguments.warmup,
        seed=arguments.seed,
        bf16=arguments.bf16,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=not torch.cuda.is_available(),
        **grouped,
    )


class Clock(TrainerCallback):  # type: ignore[misc]
    """The time between the first step and the last."""

    def on_train_begin(self, *unused: Any, **more: Any) -> None:
        """The first step is next."""
        self.started_at = time.perf_counter()

    def on_train_end(self, *unused: Any, **more: Any) -> None:
        """The last step is done."""
        self.seconds = time.perf_counter() - self.started_at


def classification(arguments: argparse.Namespace, tokenizer: Any, train: list[Example], dev: list[Example]) -> Prepared:
    """One label a text or pair."""
    labels = sorted({example["label"] for example in train})

    def encode(batch: dict[str, list[Any]]) -> dict[str, Any]:
        texts = [batch[name] for name in ("text", "pair") if name in batch]
        encoded = tokenizer(*texts, truncation=True, max_length=arguments.max_length)
        return encoded | {"label": [labels.index(label) for label in batch["label"]]}

    model = AutoModelForSequenceClassification.from_pretrained(arguments.model, num_labels=len(labels))
    return Prepared(
        mapped(train, encode),
        mapped(dev, encode),
        model,
        None,
        lambda logits: [labels[number] for number in logits.argmax(axis=1)],
    )


def tagging(arguments: argparse.Namespace, tokenizer: Any, train: list[Example], dev: list[Example]) -> Prepared:
    """One label a word, on its first piece. A word that is cut off is tagged O."""
    labels = sorted({tag for example in train for tag in example["tags"]})

    def encode(batch: dict[str, list[Any]]) -> dict[str, Any]:
        encoded = tokenizer(batch["words"], truncation=True, max_length=arguments.max_length, is_split_into_words=True)
        rows, firsts = [], []
        for row, tags in enumerate(batch["tags"]):
            words = encoded.word_ids(row)
            begins = [w is not None and (at == 0 or words[at - 1] != w) for at, w in enumerate(words)]
            ids = [number_of(tags[w]) if first else -100 for w, first in zip(words, begins, strict=True)]
            rows.append(ids)
            firsts.append([w if first else -1 for w, first in zip(words, begins, strict=True)])
        return encoded | {"labels": rows, "word_of_piece": firsts}

    def number_of(tag: str) -> int:
        return labels.index(tag) if tag in labels else -100  # a tag of the dev split alone cannot be learned

    encoded_dev = mapped(dev, encode)

    def decode(logits: np.ndarray) -> list[list[str]]:
        found = []
        for example, words, row in zip(dev, encoded_dev["word_of_piece"], logits.argmax(axis=2), strict=True):
            tags = ["O"] * len(example["words"])
            for word, number in zip(words, row, strict=False):  # the row has padding
                if word >= 0:
                    tags[word] = labels[number]
            found.append(tags)
        return found

    model = AutoModelForTokenClassification.from_pretrained(arguments.model, num_labels=len(labels))
    collator = DataCollatorForTokenClassification(tokenizer)
    return Prepared(mapped(train, encode), encoded_dev, model, collator, decode)


def questions(arguments: argparse.Namespace, tokenizer: Any, train: list[Example], dev: list[Example]) -> Prepared:
    """The first and the last piece of an answer, in every window of its context; ``[CLS]`` where it is not in it."""

    def windows(batch: dict[str, list[Any]]) -> Any:
        return tokenizer(
            [question.lstrip() for question in batch["question"]],
            batch["context"],
            truncation="only_second",
            max_length=arguments.max_length,
            stride=STRIDE,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            padding="max_length",
        )

    def encode_train(batch: dict[str, list[Any]]) -> dict[str, Any]:
        encoded = windows(batch)
        spans = [
            span_of(batch["answers"][row][0], encoded.sequence_ids(window), offsets)
            for window, (row, offsets) in enumerate(
                zip(encoded.pop("overflow_to_sample_mapping"), encoded.pop("offset_mapping"), strict=True)
            )
        ]
        return encoded | {"start_positions": [span[0] for span in spans], "end_positions": [span[1] for span in spans]}

    def encode_dev(batch: dict[str, list[Any]]) -> dict[str, Any]:
        encoded = windows(batch)
        rows = encoded.pop("overflow_to_sample_mapping")
        inside = [[part == 1 for part in encoded.sequence_ids(window)] for window in range(len(rows))]
        return encoded | {"question_id": [batch["id"][row] for row in rows], "in_context": inside}

    encoded_dev = mapped(dev, encode_dev)

    def decode(logits: tuple[np.ndarray, np.ndarray]) -> list[str]:
        windows_of: dict[str, list[int]] = {}
        for window, question in enumerate(encoded_dev["question_id"]):
            windows_of.setdefault(question, []).append(window)
        return [best_answer(example["context"], windows_of[example["id"]], encoded_dev, logits) for example in dev]

    model = AutoModelForQuestionAnswering.from_pretrained(arguments.model)
    return Prepared(mapped(train, encode_train), encoded_dev, model, default_data_collator, decode)


def span_of(answer: dict[str, Any], sequence_ids: list[int | None], offsets: list[tuple[int, int]]) -> tuple[int, int]:
    """The first and last piece of an answer in a window; (0, 0), which is ``[CLS]``, where it is not all in it."""
    begin, end = answer["answer_start"], answer["answer_start"] + len(answer["text"])
    first = sequence_ids.index(1)
    after = len(sequence_ids) - sequence_ids[::-1].index(1)
    starts, ends = [offset[0] for offset in offsets[first:after]], [offset[1] for offset in offsets[first:after]]
    if begin < starts[0] or end > ends[-1]:
        return 0, 0
    return first + bisect_right(starts, begin) - 1, first + bisect_left(ends, end)


def best_answer(context: str, windows: list[int], encoded: Dataset, logits: tuple[np.ndarray, np.ndarray]) -> str:
    """The likeliest span over the windows of a question."""
    best, text = -np.inf, "empty"
    for window in windows:
        features = encoded[window]
        inside, offsets = features["in_context"], features["offset_mapping"]
        starts, ends = logits[0][window], logits[1][window]
        for start in np.argsort(starts)[::-1][:BEST].tolist():
            for end in np.argsort(ends)[::-1][:BEST].tolist():
                allowed = inside[start] and inside[end] and start <= end < start + LONGEST_ANSWER
                if allowed and starts[start] + ends[end] > best:
                    best, text = starts[start] + ends[end], context[offsets[start][0] : offsets[end][1]]
    return text


def mapped(examples: list[Example], encode: Any) -> Dataset:
    """Examples encoded by ``Dataset.map``, as the example scripts do it."""
    rows = Dataset.from_list(examples)
    return rows.map(encode, batched=True, load_from_cache_file=False, remove_columns=rows.column_names)


KINDS = {"classification": classification, "tagging": tagging, "questions": questions}


if __name__ == "__main__":
    main()
