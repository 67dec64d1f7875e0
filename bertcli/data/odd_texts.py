"""Texts that look as if a column were wrong: pairs of one text with itself, and texts that are the name of a label."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bertcli.data.findings import Finding, Showing, is_over, percent
from bertcli.data.repeated_examples import GivenSplit, normalised

TOLERATED = 0.01
"""Share of a split's texts that may be the name of a label: a review may be one word."""


def odd_text_findings(split: GivenSplit, labels: Collection[str], showing: Showing) -> Iterator[Finding]:
    """Warnings for texts that are there, are no fault by themselves, and are hardly what was meant."""
    texts, pairs = split.examples.columns.get("text"), split.examples.columns.get("pair")
    if texts is None:
        return
    if pairs is not None:
        rows = [
            row
            for row, (text, pair) in enumerate(zip(texts, pairs, strict=True))
            if text.strip() and normalised(text) == normalised(pair)
        ]
        if rows:
            yield _finding(split, "same texts", rows, "have the same text twice", "--pair-column", showing)
    names = {normalised(label) for label in labels}
    rows = [row for row, key in enumerate(split.keys) if key in names]
    if is_over(len(rows), len(split), TOLERATED):
        yield _finding(split, "label as text", rows, "have the name of a label as their text", "--text-column", showing)


def _finding(split: GivenSplit, check: str, rows: list[int], what: str, flag: str, showing: Showing) -> Finding:
    return Finding(
        "warning",
        check,
        split.name,
        len(rows),
        f"{len(rows):,} of {len(split):,} examples ({percent(len(rows), len(split))}) {what}",
        showing.first(split.shown(row, showing) for row in rows),
        f"is this the right {flag}?",
    )
