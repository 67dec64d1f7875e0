"""Texts that look as if a column were wrong: pairs of one text with itself, and texts that are the name of a label."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from bertcli.data.findings import Finding, Showing, percent
from bertcli.data.repeated_examples import GivenSplit, normalised


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
    if rows:
        yield _finding(split, "label as text", rows, "have the name of a label as their text", "--text-column", showing)


def _finding(split: GivenSplit, check: str, rows: list[int], what: str, flag: str, showing: Showing) -> Finding:
    return Finding(
        "warning",
        check,
        split.name,
        len(rows),
        f"{len(rows):,} of {len(split):,} examples ({percent(len(rows), len(split))}) {what}",
        showing.first(showing.place(split.examples, row, split.texts[row]) for row in rows),
        f"is this the right {flag}?",
    )
