"""Capitals: what a normalizer does to them, and whether the pieces of a vocabulary have them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bertcli.errors import VocabularyError

_MOST_CAPITALS = 0.01
"""Share of pieces with a capital letter beyond which a vocabulary is cased; bert-base-chinese has 2 in 21,128."""
_SMALL_LETTER = re.compile("[a-zß-öø-ÿα-ωа-я]")


def casing_of(normalizer: dict[str, Any] | None) -> dict[str, Any]:
    """What a normalizer does to letters; ``strip_accents`` follows the lower-casing where it is None."""
    parts = normalizer.get("normalizers", [normalizer]) if normalizer else []
    bert = next((part for part in parts if part["type"] == "BertNormalizer"), None)
    if bert is not None:
        return {
            "lowercase": bert["lowercase"],
            "tokenize_chinese_chars": bert["handle_chinese_chars"],
            "strip_accents": bert["strip_accents"],
        }
    kinds = {part["type"] for part in parts}
    return {
        "lowercase": "Lowercase" in kinds,
        "tokenize_chinese_chars": False,
        "strip_accents": "StripAccents" in kinds,
    }


def check_casing(pieces: Sequence[str], *, lowercase: bool, path: Path | None, config: Path) -> None:
    """Raise ``VocabularyError`` where pieces contradict the lower-casing, which ``config`` says."""
    ordinary = _ordinary(pieces)
    capitals = _capitals(ordinary)
    if lowercase and _are_too_many(capitals, ordinary):
        raise VocabularyError(
            f"a cased vocabulary with lower-casing: {capitals:,} of its pieces have a capital letter, "
            "and lower-cased text never reaches them",
            path=path,
            hint=f'set "do_lower_case": false in {config}',
        )
    if not lowercase and not capitals and any(map(_SMALL_LETTER.search, ordinary)):
        raise VocabularyError(
            "an uncased vocabulary without lower-casing: none of its pieces has a capital letter, "
            "and every capital would be unknown",
            path=path,
            hint=f'set "do_lower_case": true in {config}, or build the vocabulary without --cased',
        )


def is_cased(pieces: Sequence[str]) -> bool:
    """Whether more pieces have a capital letter than lower-cased text leaves by chance."""
    ordinary = _ordinary(pieces)
    return _are_too_many(_capitals(ordinary), ordinary)


def _are_too_many(capitals: int, ordinary: Sequence[str]) -> bool:
    return capitals > max(1, _MOST_CAPITALS * len(ordinary))


def _ordinary(pieces: Sequence[str]) -> list[str]:
    return [piece for piece in pieces if not (piece.startswith("[") and piece.endswith("]"))]


def _capitals(ordinary: Sequence[str]) -> int:
    return sum(piece != piece.lower() for piece in ordinary)
