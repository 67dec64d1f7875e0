"""Multiple choice: which of several endings or answers is right?

*Source*: Devlin et al. 2019, section 4.4 (SWAG; Zellers et al. 2018).

*Reads*: tables with a context, a question or the start of a sentence, or both, the choices (one column each, or a list
in a cell), and the right one as a number or a letter.

*Loss*: cross-entropy over the choices of an item, each scored by one linear output on the pooled ``[CLS]`` of
``[CLS] context [SEP] start choice [SEP]``; without a context, of ``[CLS] question [SEP] choice [SEP]``.

*Differs*: a choice fills the blank ``_`` of a question that has one, and is put after it otherwise, as in
transformers' example for RACE (Lai et al. 2017).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from bertcli.contracts.loss import Loss, cross_entropy
from bertcli.contracts.tally import Tally, means
from bertcli.contracts.task import Encoding, Examples, Fault, Features, Limits, Prediction, Table
from bertcli.core.settings import Settings
from bertcli.data import tables
from bertcli.data.features import encode_sequences
from bertcli.errors import InputFileError
from bertcli.tasks import _choices, _text_tables

if TYPE_CHECKING:
    import torch

    from bertcli.contracts.batch import Batch, Columns

__all__ = ["MultipleChoice"]

Metric = Literal["accuracy"]

_BLANK = "_"
_ENDINGS = ("ending0", "ending1", "ending2", "ending3")
"""The columns of the choices in SWAG's files."""


class MultipleChoiceSettings(_text_tables.TableSettings):
    """Columns of context, question, choices and answer."""

    text_column: _text_tables.Columns = ("sent1", "context", "article", "passage", "ctx")
    """Column of the context, where there is one."""
    pair_column: _text_tables.Columns = ("sent2", "question", "query")
    """Column of the question, or of the start of a sentence that the choices continue, where there is one."""
    choices_column: _text_tables.Columns = ("choices", "options", "endings")
    """Column of the choices, lists."""
    choice_columns: tuple[str, ...] = ()
    """Columns of the choices, one for each, instead of lists; where there are neither, those of SWAG."""
    label_column: _text_tables.Columns = ("label", "answer", "answerKey")
    """Column of the right choice: its number or its letter."""
    first_answer: Literal[0, 1] = 0
    """The number that files give the first choice."""
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1)] = ("accuracy",)
    """What is reported."""

    @model_validator(mode="after")
    def _there_is_a_choice(self) -> Self:
        if len(self.choice_columns) == 1:
            raise ValueError("choice_columns: one column leaves no choice | hint: name one column for each choice")
        return self

    def is_asked_for(self, setting: str) -> bool:
        """Whether a setting has another value than the usual one."""
        return bool(getattr(self, setting) != type(self).model_fields[setting].default)


@dataclass(frozen=True)
class MultipleChoice(_text_tables.TableTask):
    """One of ``choices`` sequences per item, as many in all items as in the first of the training split."""

    settings: MultipleChoiceSettings
    choices: int = 0

    Settings: ClassVar[type[Settings]] = MultipleChoiceSettings
    head: ClassVar[str] = "choice"

    @property
    def outputs(self) -> int:
        """One score per sequence."""
        return 1

    def settled(self) -> dict[str, Any]:
        """How many choices there are."""
        return {"choices": self.choices}

    def select(self, tables: Sequence[Table], split: str, *, labelled: bool) -> Examples:
        """Context, question, choices and answer of every row; a context or a question that is not there is None."""
        settings = self.settings
        columns: dict[str, list[Any]] = {"context": [], "question": [], "choices": []}
        has_labels = labelled or all(_text_tables.any_cell(table, settings.label_column) for table in tables)
        for table in tables:
            context, question = self._texts(table, "text_column"), self._texts(table, "pair_column")
            if context is None and question is None:
                wanted = (*settings.text_column, *settings.pair_column)
                _text_tables.texts_of(table, wanted, flag="--text-column and --pair-column")
            columns["context"] += context or [None] * len(table)
            columns["question"] += question or [None] * len(table)
            columns["choices"] += self._choices_of(table)
            if has_labels:
                columns.setdefault("label", []).extend(_text_tables.labels_of(table, settings.label_column))
        return _text_tables.examples_of(tables, split, columns, settings.id_column)

    def _texts(self, table: Table, setting: str) -> list[str] | None:
        """The texts of a column that need not be there, unless it was asked for by name."""
        names = getattr(self.settings, setting)
        there = next((name for name in names if name in table.columns), None)
        if there is None and not self.settings.is_asked_for(setting):
            return None
        if there is not None and all(isinstance(cell, dict) and "stem" in cell for cell in table.columns[there]):
            return [str(cell["stem"]) for cell in table.columns[there]]
        return _text_tables.texts_of(table, names, flag=f"--{setting.replace('_', '-')}")

    def _choices_of(self, table: Table) -> list[_choices.Choices]:
        settings = self.settings
        nested = next((name for name in settings.pair_column if _holds_choices(table, name)), None)
        lists = next((name for name in settings.choices_column if name in table.columns), nested)
        if settings.choice_columns:
            return _choices.choices_in_columns(table, settings.choice_columns)
        if lists is None and _ENDINGS[0] in table.columns:
            return _choices.choices_in_columns(table, _ENDINGS)
        if lists is None:
            flag = "--set task_settings.choice_columns=[A,B]"
            lists = tables.find_column(table, settings.choices_column, flag=flag)
        return _choices.choices_in_lists(table, lists)

    def fit(self, train: Examples) -> Self:
        """The number of choices is that of the first example."""
        number = len(train.columns["choices"][0].texts)
        if number < 2:
            raise InputFileError(
                "the first question leaves no choice, expected two at least",
                path=train.paths[0],
                line=train.lines[0],
            )
        return replace(self, choices=number)

    def weighed(self, train: Examples) -> Self:
        """No label has a weight."""
        return self

    def keys(self, examples: Examples) -> list[str]:
        """All texts of the item."""
        columns = (examples.columns[name] for name in ("context", "question", "choices"))
        return [
            "\t".join([context or "", question or "", *choices.texts])
            for context, question, choices in zip(*columns, strict=True)
        ]

    def faults(self, examples: Examples) -> Iterator[Fault]:
        """Texts that are empty, other numbers of choices, choices that are alike, answers that name no choice."""
        labels = examples.columns.get("label")
        for row, choices in enumerate(examples.columns["choices"]):
            path, line = examples.paths[row], examples.lines[row]
            for name in ("context", "question"):
                text = examples.columns[name][row]
                if text is not None and not text.strip():
                    yield Fault("warning", f"the {name} is empty", path, line)
            if len(choices.texts) != self.choices:
                yield Fault(
                    "error",
                    f"{len(choices.texts)} choices here, expected {self.choices} as in the first training example",
                    path,
                    line,
                    "every question has the same number of choices",
                )
            if not all(text.strip() for text in choices.texts):
                yield Fault("warning", "a choice is empty", path, line)
            elif len(set(choices.texts)) < len(choices.texts):
                yield Fault("warning", "two choices are the same", path, line)
            if labels is not None and self._answer(examples, row) is None:
                yield self._unknown_answer(labels[row], choices, path, line)

    def _answer(self, examples: Examples, row: int) -> int | None:
        written = examples.columns["label"][row]
        if isinstance(written, tables.NoLabel):
            return None
        return _choices.answer_of(written, examples.columns["choices"][row], first=self.settings.first_answer)

    def _unknown_answer(self, written: str | tables.NoLabel, choices: _choices.Choices, path: str, line: int) -> Fault:
        first, number = self.settings.first_answer, len(choices.texts)
        known = ", ".join(choices.labels) or f"{first} to {first + number - 1}, or A to {_choices.letter(number - 1)}"
        if isinstance(written, tables.NoLabel):
            return Fault("error", f"the label column holds {written.found} here, expected one of {known}", path, line)
        return Fault(
            "error",
            f"the answer {written!r} is none of the {number} choices: {known}",
            path,
            line,
            f"--set task_settings.first_answer={1 - first} where numbers begin with {1 - first}",
        )

    def encode(self, examples: Examples, tokenizer: Encoding, limits: Limits) -> Features:
        """``labels`` (items,) are the numbers of the right choices, from 0."""
        first: list[str] = []
        second: list[str] = []
        columns = (examples.columns[name] for name in ("context", "question", "choices"))
        for context, question, choices in zip(*columns, strict=True):
            first += [question if context is None else context] * self.choices
            started = question if context is not None else None
            second += [_continued(started, choice) for choice in choices.texts]
        items = len(examples)
        features = replace(
            encode_sequences(first, second, tokenizer, max_length=limits.max_length),
            examples=np.arange(items, dtype=np.int64),
            item_starts=np.arange(items + 1, dtype=np.int64) * self.choices,
        )
        if "label" not in examples.columns:
            return features
        labels = np.asarray([self._answer(examples, row) for row in range(items)], dtype=np.int64)
        return features.with_item_columns(labels=labels)

    def model_facts(self) -> dict[str, Any]:
        """Nothing: the head has one output."""
        return {}

    def count(self, columns: Columns) -> int:
        """Every item is a target."""
        return len(columns["input_ids"]) // self.choices

    def logits(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        """(sequences, 1) → (items, choices)."""
        return outputs.reshape(-1, self.choices)

    def loss(self, logits: torch.Tensor, batch: Batch) -> Loss:
        """Cross-entropy over the choices, summed over items."""
        return cross_entropy(logits, batch["labels"])

    def decode(
        self, examples: Examples, features: Features, outputs: Sequence[NDArray[np.float32]]
    ) -> list[Prediction]:
        """The likeliest choice, from 0, with the probability of each."""
        from scipy.special import softmax

        logits = np.stack(outputs).astype(np.float64)  # (items, choices)
        probabilities = softmax(logits, axis=1).round(6).tolist()
        gold = features.item_columns.get("labels")
        return [
            Prediction(
                id=examples.ids[row],
                gold=int(gold[row]) if gold is not None else None,
                pred=number,
                probs=probabilities[row],
            )
            for row, number in enumerate(logits.argmax(axis=1).tolist())
        ]

    def score(self, predictions: Sequence[Prediction]) -> dict[str, float]:
        """The share of right choices."""
        return {"accuracy": sum(one.gold == one.pred for one in predictions) / len(predictions)}

    def tally(self, predictions: Sequence[Prediction]) -> Tally:
        """Whether each choice is right."""
        return means({"accuracy": [float(one.gold == one.pred) for one in predictions]})

    def collapsed(self, predictions: Sequence[Prediction]) -> str | None:
        """One choice for every item, where the right ones differ."""
        chosen = {one.pred for one in predictions}
        if len(chosen) > 1 or len({one.gold for one in predictions}) < 2:
            return None
        (number,) = chosen
        return f"every choice is number {number + 1}"

    def official(self, predictions: Sequence[Prediction]) -> Iterator[str]:
        """GLUE's form, with numbers as the data set's files have them."""
        return _text_tables.official(predictions, lambda one: str(one.pred + self.settings.first_answer))


def _holds_choices(table: Table, name: str) -> bool:
    cells = table.columns.get(name, ())
    return bool(cells) and all(isinstance(cell, dict) and "choices" in cell for cell in cells)


def _continued(start: str | None, choice: str) -> str:
    """A choice in the blank of a question, after a start that has none, or alone."""
    if start is None:
        return choice
    return start.replace(_BLANK, choice) if _BLANK in start else f"{start} {choice}"
