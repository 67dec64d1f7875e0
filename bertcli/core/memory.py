"""Memory of this process: freed blocks are kept for the next time that they are wanted."""

from __future__ import annotations

import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_TOP_PAD_BYTES = 64 << 20


def keep_freed_memory() -> None:
    """Let glibc keep freed blocks instead of giving them back to the system after every array, in pages of 2 MB.

    A training step, or the encoding of a block of text, allocates the same large blocks every time; taking them anew
    costs a page fault for every 4 KB, a quarter of the step of a small model. torch looks for its variable at its first
    allocation; nothing happens with other C libraries.
    """
    if not sys.platform.startswith("linux"):
        return
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    library = ctypes.CDLL(None)
    if hasattr(library, "gnu_get_libc_version"):
        library.mallopt(_M_MMAP_MAX, 0)
        library.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        library.mallopt(_M_TOP_PAD, _TOP_PAD_BYTES)
