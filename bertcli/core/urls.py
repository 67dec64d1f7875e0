"""Addresses such as ``s3://bucket/corpus.txt``, and how they are shown: without the credentials that some hold."""

from __future__ import annotations

import re

_NOT_A_USER = "".join(rf"(?<!\b{scheme})" for scheme in ("hf", "abfs", "abfss", "wasb", "wasbs"))
_USER = re.compile(rf"(?:{_NOT_A_USER}://[^/]*|://[^/@]*:[^/]*)@")
"""An @ stands before a revision in a Hub address, and after a container in one of Azure: no user but with a colon."""
_QUERY = re.compile(r"""(https?://[^?\s'"]*(?=\?)|\w://[^?\s'"]*(?=\?[^\s'"]*=))\?[^\s'"]*""")


def is_url(text: str) -> bool:
    """Whether a text is an address rather than a path."""
    return "://" in text


def without_credentials(text: str) -> str:
    """An address, or a text with addresses in it, without user, password and query (which signs many addresses)."""
    return _QUERY.sub(r"\1?…", _USER.sub("://", text))
