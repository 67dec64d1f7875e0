"""Files opened as bytes, decompressed on the way; what is wrong with them is said with the file's name."""

from __future__ import annotations

import gzip
import io
import lzma
import zlib
from typing import Any, BinaryIO, cast

from bertcli.errors import InputFileError, UserError
from bertcli.text.remote_files import CorpusFile

COMPRESSED_SUFFIXES = (".gz", ".zst", ".xz")

BLOCK_BYTES = 1 << 20


def open_binary(path: CorpusFile) -> BinaryIO:
    """Open a file for reading; ``.gz``, ``.zst`` and ``.xz`` are decompressed.

    Raises ``InputFileError``, at once or while it is read, where the file cannot be read or is cut off, and
    ``UserError`` where the library that reads ``.zst`` is missing.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        source = _source(raw, path)
    except BaseException:
        raw.close()
        raise
    return cast(BinaryIO, io.BufferedReader(_CheckedSource(source, raw, path), BLOCK_BYTES))


def _source(raw: BinaryIO, path: CorpusFile) -> Any:
    match path.suffix.lower():
        case ".gz":
            return gzip.GzipFile(fileobj=raw)
        case ".xz":
            return lzma.LZMAFile(raw)
        case ".zst":
            return _ZstdSource(raw, path)
        case _:
            return raw


def _unreadable(path: CorpusFile, error: OSError) -> InputFileError:
    reason = "no such file" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror or error}"
    return InputFileError(reason, path=path)


class _CheckedSource(io.RawIOBase):
    """A stream whose faults are the user's to know."""

    def __init__(self, source: Any, raw: BinaryIO, path: CorpusFile) -> None:
        self._source, self._raw, self._path = source, raw, path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return int(self._source.readinto(buffer))
        except EOFError as error:
            raise InputFileError(
                "the compressed file ends too early",
                path=self._path,
                hint="it was cut off; make or fetch it again",
            ) from error
        except (gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
            raise InputFileError(f"not a valid {self._path.suffix} file: {error}", path=self._path) from error
        except OSError as error:
            raise _unreadable(self._path, error) from error

    def close(self) -> None:
        if not self.closed:
            self._source.close()
            self._raw.close()
        super().close()


class _ZstdSource:
    """Zstandard frames, one after the other; unlike the library's own reader it notices a frame that is cut off."""

    def __init__(self, raw: BinaryIO, path: CorpusFile) -> None:
        try:
            import zstandard
        except ImportError as error:
            raise UserError(
                "reading .zst files needs the package zstandard", path=path, hint="pip install 'bertcli[zstd]'"
            ) from error
        self._raw, self._path = raw, path
        self._library = zstandard
        self._decompressor: Any = None
        self._packed = b""
        self._ready = memoryview(b"")

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            if not self._packed:
                self._packed = self._raw.read(BLOCK_BYTES // 8)
            if not self._packed:
                if self._decompressor is not None:
                    raise EOFError
                return 0
            self._ready = memoryview(self._decompress())
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _decompress(self) -> bytes:
        if self._decompressor is None:
            self._decompressor = self._library.ZstdDecompressor().decompressobj()
        try:
            data = cast(bytes, self._decompressor.decompress(self._packed))
        except self._library.ZstdError as error:
            raise InputFileError(f"not a valid .zst file: {error}", path=self._path) from error
        self._packed = b""
        if self._decompressor.eof:
            self._packed = self._decompressor.unused_data
            self._decompressor = None
        return data

    def close(self) -> None:
        self._ready = memoryview(b"")
