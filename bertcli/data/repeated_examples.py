"""Examples that are there twice: within a split, with other labels, or in two splits at once.

Two texts are the same that differ in white space, case and Unicode form (NFC) alone. What a score means depends on it
(Lee et al. 2022): a repeated training example weighs more, one with two labels cannot be learned, and one that is also
in dev or test is known before it is asked.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any, Literal

from bertcli.contracts.task import Examples, Task
from bertcli.data.findings import Finding, Place, Showing, excerpt, is_over, percent
from bertcli.data.tables import NoLabel

Role = Literal["train", "dev", "test"]


@dataclass(frozen=True)
class GivenSplit:
    """One split as it is given, with what tells its examples apart."""

    role: Role
    examples: Examples
    keys: Sequence[str]
    """(examples,) the task's keys, normalised."""
    texts: Sequence[str]
    """(examples,) all that is read of each, for people and for counting."""
    identities: Sequence[str]
    """(examples,) the texts, normalised."""

    @classmethod
    def of(cls, role: Role, examples: Examples, task: Task) -> GivenSplit:
        """A split with its keys.

        Where a key is that of several examples, as of questions on one text, other columns of text tell them apart.
        """
        keys = task.keys(examples)
        normal = [normalised(key) for key in keys]
        others = _other_texts(examples, keys)
        if not others:
            return cls(role, examples, normal, keys, normal)
        texts = ["\t".join(cells) for cells in zip(*others, keys, strict=True)]
        return cls(role, examples, normal, texts, [normalised(text) for text in texts])

    @property
    def name(self) -> str:
        """The split's name."""
        return self.examples.split

    @cached_property
    def first_rows(self) -> Mapping[str, int]:
        """The first row with each key."""
        rows: dict[str, int] = {}
        for row, key in enumerate(self.keys):
            rows.setdefault(key, row)
        return rows

    @cached_property
    def has_line_each(self) -> bool:
        """Whether every example stands on a line of its own, as not in a file that is one object."""
        return len(set(zip(self.examples.paths, self.examples.lines, strict=True))) == len(self)

    def place(self, row: int) -> Place:
        """Where an example stands; by its id as well, where the line does not tell."""
        name = None if self.has_line_each else self.examples.ids[row]
        return Place(self.examples.paths[row], self.examples.lines[row], name)

    def shown(self, row: int, showing: Showing, *, same_as: Place | None = None, note: str | None = None) -> Place:
        """The place of an example, with its text where that is shown."""
        text = excerpt(self.texts[row]) if showing.text else None
        return replace(self.place(row), same_as=same_as, note=note, text=text)

    def __len__(self) -> int:
        return len(self.examples)


def normalised(text: str) -> str:
    """A text without what does not make it another one: case, runs of white space, and its Unicode form."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.casefold().split())


def _other_texts(examples: Examples, keys: Sequence[str]) -> list[Sequence[str]]:
    """Columns of text that the keys do not hold, e.g. the question where the key is the context."""
    found = []
    for name, cells in examples.columns.items():
        if name == "label" or not cells or not all(isinstance(cell, str) for cell in cells):
            continue
        if any(cell not in key for cell, key in zip(cells, keys, strict=True)):
            found.append(cells)
    return found


def duplicate_findings(
    split: GivenSplit, names: Mapping[str, str], showing: Showing, *, ordered: bool, may_differ: bool, tolerated: float
) -> list[Finding]:
    """Copies within a split, those that agree apart from those whose labels differ.

    ``names`` are the labels' names by what files write; ``ordered`` says that several labels of an example have an
    order, ``may_differ`` that labels of one text need not agree, as those of several raters. Copies are counted from
    the second on; of a contradiction all are, and above the share ``tolerated`` it is an error.
    """
    groups: dict[str, list[int]] = {}
    for row, identity in enumerate(split.identities):
        if identity:  # what is empty is no copy of anything
            groups.setdefault(identity, []).append(row)
    repeated = [rows for rows in groups.values() if len(rows) > 1]
    labels = split.examples.columns.get("label")
    if labels is None:
        contradictory = []
    else:
        forms = {row: _comparable(labels[row], names, ordered=ordered) for rows in repeated for row in rows}
        contradictory = [rows for rows in repeated if len({forms[row] for row in rows} - {None}) > 1]
    odd = {rows[0] for rows in contradictory}
    agreeing = [rows for rows in repeated if rows[0] not in odd]
    findings = []
    if agreeing:
        count = sum(len(rows) - 1 for rows in agreeing)
        findings.append(
            Finding(
                "warning",
                "duplicates",
                split.name,
                count,
                f"{count:,} of {len(split):,} examples ({percent(count, len(split))}) repeat another one of the split",
                showing.first(_copies(split, agreeing, showing)),
                "each copy weighs once more in the loss or in the score",
            )
        )
    if contradictory:
        count = sum(map(len, contradictory))
        findings.append(
            Finding(
                "error" if is_over(count, len(split), tolerated) and not may_differ else "warning",
                "conflicts",
                split.name,
                count,
                f"{count:,} of {len(split):,} examples ({percent(count, len(split))}) have copies with another label",
                showing.first(_copies(split, contradictory, showing, labels)),
                "keep one label for each text",
            )
        )
    return findings


def _copies(
    split: GivenSplit, groups: Sequence[Sequence[int]], showing: Showing, labels: Sequence[Any] | None = None
) -> Iterator[Place]:
    for first, *others in groups:
        for row in others:
            note = _both_labels(labels[row], labels[first]) if labels is not None and showing.text else None
            yield split.shown(row, showing, same_as=split.place(first), note=note)


def _both_labels(here: Any, there: Any) -> str | None:
    """What two labels are, where they are short."""
    if isinstance(here, str) and isinstance(there, str):
        return f"{here!r} here, {there!r} there"
    return None


def _comparable(label: Any, names: Mapping[str, str], *, ordered: bool) -> Any:
    """A label in a form that is equal for equal ones; None where there is none."""
    if isinstance(label, NoLabel):
        return None
    if isinstance(label, str):
        if label in names:
            return names[label]
        try:
            return float(label)
        except ValueError:
            return label
    return tuple(label) if ordered else frozenset(names.get(one, one) for one in label)


def leakage_findings(splits: Sequence[GivenSplit], showing: Showing, *, tolerated: float) -> list[Finding]:
    """Examples of a split whose key is in another one, as a share of the smaller of the two.

    Above the share ``tolerated`` they are an error. Parts of one split, as MNLI's two dev splits, may share texts.
    """
    found = (_leak(one, other, showing, tolerated) for one, other in combinations(splits, 2) if one.role != other.role)
    return [finding for finding in found if finding is not None]


def _leak(one: GivenSplit, other: GivenSplit, showing: Showing, tolerated: float) -> Finding | None:
    larger, smaller = (one, other) if len(one) >= len(other) else (other, one)
    known = larger.first_rows
    rows = [row for row, key in enumerate(smaller.keys) if key and key in known]
    if not rows:
        return None
    places = (smaller.shown(row, showing, same_as=larger.place(known[smaller.keys[row]])) for row in rows)
    return Finding(
        "error" if is_over(len(rows), len(smaller), tolerated) else "warning",
        "leakage",
        f"{one.name}/{other.name}",
        len(rows),
        f"{len(rows):,} of the {len(smaller):,} examples of {smaller.name} ({percent(len(rows), len(smaller))}) "
        f"are in {larger.name} too",
        showing.first(places),
        "keep the copies in one of the two splits",
    )
