"""Work spread over processes of this machine or of a cluster, with results in the order of the work."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, TypeVar

from bertcli.core.memory import keep_freed_memory
from bertcli.errors import RunError

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 2
"""Pieces of work per process that wait or are done before their turn."""


@dataclass(frozen=True)
class Processes:
    """So many processes of this machine; fewer than two are the process itself."""

    count: int


@dataclass(frozen=True)
class DaskCluster:
    """The workers of the Dask scheduler at an address such as ``tcp://host:8786``."""

    address: str


Pool = Processes | DaskCluster
"""Who works."""

ALONE = Processes(1)


def available_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_in_order(
    make: Callable[[], Callable[[Item], Result]], items: Iterable[Item], *, workers: Pool
) -> Iterator[Result]:
    """``map(make(), items)`` over ``workers``; with fewer than two processes, or a single item for them, in this one.

    Each process makes the function once. Only a few items are taken ahead of the result that is due; where the caller
    stops or is interrupted, what is under way is finished first. Raises ``RunError`` where a process was killed; of a
    cluster, see ``map_on_cluster``.
    """
    if isinstance(workers, DaskCluster):
        from bertcli.core.cluster import map_on_cluster  # takes a moment, and few have a cluster

        yield from map_on_cluster(make, items, workers.address)
        return
    waiting = iter(items)
    first = list(islice(waiting, 2))
    if workers.count < 2 or len(first) < 2:
        yield from map(make(), chain(first, waiting))
        return
    pool = ProcessPoolExecutor(workers.count, initializer=_start, initargs=(make,))
    try:
        pending: deque[Future[Result]] = deque()
        for item in chain(first, waiting):
            with _no_interrupts():
                pending.append(pool.submit(_call, item))
            if len(pending) >= _AHEAD * workers.count:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenProcessPool as error:
        raise RunError(
            "a worker process was killed, most likely for want of memory", hint="fewer --workers need less memory"
        ) from error
    finally:
        with _no_interrupts():  # a second Ctrl-C would leave the processes waiting for more work for ever
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Ctrl-C waits until the end of this block. Processes that begin in it never get one: the first ends them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_make: Callable[[], Callable[[Any], Any]]  # of a worker process
_function: Callable[[Any], Any] | None = None


def _start(make: Callable[[], Callable[[Any], Any]]) -> None:
    global _make
    _make = make
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _call(item: Any) -> Any:
    # Made here and not at the start: a pool does not say what failed there.
    global _function
    if _function is None:
        _function = _make()
    return _function(item)


def _end_with_parent() -> None:
    """A worker whose parent was killed has nobody to tell it to end."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)
