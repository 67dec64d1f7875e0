"""How often each label is there in each split: what is rare, what is alone, and whether splits differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bertcli.data.findings import Finding, percent
from bertcli.data.repeated_examples import GivenSplit

FEW_EXAMPLES = 10
RARE_SHARE = 0.01
"""A class below it is rare; where there are more than ten classes, one below a tenth of an even share."""
SHIFT_P_VALUE = 1e-6
"""Splits that were drawn from one source differ so much once in a million times."""
LEAST_EXPECTED = 5.0
"""Labels of which fewer are expected in a split are put together (Cochran 1954)."""

NOTHING, STRUCTURED, UNKNOWN = "(none)", "(answer)", "(unknown)"
"""An example without a label among those that may have several, a label that is no name, and one that is not known."""


@dataclass(frozen=True)
class LabelCounts:
    """How often each label is there, by split; words are counted where every word has one."""

    counts: Mapping[str, Mapping[str, int]]
    """By split, then by label."""
    labels: tuple[str, ...]
    """In the order of their number in the training split, the most frequent first."""

    @classmethod
    def of(
        cls, splits: Sequence[GivenSplit], names: Mapping[str, str], known: Collection[str] | None = None
    ) -> LabelCounts:
        """Those of all splits that have labels; ``names`` are the labels' names by what files write.

        Where the names of all labels are ``known``, others are counted together.
        """
        counts = {
            split.name: Counter(
                name if known is None or name in known or name == NOTHING else UNKNOWN
                for name in _names(split.examples.columns["label"], names)
            )
            for split in splits
            if "label" in split.examples.columns
        }
        total: Counter[str] = Counter(dict.fromkeys(names.values(), 0))
        for of_split in counts.values():
            total.update(of_split)
        first = next(iter(counts.values()), Counter())
        labels = sorted(total, key=lambda label: (-first.get(label, 0), -total[label], label))
        return cls(counts, tuple(labels))

    def total(self, split: str) -> int:
        """All labels of a split."""
        return sum(self.counts[split].values())

    def dump(self) -> dict[str, dict[str, dict[str, float]]]:
        """Label, split, then ``count`` and ``share``."""
        return {
            label: {
                split: {"count": counts.get(label, 0), "share": counts.get(label, 0) / max(1, self.total(split))}
                for split, counts in self.counts.items()
            }
            for label in self.labels
        }


def _names(labels: Iterable[Any], names: Mapping[str, str]) -> Iterable[str]:
    for label in labels:
        if isinstance(label, str):
            yield names.get(label, label)
        elif isinstance(label, list | tuple):
            if not label:
                yield NOTHING
            elif all(isinstance(one, str) for one in label):
                yield from (names.get(one, one) for one in label)
            else:
                yield STRUCTURED


def balance_findings(
    balance: LabelCounts, splits: Sequence[GivenSplit], of: Literal["classes", "tags", "answers", "choices"]
) -> list[Finding]:
    """Splits with one label alone, labels that are rare in training, and splits that differ from training.

    The first of ``splits`` is the training split. Tags are rare by their number alone: nearly all words have the same.
    The test of shift takes their words as drawn one by one, so that it tells of smaller differences.
    """
    findings = []
    for split in splits:
        if split.name in balance.counts and of != "answers":
            findings += _alone(balance, split)
    train, *others = [split for split in splits if split.name in balance.counts]
    if of == "classes":
        findings += _rare(balance, train, min(RARE_SHARE, 0.1 / max(1, len(balance.labels))))
    elif of == "tags":
        findings += _rare(balance, train, 0.0)
    for split in others:
        findings += _shifted(balance, train, split)
    return findings


def _alone(balance: LabelCounts, split: GivenSplit) -> list[Finding]:
    """A split whose examples all have one label: nothing can be learned from it, or measured on it."""
    there = [label for label, count in balance.counts[split.name].items() if count]
    if len(there) != 1 or len(balance.labels) < 2 or len(split) < 2:
        return []
    return [
        Finding(
            "warning" if split.role == "test" else "error",
            "one class",
            split.name,
            len(split),
            f"every example of {split.name} has the label {there[0]!r}",
            (split.place(0),),
            "take the splits from shuffled data",
        )
    ]


def _rare(balance: LabelCounts, train: GivenSplit, share: float) -> list[Finding]:
    counts, total = balance.counts[train.name], balance.total(train.name)
    labels = [label for label in balance.labels if label not in (NOTHING, UNKNOWN)]
    rare = [label for label in labels if counts.get(label, 0) < max(FEW_EXAMPLES, share * total)]
    if not rare:
        return []
    listed = ", ".join(f"{label!r} {counts.get(label, 0):,} times" for label in rare[-5:][::-1])
    more = f", and {len(rare) - 5} more" if len(rare) > 5 else ""
    bound = f"fewer than {FEW_EXAMPLES}{f', or under {100 * share:.2g} %' if share else ''}"
    what = "1 label is" if len(rare) == 1 else f"{len(rare)} labels are"
    return [
        Finding(
            "warning",
            "rare label",
            train.name,
            len(rare),
            f"{what} rare in {train.name} ({bound}): {listed}{more}",
            hint="collect more of them, or join them" + ("; --class-weights balanced weighs them up" if share else ""),
        )
    ]


def _shifted(balance: LabelCounts, train: GivenSplit, split: GivenSplit) -> list[Finding]:
    one, other = balance.counts[train.name], balance.counts[split.name]
    table = np.asarray(
        [[counts.get(label, 0) for label in balance.labels] for counts in (one, other)], dtype=np.float64
    )
    p_value = homogeneity(table)
    if p_value >= SHIFT_P_VALUE:
        return []
    shares = table / table.sum(axis=1, keepdims=True)
    most = int(np.abs(shares[1] - shares[0]).argmax())
    label, (before, after) = balance.labels[most], table[:, most].astype(int).tolist()
    of_train, of_split = percent(before, balance.total(train.name)), percent(after, balance.total(split.name))
    return [
        Finding(
            "warning",
            "label shift",
            f"{train.name}/{split.name}",
            len(split),
            f"the labels of {split.name} are distributed otherwise than in {train.name} (chi-squared test, p = "
            f"{p_value:.1g}): {label!r} is {of_split} there and {of_train} in {train.name}",
            hint="take the splits from one shuffled source, if they are meant to be alike",
        )
    ]


def homogeneity(table: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """The p value of Pearson's chi-squared test that both rows of counts (2, labels) are drawn alike.

    Labels of which fewer than ``LEAST_EXPECTED`` are expected in either row are put together; 1 where one is left.
    """
    from scipy.special import chdtrc

    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / max(1.0, table.sum())
    few = (expected < LEAST_EXPECTED).any(axis=0)
    columns = [table[:, ~few]]
    if few.any() and (expected[:, few].sum(axis=1) >= LEAST_EXPECTED).all():
        columns.append(table[:, few].sum(axis=1, keepdims=True))
    joined = np.concatenate(columns, axis=1)
    if joined.shape[1] < 2:
        return 1.0
    expected = np.outer(joined.sum(axis=1), joined.sum(axis=0)) / joined.sum()
    return float(chdtrc(joined.shape[1] - 1, (np.square(joined - expected) / expected).sum()))
