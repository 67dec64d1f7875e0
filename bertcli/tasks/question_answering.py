"""Question answering: the span of a context that answers a question, or none.

*Source*: Devlin et al. 2019, sections 4.2 and 4.3, and their ``run_squad.py``; scores as in SQuAD (Rajpurkar et al.
2016; 2018) and CMRC 2018 (Cui et al. 2019).

*Reads*: SQuAD's JSON, or tables with a question, a context and its answers with the characters at which they begin.

*Loss*: the mean of two cross-entropies over the pieces of a window, for the answer's first piece and its last; a window
that does not hold the answer points at ``[CLS]``. Of several answers the first that stands in its context is learned.

*Differs*: padding has no part in the cross-entropies, so that the loss of a window does not depend on its batch;
answers are the characters of the context between two pieces, where ``run_squad.py`` widens them to whole words and
narrows them again; every span is weighed (``_answer_spans.py``). The search for the best threshold weighs the best
answers, also those of questions that were given none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bertcli.contracts.batch import IGNORED
from bertcli.contracts.loss import Loss
from bertcli.contracts.tally import Floats, Tally, ratio
from bertcli.contracts.task import LOSS_NAME, Encoding, Examples, Fault, Features, Limits, Prediction, Reads, Table
from bertcli.core.messages import notice
from bertcli.core.settings import Settings
from bertcli.data import tables
from bertcli.data.squad_files import read_squad
from bertcli.data.windows import Windows, encode_windows
from bertcli.errors import InputFileError
from bertcli.tasks._answer_scores import (
    NO_ANSWER_METRICS,
    Agreement,
    Language,
    agreement,
    mean_exact_match,
    mean_f1,
    no_answer_scores,
)
from bertcli.tasks._answer_spans import best_spans
from bertcli.tasks._given_answers import Answers, answer_faults, answers_cell, places
from bertcli.tasks._text_tables import Columns

if TYPE_CHECKING:
    import torch

    from bertcli.contracts import batch

__all__ = ["QuestionAnswering"]

Metric = Literal["f1", "exact_match"]

# Metrics from sums (…, 6): questions, those with an answer, F1 and exact matches of all, and of those.
_MEASURES: Mapping[str, Callable[[Floats], Floats]] = {
    "f1": lambda sums: ratio(sums[..., 2], sums[..., 0]),
    "exact_match": lambda sums: ratio(sums[..., 3], sums[..., 0]),
    "has_answer_f1": lambda sums: ratio(sums[..., 4], sums[..., 1]),
    "has_answer_exact_match": lambda sums: ratio(sums[..., 5], sums[..., 1]),
    "no_answer_accuracy": lambda sums: ratio(sums[..., 3] - sums[..., 5], sums[..., 0] - sums[..., 1]),
}
_WORTH_TELLING = 0.01
"""A threshold that would raise F1 by so much is told."""
_FEW = 50
"""Of fewer questions nothing is told."""


class QuestionAnsweringSettings(Settings):
    """Columns, windows, and how answers are chosen and scored."""

    question_column: Columns = ("question",)
    """Column of the question."""
    context_column: Columns = ("context",)
    """Column of the text that holds the answer."""
    answers_column: Columns = ("answers",)
    """Column of the answers, each with its text and the character at which it begins."""
    id_column: Columns = ("id",)
    """Column by which predictions name their question; where there is none, the number of the row, from 0."""
    stride: Annotated[int | None, Field(ge=1)] = None
    """Pieces from the beginning of a window to that of the next, where a context is longer than one (default: 128, or
    half a window where that is less)."""
    max_question: Annotated[int, Field(ge=1)] = 64
    """Longest question in pieces, never more than half of a sequence; longer ones lose their tail."""
    max_answer: Annotated[int, Field(ge=1)] = 30
    """Longest answer in pieces that is predicted."""
    n_best: Annotated[int, Field(ge=1)] = 20
    """Likeliest answers of each question that are written with their probabilities."""
    no_answer: bool | None = None
    """Whether questions may have no answer, as in SQuAD 2.0; none: where the training split has such questions."""
    null_threshold: float = 0.0
    """No answer is predicted where its score is above that of the best answer by more than this."""
    find_answers: bool = False
    """Take answers that do not stand where they are said to from the nearest place; pass over those that stand nowhere.
    """
    language: Language = "english"
    """How answers are compared: by words in English, by ideographs in Chinese."""
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1)] = ("f1", "exact_match")
    """What is reported; the first is the one by which runs are compared."""


@dataclass(frozen=True)
class QuestionAnswering:
    """The span of a context that answers a question. ``no_answer`` says whether there may be none."""

    settings: QuestionAnsweringSettings
    no_answer: bool = False

    Settings: ClassVar[type[Settings]] = QuestionAnsweringSettings
    head: ClassVar[str] = "span"
    reads: ClassVar[Reads] = "pieces"
    suffixes: ClassVar[tuple[str, ...]] = (".json", ".jsonl", ".parquet")
    official_ending: ClassVar[str | None] = "-predictions.json"

    @property
    def metrics(self) -> tuple[str, ...]:
        """Those of the settings, and where questions may have no answer those that tell them apart."""
        metrics: tuple[str, ...] = self.settings.metrics
        return metrics + NO_ANSWER_METRICS if self.no_answer else metrics

    @property
    def primary(self) -> str:
        """The first of the metrics."""
        return self.metrics[0]

    @property
    def outputs(self) -> int:
        """A logit of every piece for the start, and one for the end."""
        return 2

    def read(self, path: Path) -> Table:
        """The questions of a file, one a row."""
        if tables.file_format(path, self.suffixes) == ".json":
            return read_squad(path)
        return tables.read_table(path)[0]

    def select(self, given: Sequence[Table], split: str, *, labelled: bool) -> Examples:
        """Question, context and answers of every row; a test split without any answer is an unlabelled one."""
        columns: dict[str, list[Any]] = {"question": [], "context": [], "impossible": [], "label": []}
        ids: list[str] = []
        paths: list[str] = []
        lines: list[int] = []
        for table in given:
            rows = range(len(table))
            question = _column(table, self.settings.question_column, "question_column")
            context = _column(table, self.settings.context_column, "context_column")
            columns["question"] += [tables.text_cell(table, question, row) for row in rows]
            columns["context"] += [tables.text_cell(table, context, row) for row in rows]
            columns["impossible"] += table.columns.get("is_impossible", [None] * len(table))
            columns["label"] += self._answers(table, labelled=labelled)
            named = next((name for name in self.settings.id_column if name in table.columns), None)
            cells = table.columns[named] if named else [None] * len(table)
            ids += [str(len(paths) + row if cells[row] is None else cells[row]) for row in rows]
            lines += table.lines
            paths += [table.path] * len(table)
        if not labelled and not any(columns["label"]):
            del columns["label"]
        return Examples(split, ids, columns, paths, lines)

    def _answers(self, table: Table, *, labelled: bool) -> list[Answers]:
        """(rows,) the answers of each. Raises ``InputFileError`` where a labelled row says nothing of them."""
        wanted = self.settings.answers_column
        if not labelled and not any(name in table.columns for name in wanted):
            return [()] * len(table)
        column = _column(table, wanted, "answers_column")
        impossible = table.columns.get("is_impossible", [None] * len(table))
        found = []
        for row in range(len(table)):
            answers = answers_cell(table, column, row)
            if answers is None and labelled and not impossible[row]:
                raise InputFileError(
                    f"the column {column!r} holds nothing here", path=table.path, line=table.lines[row]
                )
            found.append(answers or ())
        return found

    def fit(self, train: Examples) -> Self:
        """Whether there may be no answer: as the settings say, else as in the training split."""
        labels = train.columns["label"]
        if not any(labels):
            raise InputFileError("no question of the training split has an answer", path=train.paths[0])
        asked = self.settings.no_answer
        return replace(self, no_answer=not all(labels) if asked is None else asked)

    def settled(self) -> dict[str, Any]:
        """Whether there may be no answer."""
        return {"no_answer": self.no_answer}

    def as_settled(self, values: Mapping[str, Any]) -> Self:
        """With these values."""
        return replace(self, **values)

    def weighed(self, train: Examples) -> Self:
        """No label has a weight."""
        return self

    def keys(self, examples: Examples) -> list[str]:
        """The context: its questions stay together."""
        return list(examples.columns["context"])

    def faults(self, examples: Examples) -> Iterator[Fault]:
        """Questions without text or an answer, repeated ids, and answers that stand elsewhere than is said."""
        return answer_faults(examples, no_answer=self.no_answer, find_answers=self.settings.find_answers)

    def encode(self, examples: Examples, tokenizer: Encoding, limits: Limits) -> Features:
        """An item for each window; ``start_positions`` and ``end_positions`` (items,) are positions in it."""
        features, windows = encode_windows(
            examples.columns["question"],
            examples.columns["context"],
            tokenizer,
            max_length=limits.max_length,
            stride=self.settings.stride,
            max_question=self.settings.max_question,
        )
        features = replace(features, notes={"windows": windows})
        if "label" not in examples.columns:
            return features
        begins, ends = places(examples)
        contexts = np.zeros(len(examples), dtype=np.int64)
        contexts[features.examples] = windows.contexts
        first, last = windows.pieces.spanned(contexts, np.maximum(begins, 0), np.maximum(ends, 0))
        starts, stops = windows.positions_of(features.examples, first, last)
        nowhere = np.asarray([bool(answers) for answers in examples.columns["label"]]) & (begins < 0)
        held = np.zeros(len(examples), dtype=np.bool_)
        held[features.examples[stops > 0]] = True
        unheld = (begins >= 0) & ~held
        _tell(examples.split, int(nowhere.sum()), int(unheld.sum()))
        unknown = (nowhere | unheld)[features.examples]
        return features.with_item_columns(
            start_positions=np.where(unknown, IGNORED, starts), end_positions=np.where(unknown, IGNORED, stops)
        )

    def model_facts(self) -> dict[str, Any]:
        """Nothing: there are no labels."""
        return {}

    def count(self, columns: batch.Columns) -> int:
        """Every window is a target of a question whose answer stands in one, or that has none."""
        if "start_positions" not in columns:
            return len(columns["input_ids"])
        return int((columns["start_positions"] != IGNORED).sum())

    def logits(self, outputs: torch.Tensor, batch: batch.Batch) -> torch.Tensor:
        """As they are: (windows, seq, 2)."""
        return outputs

    def loss(self, logits: torch.Tensor, batch: batch.Batch) -> Loss:
        """The mean of the cross-entropies of start and end, summed over windows."""
        from torch.nn import functional

        mask = batch.get("attention_mask")
        scores = logits.float()
        if mask is not None:
            scores = scores.masked_fill(mask[..., None] == 0, -float("inf"))
        total = scores.new_zeros(())
        right = batch["start_positions"] != IGNORED
        for side, name in enumerate(("start_positions", "end_positions")):
            of_side = scores[..., side]
            total = total + functional.cross_entropy(of_side, batch[name], ignore_index=IGNORED, reduction="sum") / 2
            right = right & (of_side.detach().argmax(dim=-1) == batch[name])
        return Loss(total, batch.counts[LOSS_NAME], right.sum())

    def decode(
        self, examples: Examples, features: Features, outputs: Sequence[NDArray[np.float32]]
    ) -> list[Prediction]:
        """The likeliest span of all windows, as the context has it, or the empty text for no answer.

        ``probs`` are those of the likeliest answers, together 1; ``score`` says by how much no answer scores above the
        best answer, where questions may have none.
        """
        windows: Windows = features.notes["windows"]
        bounds = np.searchsorted(features.examples, np.arange(len(examples) + 1)).tolist()
        labels = examples.columns.get("label")
        found = []
        for row in range(len(examples)):
            items = range(bounds[row], bounds[row + 1])
            answers = self._answers_of(examples.columns["context"][row], windows, items, outputs)
            doubt = min(float(outputs[item][0].sum(dtype=np.float64)) for item in items)
            best = next(iter(answers), "")
            score = doubt - answers[best] if best else 0.0
            pred = "" if self.no_answer and score > self.settings.null_threshold else best
            if self.no_answer:
                answers = dict(sorted({**answers, "": doubt}.items(), key=lambda item: -item[1]))
            found.append(
                Prediction(
                    id=examples.ids[row],
                    gold=[text for text, _ in labels[row]] if labels is not None else None,
                    pred=pred,
                    probs=_probabilities(answers),
                    score=score if self.no_answer else None,
                )
            )
        return found

    def _answers_of(
        self, context: str, windows: Windows, items: Sequence[int], outputs: Sequence[NDArray[np.float32]]
    ) -> dict[str, float]:
        """The likeliest answers to one question with their scores, the best first."""
        held = [(int(windows.positions[item]), int(windows.counts[item])) for item in items]
        spans = best_spans(
            [outputs[item][position : position + count] for item, (position, count) in zip(items, held, strict=True)],
            windows.firsts[items[0] : items[-1] + 1].tolist(),
            longest=self.settings.max_answer,
            number=self.settings.n_best,
        )
        number = int(windows.contexts[items[0]])
        first_piece, first_character = windows.pieces.starts[number], windows.pieces.characters[number]
        begins = (windows.pieces.begins[first_piece + spans.firsts] - first_character).tolist()
        ends = (windows.pieces.ends[first_piece + spans.lasts] - first_character).tolist()
        answers: dict[str, float] = {}
        for score, begin, end in zip(spans.scores.tolist(), begins, ends, strict=True):
            text = context[begin:end].strip()
            if text:
                answers.setdefault(text, score)
        return answers

    def score(self, predictions: Sequence[Prediction]) -> dict[str, float]:
        """The settings' metrics; ``has_answer_*`` and ``no_answer_*`` are 0 where there is no such question.

        ``best_f1_threshold`` is the ``null_threshold`` with which F1 would be ``best_f1``.
        """
        agreed = [self._agreement(prediction.pred, prediction.gold) for prediction in predictions]
        metrics = {"f1": mean_f1(agreed), "exact_match": mean_exact_match(agreed)}
        if not self.no_answer:
            return {name: metrics[name] for name in self.metrics}
        best = [self._agreement_of_best(prediction) for prediction in predictions]
        doubts = np.asarray([prediction.score or 0.0 for prediction in predictions])
        has_answer = np.asarray([bool(prediction.gold) for prediction in predictions])
        metrics |= no_answer_scores(agreed, best, doubts, has_answer)
        return {name: metrics[name] for name in self.metrics}

    def tally(self, predictions: Sequence[Prediction]) -> Tally:
        """Exact match and F1, of all questions and of those with an answer; the best thresholds are no sums."""
        agreed = [self._agreement(prediction.pred, prediction.gold) for prediction in predictions]
        scores = np.asarray([(one.f1, one.exact_match) for one in agreed], dtype=np.float64)
        asked = np.asarray([[bool(prediction.gold)] for prediction in predictions], dtype=np.float64)
        counts = np.concatenate([np.ones_like(asked), asked, scores, scores * asked], axis=1)
        return Tally(counts, {name: measure for name, measure in _MEASURES.items() if name in self.metrics})

    def collapsed(self, predictions: Sequence[Prediction]) -> str | None:
        """One answer to every question, or none to any, where the given answers differ."""
        answers = {prediction.pred for prediction in predictions}
        if len(answers) > 1 or len({str(prediction.gold) for prediction in predictions}) < 2:
            return None
        (answer,) = answers  # not quoted: it is text of the data, which --no-text keeps out of what is told
        return "every question gets the same answer" if answer else "no question gets an answer"

    def _agreement(self, pred: str, gold: Sequence[str]) -> Agreement:
        return agreement(pred, gold, language=self.settings.language, no_answer=self.no_answer)

    def _agreement_of_best(self, prediction: Prediction) -> Agreement:
        """That of the likeliest answer; where there is none every answer is wrong, as ``evaluate-v2.0.py`` searches."""
        best = prediction.pred or next((text for text in prediction.probs or () if text), "")
        if prediction.gold:
            return self._agreement(best, prediction.gold)
        return Agreement(float(not best), float(not best))

    def doubts(self, predictions: Sequence[Prediction]) -> list[str]:
        """A threshold for no answer that would score clearly better."""
        if not self.no_answer or len(predictions) < _FEW:
            return []
        scores = self.score(predictions)
        now, best, threshold = scores["f1"], scores["best_f1"], scores["best_f1_threshold"]
        if best - now < _WORTH_TELLING:
            return []
        return [
            f"with --set task_settings.null_threshold={threshold:.4g} F1 would be {100 * best:.1f} instead of "
            f"{100 * now:.1f}, if chosen on this split"
        ]

    def official(self, predictions: Sequence[Prediction]) -> Iterator[str]:
        """SQuAD's form: one JSON object from id to answer."""
        answers = {prediction.id: prediction.pred for prediction in predictions}
        yield from json.dumps(answers, ensure_ascii=False, indent=1).splitlines()


def _column(table: Table, wanted: Sequence[str], setting: str) -> str:
    return tables.find_column(table, wanted, flag=f"--set task_settings.{setting}=NAME")


def _tell(split: str, nowhere: int, unheld: int) -> None:
    if nowhere:
        notice(f"{split}: the answers to {nowhere:,} questions stand nowhere in their context: scored, not learned")
    if unheld:
        notice(f"{split}: no window holds the answers to {unheld:,} questions: not learned")


def _probabilities(answers: dict[str, float]) -> dict[str, float]:
    if not answers:
        return {}
    scores = np.asarray(list(answers.values()))
    odds = np.exp(scores - scores.max())
    return dict(zip(answers, (odds / odds.sum()).round(6).tolist(), strict=True))
