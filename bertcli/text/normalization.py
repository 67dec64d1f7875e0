"""What is done to text before it is cut into pieces: BERT's cleaning, after a Unicode normal form where one is asked.

The vocabulary's words are counted after the same normalization as its tokenizer applies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from tokenizers import normalizers

Normalization = Literal["none", "nfc", "nfkc"]

_FORMS: dict[str, Any] = {"nfc": normalizers.NFC, "nfkc": normalizers.NFKC}


@dataclass(frozen=True)
class WordRules:
    """How text becomes words: a Unicode normal form where one is asked, BERT's cleaning, BERT's splitting."""

    lowercase: bool
    normalization: Normalization = "none"
    tokenize_chinese_chars: bool = True
    strip_accents: bool | None = None
    """None: accents go with the capitals."""

    def with_capitals(self) -> WordRules:
        """The same without lower-casing; accents go where they went."""
        return replace(
            self, lowercase=False, strip_accents=self.lowercase if self.strip_accents is None else self.strip_accents
        )

    def normalizer(self) -> normalizers.Normalizer:
        """BERT's normalizer, as it is with ``none``. Neither it nor a normal form reaches across a space."""
        bert = normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=self.tokenize_chinese_chars,
            strip_accents=self.strip_accents,
            lowercase=self.lowercase,
        )
        return bert if self.normalization == "none" else normalizers.Sequence([_FORMS[self.normalization](), bert])


def normalization_of(normalizer: dict[str, Any] | None) -> Normalization | None:
    """The normal form of ``WordRules.normalizer`` in its written form; None where it is another normalizer."""
    parts = normalizer.get("normalizers", [normalizer]) if normalizer else []
    if not all(part.get("clean_text", True) for part in parts):
        return None
    match [part["type"] for part in parts]:
        case ["BertNormalizer"]:
            return "none"
        case ["NFC", "BertNormalizer"]:
            return "nfc"
        case ["NFKC", "BertNormalizer"]:
            return "nfkc"
    return None
