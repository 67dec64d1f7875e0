"""Lines of text files, in constant memory: any line ending, UTF-8 with faults located, no byte order mark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Literal

from bertcli.errors import InputFileError
from bertcli.text.compression import BLOCK_BYTES, open_binary
from bertcli.text.remote_files import CorpusFile, RemoteFile

Errors = Literal["strict", "replace"]

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_ASCII_SPACE = b" \t\v\f\n"
_WIDE_SPACES = ("\u00a0".encode(), "\u3000".encode())
_BLANK_LINE = re.compile(rb"\n[ \t\v\f]*\n")


def read_lines(path: CorpusFile, *, errors: Errors = "strict") -> Iterator[str]:
    r"""The lines of a file, each without its end, which may be ``\n``, ``\r\n`` or a lone ``\r``.

    Raises ``InputFileError`` with the offset of the first byte that is no UTF-8, unless ``errors`` is ``replace``.
    """
    for text in read_whole_lines(path, errors=errors):
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        yield from lines


def read_stream(source: Iterable[bytes], *, errors: Errors = "strict") -> Iterator[str]:
    r"""The lines of standard input as they come, without their ends (``\n`` or ``\r\n``) and a byte order mark.

    Raises ``InputFileError`` with the number of a line that is not UTF-8.
    """
    for number, line in enumerate(source, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8", errors)
        except UnicodeDecodeError as error:
            raise InputFileError(
                f"not UTF-8: byte 0x{line[error.start]:02x} at position {error.start + 1} of the line",
                path="standard input",
                line=number,
                hint="--errors replace reads it with U+FFFD there, or convert it with `iconv -t UTF-8`",
            ) from error
        yield text.removesuffix("\n").removesuffix("\r")


def read_whole_lines(path: CorpusFile, *, errors: Errors = "strict") -> Iterator[str]:
    r"""A file's text in blocks of whole lines, with ``\n`` as the end of every line but perhaps the last."""
    for offset, block in _blocks(path):
        try:
            text = block.decode("utf-8", errors)
        except UnicodeDecodeError as error:
            raise InputFileError(
                f"not UTF-8: byte 0x{block[error.start]:02x} at offset {offset + error.start:,}",
                path=path,
                hint="--errors replace reads it with U+FFFD there, or convert the file with `iconv -t UTF-8`",
            ) from error
        yield text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def has_blank_lines(path: CorpusFile) -> bool:
    """Whether a blank line stands between two lines of text; read once, up to the first, without decoding."""
    if isinstance(path, RemoteFile):
        return _has_blank_lines(path, path.version())
    stat = path.stat()
    return _has_blank_lines(path, f"{stat.st_size} {stat.st_mtime_ns}")


@cache
def _has_blank_lines(path: CorpusFile, _version: str) -> bool:
    ends: bytes | None = None  # how the text so far ends: with a line end or with a blank line; None before any text
    for _, block in _blocks(path):
        data = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        for space in _WIDE_SPACES:
            data = data.replace(space, b" ")
        if ends is None:
            data = data.lstrip(_ASCII_SPACE)
            if not data:
                continue
            ends = b""
        data = ends + data
        text_end = len(data.rstrip(_ASCII_SPACE))
        if _BLANK_LINE.search(data, 0, text_end):
            return True
        ends = b"\n\n" if _BLANK_LINE.search(data, text_end) else b"\n"
    return False


def _blocks(path: CorpusFile) -> Iterator[tuple[int, bytes]]:
    """Blocks that end where a line ends, with their offsets in the decompressed file; no byte order mark."""
    with open_binary(path) as file:
        offset, waiting = 0, []
        first = file.read(BLOCK_BYTES)
        if first.startswith(_UTF_16_MARKS):
            raise InputFileError(
                "UTF-16, not UTF-8", path=path, hint="convert the file with `iconv -f UTF-16 -t UTF-8`"
            )
        if first.startswith(_BYTE_ORDER_MARK):
            offset, first = len(_BYTE_ORDER_MARK), first[len(_BYTE_ORDER_MARK) :]
        block = first
        while block:
            cut = _end_of_last_line(block)
            if cut:
                waiting.append(block[:cut])
                whole = b"".join(waiting)
                yield offset, whole
                offset += len(whole)
                waiting = []
            waiting.append(block[cut:])
            block = file.read(BLOCK_BYTES)
        rest = b"".join(waiting)
        if rest:
            yield offset, rest


def _end_of_last_line(block: bytes) -> int:
    r"""Where the last whole line of a block ends. A ``\r`` at the very end may be half of ``\r\n``."""
    cut = block.rfind(b"\n") + 1
    return cut or block.rfind(b"\r", 0, len(block) - 1) + 1
