"""Work spread over the machines of a Dask cluster, with results in the order of the work.

The scheduler keeps every piece of work until its result was fetched, so that a worker that is killed loses nothing:
its pieces are done again elsewhere. Texts travel in a ``_Parcel``: Dask would look for tasks in lists and tuples, and
show them in its logs.
"""

from __future__ import annotations

import asyncio
import pickle
import platform
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from bertcli.core.chatter import quiet_distributed
from bertcli.core.messages import notice
from bertcli.errors import ConfigError, RunError, UserError

if TYPE_CHECKING:
    from distributed import Client, Future

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 2
"""Pieces of work per thread of the cluster that wait or are done before their turn."""
_CONNECTING_SECONDS = 10.0
_LOOKING_SECONDS = 2.0
"""Between two looks at how many workers there are."""
_LONELY_SECONDS = 10.0
"""Without any worker until it is told."""
_GIVING_UP_SECONDS = 1800.0
"""Without any worker until the run fails."""
_FETCHING_SECONDS = 60
_MOST_RUNS = 4
"""Whose functions a worker keeps: where a command was killed, nobody says that its own may go."""
_OF_THE_SCHEDULER = ("python", "bertcli", "distributed")
_OF_A_WORKER = (*_OF_THE_SCHEDULER, "numpy", "pyarrow", "tokenizers", "jieba")
"""What decides on the bytes of a result, or on whether they can be read."""
_OPTIONAL = "jieba"


def map_on_cluster(
    make: Callable[[], Callable[[Item], Result]], items: Iterable[Item], address: str
) -> Iterator[Result]:
    """``map(make(), items)`` over the workers of the Dask scheduler at ``address``.

    Each thread of a worker that works makes a function of its own, once, and the worker drops them at the end. A few
    items per thread are under way; workers may come and go. Raises ``UserError`` where the package is missing or
    nobody answers, ``RunError`` where the cluster fails; what the function raises is raised as it is.
    """
    with _connected(address) as client:
        cluster = _Cluster(client, address)
        cluster.check_versions()
        run = uuid.uuid4().hex
        # A task of its own, not scattered data: those are lost with the workers that hold them.
        functions = cluster.submit(f"bertcli-make-{run}", _same, _Functions(run, _pickled(make), _versions()))
        pending: deque[Future] = deque()
        try:
            for number, item in enumerate(items):
                pending.append(cluster.submit(f"bertcli-{run}-{number}", _work, functions, _Parcel.of(item)))
                while len(pending) >= _AHEAD * cluster.threads():
                    yield cluster.result(pending.popleft())
            while pending:
                yield cluster.result(pending.popleft())
        finally:
            cluster.clear(pending, run)


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise UserError("--dask needs the package distributed", hint="pip install 'bertcli[cluster]'") from error
    # Each piece of work is a graph of its own, and its text is no graph that could be made smaller.
    with quiet_distributed(), dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"}):
        try:
            asyncio.run(asyncio.wait_for(_greeted(address), _CONNECTING_SECONDS))
            client = Client(address, timeout=_CONNECTING_SECONDS, set_as_default=False, name="bertcli")
        except Exception as error:  # whatever may come of what a stranger answers
            raise ConfigError(
                f"no Dask scheduler answers at {address}: {_first_line(error)}",
                hint="`dask scheduler` starts one and says its address; without --dask the work is done here",
            ) from error
        try:
            yield client
        finally:
            with suppress(Exception):  # whatever ended the work is what is to be told
                client.close()


def _first_line(error: Exception) -> str:
    """What an error says, or what it is."""
    said = str(error).strip().partition("\n")[0].rstrip(" :")
    if isinstance(error, TimeoutError) and not said:
        return f"nothing came within {_CONNECTING_SECONDS:g} s"
    return said or type(error).__name__


async def _greeted(address: str) -> None:
    """Connect and part again: a client would wait for ever where something else than Dask listens."""
    from distributed import Security
    from distributed.comm import connect

    secure = Security().get_connection_args("client")
    comm = await connect(address, timeout=_CONNECTING_SECONDS, **secure)
    await comm.close()


class _Cluster:
    """What is known of the cluster while work is under way."""

    def __init__(self, client: Client, address: str) -> None:
        self._client = client
        self._address = address
        self._threads = 0
        self._looked_at = -_LOOKING_SECONDS
        self._last_seen_at = time.monotonic()
        self._told = False

    def check_versions(self) -> None:
        """Wait for a worker. Raises ``RunError`` where a machine has other versions than this one.

        A worker without bertcli would end without a word at the first piece of work.
        """
        while not self._seen_threads():
            time.sleep(_LOOKING_SECONDS / 10)
        with self._losses():
            found = self._client.get_versions(packages=list(_OF_A_WORKER))
        ours = _versions()
        _compare(f"the Dask scheduler at {self._address}", found["scheduler"]["packages"], ours, _OF_THE_SCHEDULER)
        for worker, theirs in found["workers"].items():
            _compare(f"the Dask worker at {worker}", theirs["packages"], ours, _OF_A_WORKER)

    def threads(self) -> int:
        """The threads of all workers, as of a moment ago; 1 where there is none."""
        return max(1, self._seen_threads())

    def _seen_threads(self) -> int:
        now = time.monotonic()
        if now - self._looked_at >= _LOOKING_SECONDS:
            with self._losses():
                self._threads = sum(self._client.nthreads().values())
            self._looked_at = now
            self._tell_absence(now)
        return self._threads

    def result(self, future: Future) -> Any:
        """The result of a piece of work, waited for. Raises what the work raised."""
        from distributed import wait

        while True:
            with self._losses(), self._client.as_current(), suppress(TimeoutError):
                wait([future], timeout=_LOOKING_SECONDS)
            if future.status == "error":
                self._raise_from(future)
            if future.status != "pending":
                with self._losses(), suppress(TimeoutError):
                    return future.result(timeout=_FETCHING_SECONDS).content()
            self._seen_threads()

    def submit(self, key: str, function: Callable[..., Any], *arguments: Any) -> Future:
        """Have a piece of work done."""
        with self._losses():
            return self._client.submit(function, *arguments, key=key, pure=False)

    def clear(self, pending: Iterable[Future], run: str) -> None:
        """Drop what is under way and what workers keep. Never fails: another error may be on its way."""
        with suppress(Exception):
            futures = list(pending)
            if futures and self._client.status == "running":
                self._client.cancel(futures, force=True)
        with suppress(Exception):
            if self._client.status == "running":
                self._client.run(_forget, run, on_error="ignore")

    def _raise_from(self, future: Future) -> NoReturn:
        """Raise what failed work raised."""
        from distributed import KilledWorker

        with self._losses():
            error = future.exception(timeout=_FETCHING_SECONDS)
            traceback = future.traceback(timeout=_FETCHING_SECONDS)
        if isinstance(error, KilledWorker):
            raise RunError(
                "a piece of the work was given up after the Dask workers that had it were killed, one after the other,"
                " most likely for want of memory",
                hint="give the workers more memory each (`dask worker --memory-limit`), or fewer threads",
            ) from error
        assert isinstance(error, BaseException)
        raise error.with_traceback(traceback)

    def _tell_absence(self, now: float) -> None:
        if self._threads:
            self._last_seen_at, self._told = now, False
            return
        absent_seconds = now - self._last_seen_at
        start = f"`dask worker {self._address}` starts one"
        if absent_seconds >= _GIVING_UP_SECONDS:
            raise RunError(
                f"the Dask cluster at {self._address} has had no worker for {absent_seconds / 60:.0f} minutes",
                hint=start,
            )
        if absent_seconds >= _LONELY_SECONDS and not self._told:
            notice(f"the Dask cluster at {self._address} has no worker: waiting for one ({start})")
            self._told = True

    @contextmanager
    def _losses(self) -> Iterator[None]:
        """Of the scheduler, or of the way to it."""
        from distributed import CancelledError

        try:
            yield
        except Exception as error:
            if self._client.status == "running" and not isinstance(error, CancelledError | OSError):
                raise
            raise RunError(
                f"the connection to the Dask scheduler at {self._address} was lost",
                hint="look at whether it still runs; the command has to be run again",
            ) from error


@dataclass(frozen=True)
class _Parcel:
    """Something pickled: Dask does not look into it, and a log does not show it."""

    data: bytes = field(repr=False)

    @classmethod
    def of(cls, content: Any) -> _Parcel:
        return cls(pickle.dumps(content, pickle.HIGHEST_PROTOCOL))

    def content(self) -> Any:
        return pickle.loads(self.data)  # noqa: S301 - from the cluster, to which code is sent

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + len(self.data)


def _pickled(make: Callable[[], Callable[[Any], Any]]) -> bytes:
    import cloudpickle  # also takes what is defined in a script

    return bytes(cloudpickle.dumps(make))


class _Functions:
    """The functions of a run in one worker process: one for each thread that works at the same time.

    They are not safe to share, and threads that waited for one another would be idle. Pickled it is without them.
    """

    def __init__(self, run: str, make: bytes, versions: dict[str, str | None]) -> None:
        self.run = run
        self._make = make
        self._versions = versions
        self._idle: list[Callable[[Any], Any]] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return _Functions, (self.run, self._make, self._versions)

    @contextmanager
    def one(self) -> Iterator[Callable[[Any], Any]]:
        """A function that nobody else uses meanwhile."""
        try:
            function = self._idle.pop()
        except IndexError:
            function = self._made()
        yield function
        self._idle.append(function)

    def _made(self) -> Callable[[Any], Any]:
        # Again, for this worker may have come later than the others.
        _compare(f"the Dask worker on {platform.node()}", _versions(), self._versions, _OF_A_WORKER)
        with _MAKING:  # unpickled anew: what two functions have in common is not safe to share either
            function: Callable[[Any], Any] = pickle.loads(self._make)()  # noqa: S301 - from the client
            return function


_MAKING = threading.Lock()


def _versions() -> dict[str, str | None]:
    """Of all that has to be the same on every machine; None where it is not installed."""
    from distributed.versions import get_versions

    packages: dict[str, str | None] = get_versions(packages=_OF_A_WORKER)["packages"]
    return packages


def _compare(machine: str, theirs: dict[str, str | None], ours: dict[str, str | None], names: tuple[str, ...]) -> None:
    for name in names:
        here, there = ours.get(name), theirs.get(name)
        if name == "python" and here and there:  # what comes behind 3.11 changes nothing
            here, there = (".".join(version.split(".")[:2]) for version in (here, there))
        if here is None or here == there or (there is None and name == _OPTIONAL):
            continue
        has = f"has {name} {there}" if there else f"has no {name}"
        raise RunError(
            f"{machine} {has}, and this command runs with {name} {here}",
            hint="the scheduler and the workers need what is installed here, in the same versions",
        )


def _same(functions: _Functions) -> _Functions:
    return functions


_runs: dict[str, _Functions] = {}  # of a worker process


def _work(functions: _Functions, parcel: _Parcel) -> _Parcel:
    # Dask drops a copy of what a task reads where none is waiting for a moment, and brings another.
    with _MAKING:
        functions = _runs.setdefault(functions.run, functions)
        while len(_runs) > _MOST_RUNS:
            del _runs[next(iter(_runs))]
    with functions.one() as function:
        return _Parcel.of(function(parcel.content()))


def _forget(run: str) -> None:
    _runs.pop(run, None)
