"""The ideographs that BERT cuts out as words of their own, and where they stand side by side."""

from __future__ import annotations

import re

IDEOGRAPHS = (
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0002a6df\U0002a700-\U0002b81f\U0002b920-\U0002ceaf\U0002f800-\U0002fa1f"
)
"""As ranges of a regular expression. The tokenizers library leaves out U+2B820 to U+2B91F, and so do we."""

_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")
_ALL_IDEOGRAPHS = re.compile(f"[{IDEOGRAPHS}]+")
# BERT's cleaning puts a space on both sides of each: two that stood side by side have two between them, others more.
_SIDE_BY_SIDE = re.compile(f"(?<=[{IDEOGRAPHS}])  (?=[{IDEOGRAPHS}])")


def are_side_by_side(before: str, after: str) -> bool:
    """Whether one text ends with an ideograph and the next one begins with one."""
    return bool(_IDEOGRAPH.match(before[-1:]) and _IDEOGRAPH.match(after))


def is_all_ideographs(text: str) -> bool:
    """Whether a text is ideographs and nothing else."""
    return _ALL_IDEOGRAPHS.fullmatch(text) is not None


def followers(cleaned: str) -> set[int]:
    """Where in a text with spaces around its ideographs one stands that followed another directly."""
    return {gap.end() for gap in _SIDE_BY_SIDE.finditer(cleaned)}
