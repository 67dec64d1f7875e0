"""Where a vocabulary or a model is: a local directory, or a Hub id such as ``google-bert/bert-base-uncased@main``."""

from __future__ import annotations

import re
from pathlib import Path

from bertcli.core.urls import without_credentials
from bertcli.errors import ModelError

OUTPUT_ROOT = "bertcli-out"
"""Where commands write by default: never the owner of a Hub repository."""

_HUB_ID = re.compile(r"(?P<name>[\w.-]+(/[\w.-]+)?)(@(?P<revision>[\w./-]+))?")


def local_directory(where: str, *, patterns: tuple[str, ...], hint: str) -> Path:
    """The local directory behind ``where``; a Hub id is fetched first, only the files that match ``patterns``.

    ``HF_HUB_OFFLINE`` is honoured. Raises ``ModelError`` with ``hint`` where neither is to be had.
    """
    path = Path(where)
    if path.is_dir():
        return path
    match = _HUB_ID.fullmatch(where)
    # The first folder of a path of one's own exists more often than not; a Hub id's owner hardly ever does.
    is_path = path.exists() or (path.parent.is_dir() and path.parent != Path()) or path.parts[:1] == (OUTPUT_ROOT,)
    if is_path or match is None or where.startswith((".", "/", "~")) or where.count("/") > 1:
        raise ModelError("no such directory", path=without_credentials(where), hint=hint)
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    try:
        return Path(
            huggingface_hub.snapshot_download(match["name"], revision=match["revision"], allow_patterns=list(patterns))
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, ValueError, OSError) as error:
        known = isinstance(error, HfHubHTTPError | ValueError) and not isinstance(error, LocalEntryNotFoundError)
        hub = "the Hub has no repository of that name" if known else "the Hub cannot be reached"
        raise ModelError(f"no such directory, and {hub}", path=without_credentials(where), hint=hint) from error
