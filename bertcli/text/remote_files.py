"""Files that an address names (``s3://``, ``gs://``, ``hf://``, ``https://``, …), read through fsspec as a stream.

A ``RemoteFile`` stands where a ``Path`` would when a file is read. What it is shown as never holds a password or a
signature, and whatever its filesystem raises becomes one line about it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal, cast

from bertcli.core import fingerprints
from bertcli.core.urls import without_credentials
from bertcli.errors import BertcliError, InputFileError, UserError

_BUFFER_BYTES = 1 << 20
_SECONDS_TO_CONNECT = 30
_SECONDS_WITHOUT_DATA = 120

_STREAMING = {"http", "https", "hf"}
"""Read in one request where the length of a block is 0. Other filesystems fetch blocks; many HTTP servers cannot."""

_VERSION_FACTS = {
    *("size", "etag", "versionid", "generation", "blobid", "digest", "sha256", "md5", "md5hash", "contentmd5"),
    *("lastmodified", "modified", "updated", "mtime", "created"),
}
"""What filesystems call the facts of a file that change with its contents, in small letters alone."""


@dataclass(frozen=True)
class RemoteFile:
    """A file on one of fsspec's filesystems; ``str()`` is its address without credentials."""

    url: str = field(compare=False)
    path: str = field(repr=False)
    filesystem: Any = field(repr=False)

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """The last part of the address, without a query."""
        return PurePosixPath(self.path.partition("?")[0]).name

    @property
    def suffix(self) -> str:
        """The last suffix of the name, with its dot; empty where there is none."""
        return PurePosixPath(self.name).suffix

    def open(self, mode: Literal["rb"] = "rb") -> BinaryIO:
        """The bytes of the file from its beginning. Raises ``InputFileError``, at once or while they are read."""
        protocol = self.filesystem.protocol
        protocols = {protocol} if isinstance(protocol, str) else set(protocol)
        with remote_faults(self.url):
            stream = self.filesystem.open(self.path, mode, **({"block_size": 0} if protocols & _STREAMING else {}))
        return cast(BinaryIO, io.BufferedReader(_CheckedStream(stream, self.url), _BUFFER_BYTES))

    def info(self) -> dict[str, Any]:
        """What the filesystem tells of the file. Raises ``InputFileError`` where it is not there."""
        with remote_faults(self.url):
            return dict(self.filesystem.info(self.path))

    def version(self) -> str:
        """A fingerprint of the address and of the size, tag and time of change that the filesystem tells."""
        facts = {re.sub("[^a-z0-9]", "", key.lower()): value for key, value in self.info().items()}
        return fingerprints.of_value([self.url, {key: facts[key] for key in facts if key in _VERSION_FACTS}])


CorpusFile = Path | RemoteFile


class _CheckedStream(io.RawIOBase):
    """A stream whose faults are said with the file's address."""

    def __init__(self, stream: Any, url: str) -> None:
        self._stream, self._url = stream, url

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with remote_faults(self._url):
            data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def open_filesystem(url: str) -> tuple[Any, str]:
    """The filesystem of an address, and the address in its own terms.

    Raises ``UserError`` where a package is missing that reads it, or no filesystem is called so.
    """
    shown = without_credentials(url)
    try:
        import fsspec.core

        with remote_faults(shown):
            filesystem, path = fsspec.core.url_to_fs(url, **_options(url))
    except ImportError as error:
        package = _missing_package(error)
        raise UserError(
            f"reading {url.partition('://')[0]}:// needs the package {package}",
            path=shown,
            hint=f"pip install {package}",
        ) from error
    return filesystem, str(path)


def _options(url: str) -> dict[str, Any]:
    """Settings of the filesystems in an address: HTTP alone has any."""
    protocols = [protocol for protocol in ("http", "https") if re.search(rf"\b{protocol}://", url)]
    if not protocols:
        return {}
    import aiohttp

    # By default a download may take five minutes in all, and packed files are unpacked where the server says so.
    patience = aiohttp.ClientTimeout(total=None, sock_connect=_SECONDS_TO_CONNECT, sock_read=_SECONDS_WITHOUT_DATA)
    client = {
        "timeout": patience,
        "trust_env": True,
        "auto_decompress": False,
        "headers": {"Accept-Encoding": "identity"},
    }
    return {protocol: {"client_kwargs": client} for protocol in protocols}


def _missing_package(error: ImportError) -> str:
    """The package behind the first of the chained errors that names a module."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ImportError) and cause.name:
            return cause.name.partition(".")[0]
        cause = cause.__cause__
    return "fsspec"


@contextmanager
def remote_faults(url: str) -> Iterator[None]:
    """Say whatever a filesystem raises in one line with the address ``url``, which is without credentials."""
    try:
        yield
    except (BertcliError, ImportError):
        raise
    except Exception as error:  # every filesystem has faults of its own
        raise _said(error, url) from error


def _said(error: Exception, url: str) -> InputFileError:
    cause: BaseException = error
    if url.startswith("http"):
        while cause.__cause__ is not None:  # there every fault is a missing file at first
            cause = cause.__cause__
    status = getattr(cause, "status", None)
    if status in (404, 410) or isinstance(cause, FileNotFoundError):
        return InputFileError("no such file", path=url)
    if isinstance(status, int):
        hint = "an address may hold user:password@, and a .netrc file is read" if status == 401 else None
        return InputFileError(f"cannot be read: the server answers {status}", path=url, hint=hint)
    lines = str(getattr(cause, "strerror", None) or cause).splitlines()
    reason = next((line.strip() for line in lines if line.strip()), type(cause).__name__)
    return InputFileError(f"cannot be read: {without_credentials(reason)}", path=url)
