"""Labels of texts by name: those of the settings or of the training split, their ids, and what is not among them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from bertcli.core.listing import listed
from bertcli.data import tables
from bertcli.tasks import _text_tables

SHOWN = 20
"""Labels that a message lists."""


def as_written(label: Any) -> str:
    """A label of a YAML file as tables have it: ``true`` and ``1`` are text there."""
    written = tables.label_of(label)
    return written if isinstance(written, str) else str(label)


def _labels(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return {as_written(name): as_written(name) for name in value}
    if isinstance(value, dict):
        return {as_written(written): as_written(name) for written, name in value.items()}
    return value


Labels = Annotated[dict[str, str], BeforeValidator(_labels)]


class LabelSettings(_text_tables.TextTableSettings):
    """Columns and labels."""

    labels: Labels | None = None
    """Labels in the order of their ids, as files write them, with their names; none: those of the training split."""
    label_aliases: Labels = Field(default_factory=dict)
    """Other forms in which files write labels, with the names that they stand for."""

    @model_validator(mode="after")
    def _labels_are_distinct(self) -> Self:
        names = list((self.labels or {}).values())
        repeated = next((name for name in names if names.count(name) > 1), None)
        if repeated is not None:
            raise ValueError(f"two labels are named {repeated!r}")
        unknown = next((name for name in self.label_aliases.values() if name not in names), None)
        if unknown is not None:
            raise ValueError(f"label_aliases: {unknown!r} is not the name of a label | hint: name it in labels")
        return self


@dataclass(frozen=True)
class LabelledTask(_text_tables.TextTableTask):
    """Texts with labels. ``labels`` maps what files write to the class's name, in the order of the ids."""

    labels: dict[str, str] | None = None

    @property
    def class_names(self) -> Collection[str]:
        """All forms of the settings' labels."""
        labels = self.settings.labels or {}
        return {*labels, *labels.values(), *self.settings.label_aliases}

    @property
    def names(self) -> list[str]:
        """The classes' names, in the order of their ids."""
        assert self.labels is not None, "the task is fitted before it is used"
        return list(self.labels.values())

    @property
    def outputs(self) -> int:
        """One logit per class."""
        return len(self.names)

    def settled(self) -> dict[str, Any]:
        """The labels."""
        return {"labels": self.labels}

    @cached_property
    def label_ids(self) -> dict[str, int]:
        """The ids by name, and by what files write."""
        ids = {name: number for number, name in enumerate(self.names)}
        forms = self.settings.label_aliases | (self.labels or {})
        return ids | {written: ids[name] for written, name in forms.items()}

    def unknown_label(self, written: str) -> tuple[str, str]:
        """What to say of a label that is not known, with a hint."""
        closed = self.settings.labels is not None
        forms = [w if w == name else f"{w} ({name})" for w, name in (self.labels or {}).items()]
        what = (
            f"the label {written!r} is not one of the task's"
            if closed
            else f"the training split has no label {written!r}"
        )
        return what, f"known labels: {listed(forms, most=SHOWN)}"

    def facts(self, problem_type: str) -> dict[str, Any]:
        """What ``config.json`` says of the classes."""
        return {
            "id2label": dict(enumerate(self.names)),
            "label2id": {name: number for number, name in enumerate(self.names)},
            "problem_type": problem_type,
        }


def in_order(labels: Iterable[str]) -> Iterator[str]:
    """Labels without repetition: integers by value and before text, text by code points."""
    yield from sorted(set(labels), key=_label_order)


def _label_order(label: str) -> tuple[int, int, str]:
    try:
        return (0, int(label), label)
    except ValueError:
        return (1, 0, label)
