"""What is done to text before it is cut into pieces: BERT's cleaning, after a Unicode normal form where one is asked.

The vocabulary's words are counted after the same normalization as its tokenizer applies.
"""

from __future__ import annotations

from typing import Any, Literal

from tokenizers import normalizers

Normalization = Literal["none", "nfc", "nfkc"]

_FORMS: dict[str, Any] = {"nfc": normalizers.NFC, "nfkc": normalizers.NFKC}


def bert_normalizer(
    *,
    lowercase: bool,
    normalization: Normalization = "none",
    tokenize_chinese_chars: bool = True,
    strip_accents: bool | None = None,
) -> normalizers.Normalizer:
    """BERT's normalizer, as it is with ``none``. Neither it nor a normal form reaches across a space."""
    bert = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=tokenize_chinese_chars,
        strip_accents=strip_accents,
        lowercase=lowercase,
    )
    return bert if normalization == "none" else normalizers.Sequence([_FORMS[normalization](), bert])


def normalization_of(normalizer: dict[str, Any] | None) -> Normalization | None:
    """The normal form of a ``bert_normalizer`` in its written form; None where it is another normalizer."""
    parts = normalizer.get("normalizers", [normalizer]) if normalizer else []
    match [part["type"] for part in parts]:
        case ["BertNormalizer"]:
            return "none"
        case ["NFC", "BertNormalizer"]:
            return "nfc"
        case ["NFKC", "BertNormalizer"]:
            return "nfkc"
    return None
