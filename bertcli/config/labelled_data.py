"""Which labelled data are read, and as what task: what ``finetune`` and ``doctor`` may be told alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, model_validator

from bertcli.core.settings import Flag, Settings

Files = Annotated[tuple[Path, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str | Path) else value)]


@dataclass(frozen=True)
class OfTheTask:
    """Marks a field whose value is the setting of that name of the kind of task, where it has one."""


class LabelledData(Settings):
    """A task, its files, and the settings of the kind of task that have a flag."""

    data_argument: ClassVar[str] = "--data DIR"
    """How a folder is given, for messages."""

    task: Annotated[str, Flag("--task")]
    """A data set that is known by name (sst2, mnli, …), or a kind of task (classification, regression, …)."""
    data: Annotated[Files, Flag("--data")] = ()
    """Folder with the files of train, dev and test, or such files: tables (.tsv, .csv, .jsonl, .parquet); for tagging
    columns (.conll, .conllu, …), .jsonl or .parquet; for question_answering .json (SQuAD), .jsonl or .parquet."""
    train: Annotated[Files, Flag("--train")] = ()
    """Files of the training split."""
    dev: Annotated[Files, Flag("--dev")] = ()
    """Files of the dev split."""
    test: Annotated[Files, Flag("--test")] = ()
    """Files of the test split; without labels there are predictions only."""
    text_column: Annotated[str | None, Flag("--text-column"), OfTheTask()] = None
    """Column of the text, in tagging of the words, in multiple choice of the context (default: the data set's, else the
    kind's usual names, as text or sentence); "title + body" joins two texts."""
    pair_column: Annotated[str | None, Flag("--pair-column"), OfTheTask()] = None
    """Column of the second text of a pair, in multiple choice of the question."""
    label_column: Annotated[str | None, Flag("--label-column"), OfTheTask()] = None
    """Column of the label, in tagging of the tags, in multiple choice of the right choice (default: the data set's,
    else the kind's usual names, as label)."""
    task_settings: dict[str, Any] = Field(default_factory=dict)
    """Further settings of the kind of task, e.g. labels and metrics."""

    @model_validator(mode="after")
    def _one_place_for_each_split(self) -> Self:
        if self.data and self.train:
            raise ValueError("data and train both give a training split | hint: keep one of them")
        if (self.dev or self.test) and not (self.train or self.data):
            raise ValueError("dev and test need a training split | hint: give one with --train or --data")
        return self

    def flags_of_the_task(self) -> dict[str, Any]:
        """The settings of the kind of task that have a flag of their own, where they are given."""
        names = (
            name
            for name, field in type(self).model_fields.items()
            if any(isinstance(marker, OfTheTask) for marker in field.metadata)
        )
        return {name: value for name in names if (value := getattr(self, name)) is not None}
