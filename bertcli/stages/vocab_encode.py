"""Cuts text into pieces: one text with all that is known of its pieces, or many lines as fast as they come."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from typing import Any, BinaryIO, Literal

from bertcli.config.vocab_encode import VocabEncode
from bertcli.core.blocks import in_blocks
from bertcli.core.workers import ALONE, map_in_order
from bertcli.text.lines import read_stream
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_loading import load_tokenizer

Form = Literal["pieces", "ids", "json"]

_CHARACTERS_PER_CALL = 2_000_000


@dataclass(frozen=True)
class EncodedText:
    """A text in pieces; ``offsets`` are where each piece begins and ends in the text, in characters."""

    text: str
    pieces: list[str]
    ids: list[int]
    offsets: list[tuple[int, int]]

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def encode_text(config: VocabEncode) -> EncodedText:
    """One text in pieces. Raises ``VocabularyError`` where the vocabulary cannot be used."""
    return _encoded(load_tokenizer(config.vocab), config.text)


def encode_lines(config: VocabEncode, source: BinaryIO, *, as_json: bool) -> Iterator[str]:
    r"""For every line of a stream its line of output, in constant memory: pieces, ids, or a JSON object.

    Lines end with ``\n`` or ``\r\n``. From a terminal each is answered at once. Raises ``InputFileError`` with the
    number of a line that is not UTF-8.
    """
    tokenizer = load_tokenizer(config.vocab)
    make = partial(_LineEncoder, tokenizer, "json" if as_json else config.show)
    at_once = source.isatty()
    calls = in_blocks(read_stream(source, errors=config.errors), 0 if at_once else _CHARACTERS_PER_CALL, len)
    yield from chain.from_iterable(map_in_order(make, calls, workers=ALONE if at_once else config.pool))


class _LineEncoder:
    """Turns lines into lines of output, some million characters at a time."""

    def __init__(self, tokenizer: Tokenizer, form: Form) -> None:
        self._tokenizer = tokenizer
        write: dict[Form, Callable[[list[str]], list[str]]] = {
            "pieces": self._pieces,
            "ids": self._ids,
            "json": self._json,
        }
        self._write = write[form]

    def __call__(self, lines: list[str]) -> list[str]:
        return self._write(lines)

    def _pieces(self, lines: list[str]) -> list[str]:
        return [" ".join(self._tokenizer.pieces(ids)) for ids in self._tokenizer.encode(lines)]

    def _ids(self, lines: list[str]) -> list[str]:
        return [" ".join(map(str, ids.tolist())) for ids in self._tokenizer.encode(lines)]

    def _json(self, lines: list[str]) -> list[str]:
        return [json.dumps(_encoded(self._tokenizer, line).dump(), ensure_ascii=False) for line in lines]


def _encoded(tokenizer: Tokenizer, text: str) -> EncodedText:
    ids, offsets = tokenizer.encode_with_offsets(text)
    return EncodedText(text, tokenizer.pieces(ids), ids, offsets)
