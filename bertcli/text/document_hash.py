"""The hash by which a text is known again: the same for texts that are the same characters."""

from __future__ import annotations

import hashlib
import unicodedata


def document_hash(text: str) -> int:
    """64-bit hash of a text in NFC."""
    normal = text.encode() if text.isascii() else unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(normal, digest_size=8).digest(), "little")
