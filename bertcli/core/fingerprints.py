"""Fingerprints: what a manifest writes down so that a later stage can recognise its input."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def of_bytes(data: bytes) -> str:
    """SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_value(value: Any) -> str:
    """SHA-256 of a JSON-like value; the order of keys does not matter."""
    return of_bytes(json.dumps(value, sort_keys=True, ensure_ascii=False, default=str).encode())
