"""What every file in ``tasks/`` must satisfy, found by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bertcli.contracts.task import LOSS_NAME, TASKS, Examples, Features, Limits, Prediction, Task
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.core.settings import Settings
from bertcli.data.bucketing import BucketedBatches
from bertcli.tasks._choices import Choices

pytestmark = pytest.mark.parametrize("name", TASKS.names())


class Letters:
    vocabulary = Vocabulary(300, 0, 1, 2, 3, 4, (0, 1, 2, 3, 4), True, "letters")

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        return [np.asarray([ord(letter) % 250 + 10 for letter in text], dtype=np.int32) for text in texts]

    def encode_with_places(self, texts: Sequence[str]) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int64]]]:
        for text, ids in zip(texts, self.encode(texts), strict=True):
            yield ids, np.stack([np.arange(len(text)), np.arange(len(text)) + 1], axis=1)


# One small training split for each kind, in the columns that ``select`` gives; a new kind adds its own here.
COLUMNS: dict[str, dict[str, list[Any]]] = {
    "classification": {"text": ["a b", "c", "d e f"], "label": ["x", "y", "x"]},
    "multi_label": {"text": ["a b", "c", "d e f"], "label": [("x",), (), ("y", "x")]},
    "multiple_choice": {
        "context": ["a b", "c", "d e f"],
        "question": ["g", "h i", "j"],
        "choices": [Choices(("k", "l m")), Choices(("n", "o")), Choices(("p q", "r"))],
        "label": ["0", "1", "0"],
    },
    "question_answering": {
        "question": ["a?", "b?", "c?"],
        "context": ["d e f", "g", "h i"],
        "impossible": [None, None, None],
        "label": [(("e", 2),), (("g", 0), ("g", 0)), ()],
    },
    "regression": {"text": ["a b", "c", "d e f"], "label": ["1", "2.5", "3"]},
    "tagging": {
        "tokens": [["a", "b"], ["c"], ["d", "e", "f"]],
        "label": [["B-x", "I-x"], ["O"], ["O", "B-y", "B-x"]],
        "token_lines": [[1, 2], [4], [6, 7, 8]],
    },
}


def opened(name: str) -> tuple[Any, Examples, Features]:
    kind = TASKS.load(name)
    columns = COLUMNS[name]
    rows = range(len(next(iter(columns.values()))))
    examples = Examples("train", [str(row) for row in rows], columns, ["t"] * len(rows), list(rows))
    task = kind(kind.Settings()).fit(examples)
    return task, examples, task.encode(examples, Letters(), Limits(16))


def logits_of(task: Any, batch: Any, draw: np.random.Generator | None = None) -> Any:
    """What the task makes of a head whose outputs are 0, 1, … for every sequence or piece, or random."""
    import torch

    shape = batch["input_ids"].shape if task.reads == "pieces" else batch["input_ids"].shape[:1]
    alike = np.broadcast_to(np.arange(task.outputs), (*shape, task.outputs))
    outputs = alike if draw is None else draw.normal(size=alike.shape)
    return task.logits(torch.from_numpy(outputs.astype(np.float32)), batch)


def test_it_has_what_the_protocol_asks_for(name: str) -> None:
    kind = TASKS.load(name)
    asked = [name for name in (*vars(Task), *Task.__annotations__) if not name.startswith("_") and name != "settings"]
    missing = [attribute for attribute in asked if not hasattr(kind, attribute)]
    assert missing == []
    assert issubclass(kind.Settings, Settings)


def test_its_docstring_says_what_a_reader_asks(name: str) -> None:
    doc = sys.modules[TASKS.load(name).__module__].__doc__ or ""
    assert all(f"*{part}*" in doc for part in ("Source", "Reads", "Loss", "Differs"))


def test_importing_it_does_not_import_torch(name: str) -> None:
    code = f"import sys, bertcli.tasks.{name}; print('torch' in sys.modules, 'sklearn' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found.strip() == "False False"


def test_every_example_is_encoded_and_counted(name: str) -> None:
    task, examples, features = opened(name)
    assert set(features.examples.tolist()) == set(range(len(examples)))
    assert features.offsets[-1] == len(features.input_ids)
    batches = BucketedBatches(features, 0, task.count)
    (batch,) = [batch for _, batch in batches.evaluation(batch_size=100)]
    assert batch.counts[LOSS_NAME] > 0


def test_its_loss_is_a_sum(name: str) -> None:
    import torch

    task, _, features = opened(name)
    batches = BucketedBatches(features, 0, task.count)

    def loss_of(items: list[int]) -> float:
        batch = batches.make(np.asarray(items)).to(torch.device("cpu"))
        loss = task.loss(logits_of(task, batch), batch)
        assert loss.count == batch.counts[LOSS_NAME]
        return float(loss.total)

    assert loss_of([0, 1, 2]) == pytest.approx(loss_of([0]) + loss_of([1, 2]))


def test_a_document_in_chunks_is_no_more_targets_than_its_head(name: str) -> None:
    task, examples, features = opened(name)
    if task.head != "classification" or features.has_pairs:
        pytest.skip("it does not read documents in chunks")
    in_chunks = task.encode(examples, Letters(), Limits(4, "chunks"))
    assert len(in_chunks.lost) > in_chunks.items == features.items
    items = np.arange(features.items)
    whole, cut = (BucketedBatches(found, 0, task.count).make(items).counts for found in (features, in_chunks))
    assert whole == cut


def test_predictions_can_be_scored_and_written(name: str) -> None:
    task, examples, features = opened(name)
    batches = BucketedBatches(features, 0, task.count)
    outputs = [logits_of(task, batches.make(np.asarray([item]))).numpy()[0] for item in range(features.items)]
    predictions = task.decode(examples, features, outputs)
    assert [prediction.id for prediction in predictions] == list(examples.ids)
    assert list(task.score(predictions)) == list(task.metrics)
    assert task.primary in task.metrics
    json.dumps([prediction.dump() for prediction in predictions])
    assert task.doubts(predictions) == []
    assert len(list(task.official(predictions))) >= len(examples)


def test_what_its_fit_settled_is_enough_to_score_as_it_does(name: str) -> None:
    task, examples, features = opened(name)
    kind = TASKS.load(name)
    again = kind(kind.Settings()).as_settled(json.loads(json.dumps(task.settled())))
    predictions = predicted(task, examples, features, np.random.default_rng(0))
    assert again.score(predictions) == task.score(predictions)
    assert again.metrics == task.metrics


def predicted(task: Any, examples: Examples, features: Features, draw: np.random.Generator | None) -> list[Prediction]:
    """What the task makes of a head with random outputs, or without ``draw`` of one whose outputs are always alike."""
    batches = BucketedBatches(features, 0, task.count)
    outputs = [logits_of(task, batches.make(np.asarray([item])), draw).numpy()[0] for item in range(features.items)]
    found: list[Prediction] = task.decode(examples, features, outputs)
    return found


def test_metrics_of_counts_are_those_of_the_scores(name: str) -> None:
    task, examples, features = opened(name)
    draw = np.random.default_rng(0)
    for _ in range(5):
        predictions = predicted(task, examples, features, draw)
        tally, scores = task.tally(predictions), task.score(predictions)
        assert set(tally.metrics) <= set(scores)
        for metric, of_sums in tally.metrics.items():
            assert len(tally.counts) == len(predictions)
            assert float(of_sums(tally.counts.sum(axis=0))) == pytest.approx(scores[metric], abs=1e-9)
            stacked = np.stack([tally.counts.sum(axis=0), tally.counts[0]])
            assert of_sums(stacked).shape == (2,)


def test_a_head_whose_outputs_are_alike_has_collapsed_and_gold_predictions_have_not(name: str) -> None:
    task, examples, features = opened(name)
    constant = predicted(task, examples, features, None)
    if task.head != "span":  # equal scores of all spans give the first, which is another text everywhere
        assert task.collapsed(constant)
    gold = [prediction.gold for prediction in constant]
    if task.head == "span":
        gold = [next(iter(answers), "") for answers in gold]
    right = [replace(prediction, pred=answer) for prediction, answer in zip(constant, gold, strict=True)]
    assert task.collapsed(right) is None


def test_its_settings_survive_being_written_down(name: str) -> None:
    settings = TASKS.load(name).Settings()
    assert TASKS.load(name).Settings(**settings.dump()) == settings
