"""The files of a vocabulary directory, read and checked: ``vocab.txt``, ``tokenizer_config.json`` and their kin."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, cast, get_args

from bertcli.errors import VocabularyError
from bertcli.text.normalization import Normalization
from bertcli.text.pieces import CLS, MASK, PAD, SEP, UNK

VOCAB, TOKENIZER, CONFIG = "vocab.txt", "tokenizer.json", "tokenizer_config.json"
SPECIALS_MAP = "special_tokens_map.json"
FILES = (VOCAB, TOKENIZER, CONFIG, SPECIALS_MAP, "vocab.json", "merges.txt")

HINT = "`bertcli vocab build CORPUS` makes a vocabulary; -o says where"

ROLES = {"pad_token": PAD, "unk_token": UNK, "cls_token": CLS, "sep_token": SEP, "mask_token": MASK}
"""BERT's special pieces by role, as tokenizer_config.json names them."""
_OTHER_NAMES = {
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
}
"""RoBERTa's, and those of most models with SentencePiece."""


def read_vocab_txt(path: Path) -> list[str]:
    """The pieces, one a line. Raises ``VocabularyError`` with the lines of a repeated or empty piece."""
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise VocabularyError(
            f"not UTF-8: byte 0x{error.object[error.start]:02x} at offset {error.start:,}", path=path, hint=HINT
        ) from error
    except OSError as error:
        raise VocabularyError(f"cannot be read: {error.strerror or error}", path=path, hint=HINT) from error
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise VocabularyError("the vocabulary is empty", path=path, hint=HINT)
    first_line: dict[str, int] = {}
    for number, piece in enumerate(lines, start=1):
        if " " in piece.strip():
            raise VocabularyError(
                "a line with spaces: this is a text, not a vocabulary", path=path, line=number, hint=HINT
            )
        if not piece:
            raise VocabularyError("an empty piece", path=path, line=number, hint="every line holds one piece")
        if piece in first_line:
            raise VocabularyError(
                f"the piece {piece!r} stands here again; it was first on line {first_line[piece]}",
                path=path,
                line=number,
                hint="every piece stands once; its line is its id",
            )
        first_line[piece] = number
    return lines


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, empty where the file is not there. Raises ``VocabularyError`` where it is no object."""
    if not path.is_file():
        return {}
    try:
        values = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise VocabularyError(f"not JSON: {error}", path=path) from error
    if not isinstance(values, dict):
        raise VocabularyError("expected a JSON object", path=path)
    return values


def special_names(directory: Path, config: dict[str, Any], pieces: Collection[str] = ()) -> dict[str, str]:
    """The piece of each role (``pad_token``, …), as the files say, else BERT's names, or RoBERTa's among ``pieces``."""
    said = read_json(directory / SPECIALS_MAP) | config
    names = {}
    for role, usual in ROLES.items():
        value = said.get(role)
        if isinstance(value, dict):
            value = value.get("content")
        if not isinstance(value, str):
            other = _OTHER_NAMES[role]
            value = other if usual not in pieces and other in pieces else usual
        names[role] = value
    return names


def normal_form(directory: Path, config: dict[str, Any]) -> Normalization:
    """The Unicode normal form that the configuration names, else none. Raises ``VocabularyError`` where it is none."""
    said = config.get("normalization", "none")
    if said not in get_args(Normalization):
        raise VocabularyError(
            f"normalization {said!r} is not known", path=directory / CONFIG, hint="expected none, nfc or nfkc"
        )
    return cast(Normalization, said)
