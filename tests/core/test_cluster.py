"""Work spread over the workers of a Dask cluster."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cloudpickle
import pytest
from distributed import Client
from distributed.comm import CommClosedError

from bertcli.core import cluster, messages
from bertcli.core.workers import DaskCluster, map_in_order
from bertcli.errors import ConfigError, InputFileError, RunError, UserError

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import the tests


def make(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return function


def square(number: int) -> int:
    time.sleep(0.01 * (number % 3))
    return number * number


def make_counter() -> Callable[[int], tuple[int, int]]:
    calls = 0

    def count(number: int) -> tuple[int, int]:
        nonlocal calls
        calls += 1
        time.sleep(0.01)
        return os.getpid(), calls

    return count


def fail(number: int) -> int:
    raise InputFileError("no good", path="x.txt", line=number, hint="mend it")


def cannot_be_made() -> Callable[[int], int]:
    raise ValueError("no such thing")


def die_once(mark: Path, number: int) -> int:
    if number == 5 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def die(number: int) -> int:
    os._exit(9)


class Notices(messages.Silence):
    def __init__(self, answer: Callable[[], object]) -> None:
        self.texts: list[str] = []
        self._answer = answer

    def notice(self, text: str) -> None:
        self.texts.append(text)
        self._answer()


def forgotten(dask_cluster: Any) -> bool:
    """Whether the scheduler soon has nothing left to do or to keep."""
    deadline = time.monotonic() + 10
    while dask_cluster.scheduler.tasks and time.monotonic() < deadline:
        time.sleep(0.01)
    return not dask_cluster.scheduler.tasks


@pytest.fixture
def workers(dask_cluster: Any) -> DaskCluster:
    return DaskCluster(dask_cluster.scheduler_address)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_LOOKING_SECONDS", 0.05)
    monkeypatch.setattr(cluster, "_LONELY_SECONDS", 0.1)
    monkeypatch.setattr(cluster, "_CONNECTING_SECONDS", 0.5)


def test_results_come_in_the_order_of_the_work(dask_cluster: Any, workers: DaskCluster):
    assert list(map_in_order(partial(make, square), range(20), workers=workers)) == [n * n for n in range(20)]
    assert list(map_in_order(partial(make, square), [3], workers=workers)) == [9]
    assert list(map_in_order(partial(make, square), [], workers=workers)) == []
    assert forgotten(dask_cluster)


def test_each_process_makes_the_function_once(workers: DaskCluster):
    calls = list(map_in_order(make_counter, range(20), workers=workers))
    processes = {process for process, _ in calls}
    assert os.getpid() not in processes
    assert sorted(call for process, call in calls if call == 1) == [1] * len(processes)


def test_threads_that_work_at_the_same_time_have_functions_of_their_own():
    functions = cluster._Functions("run", cloudpickle.dumps(make_counter), cluster._versions())
    with functions.one() as first, functions.one() as second:
        assert first is not second
    with functions.one() as again:
        assert again in (first, second)


def test_a_worker_forgets_the_functions_of_a_run_that_is_over(dask_cluster: Any, workers: DaskCluster):
    list(map_in_order(make_counter, range(20), workers=workers))
    with Client(workers.address, set_as_default=False) as client:
        assert list(client.run(lambda: len(cluster._runs)).values()) == [0, 0]


def test_only_a_few_items_are_taken_ahead(dask_cluster: Any, workers: DaskCluster):
    taken = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = map_in_order(partial(make, square), items(), workers=workers)
    assert next(results) == 0
    assert len(taken) <= 5
    results.close()
    assert len(taken) <= 5
    assert forgotten(dask_cluster)


def test_an_interruption_cancels_what_is_under_way(dask_cluster: Any, workers: DaskCluster):
    def items() -> Iterator[int]:
        yield from range(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(map_in_order(partial(make, square), items(), workers=workers))
    assert forgotten(dask_cluster)


def test_an_error_of_the_work_is_raised_as_it_is(workers: DaskCluster):
    with pytest.raises(InputFileError, match=r"x\.txt:0: no good") as caught:
        list(map_in_order(partial(make, fail), range(4), workers=workers))
    assert caught.value.hint == "mend it"
    assert caught.value.line == 0


def test_an_error_of_a_file_is_not_taken_for_a_lost_connection(workers: DaskCluster, tmp_path: Path):
    missing = str(tmp_path / "missing.txt")
    with pytest.raises(FileNotFoundError, match=r"missing\.txt"):
        list(map_in_order(partial(make, open), [missing], workers=workers))


@pytest.mark.parametrize("lost", [TimeoutError(), CommClosedError("in <TCP>: Stream is closed")])
def test_an_error_of_the_work_that_does_not_arrive_is_a_lost_connection(lost: Exception):
    def ask(timeout: float) -> None:
        raise lost

    client: Any = SimpleNamespace(status="running")
    future: Any = SimpleNamespace(exception=ask, status="error")
    with pytest.raises(RunError, match=r"the connection to the Dask scheduler at tcp://x:1 was lost"):
        cluster._Cluster(client, "tcp://x:1")._raise_from(future)


def test_work_for_a_client_that_was_closed_is_a_lost_connection():
    def submit(*_: Any, **__: Any) -> None:
        raise RuntimeError("Client is closed")

    client: Any = SimpleNamespace(status="closed", submit=submit)
    with pytest.raises(RunError, match=r"the connection to the Dask scheduler at tcp://x:1 was lost"):
        cluster._Cluster(client, "tcp://x:1").submit("key", len, "text")


def test_tidying_up_does_not_hide_the_error(monkeypatch: pytest.MonkeyPatch, workers: DaskCluster):
    close = Client.close

    def fails(*_: Any, **__: Any) -> None:
        raise TimeoutError

    def closes_and_fails(self: Client) -> None:
        was_open = self.status != "closed"  # the collector closes once more, and must not fail
        close(self)
        if was_open:
            raise TimeoutError

    monkeypatch.setattr(Client, "cancel", fails)
    monkeypatch.setattr(Client, "run", fails)
    monkeypatch.setattr(Client, "close", closes_and_fails)
    with pytest.raises(InputFileError, match=r"x\.txt:0: no good"):
        list(map_in_order(partial(make, fail), range(4), workers=workers))


def test_a_function_that_cannot_be_made_says_why(workers: DaskCluster):
    with pytest.raises(ValueError, match="no such thing"):
        list(map_in_order(cannot_be_made, range(4), workers=workers))


def test_texts_of_any_size_are_sent_without_a_warning(workers: DaskCluster):
    assert list(map_in_order(partial(make, len), ["x" * 12_000_000], workers=workers)) == [12_000_000]


def test_the_logs_of_workers_do_not_show_what_is_sent():
    assert repr(cluster._Parcel.of("a secret")) == "_Parcel()"


def test_the_work_of_a_worker_that_is_killed_is_done_again(workers: DaskCluster, tmp_path: Path):
    function = partial(die_once, tmp_path / "mark")
    assert list(map_in_order(partial(make, function), range(20), workers=workers)) == [n * n for n in range(20)]
    assert (tmp_path / "mark").exists()


@pytest.mark.slow
def test_work_that_kills_every_worker_is_given_up(workers: DaskCluster):
    with pytest.raises(RunError, match="given up after the Dask workers that had it were killed") as caught:
        list(map_in_order(partial(make, die), range(2), workers=workers))
    assert "--memory-limit" in str(caught.value.hint)


def test_other_versions_are_told_with_both(monkeypatch: pytest.MonkeyPatch, workers: DaskCluster):
    ours = cluster._versions()
    monkeypatch.setattr(cluster, "_versions", lambda: ours | {"bertcli": "9.9"})
    with pytest.raises(RunError, match=r"this command runs with bertcli 9\.9") as caught:
        list(map_in_order(partial(make, square), range(4), workers=workers))
    assert f"the Dask scheduler at {workers.address} has bertcli {ours['bertcli']}" in str(caught.value)
    assert "in the same versions" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("theirs", "said"),
    [
        ({"bertcli": None}, "there has no bertcli, and this command runs with bertcli 1.0"),
        ({"python": "3.12.1.final.0"}, "there has python 3.12, and this command runs with python 3.11"),
        ({"tokenizers": "0.1"}, "there has tokenizers 0.1, and this command runs with tokenizers 0.2"),
        ({"jieba": "0.1"}, "there has jieba 0.1, and this command runs with jieba 0.2"),
    ],
)
def test_a_machine_with_other_versions_is_refused(theirs: dict[str, str | None], said: str):
    ours = {"python": "3.11.7.final.0", "bertcli": "1.0", "tokenizers": "0.2", "jieba": "0.2"}
    with pytest.raises(RunError, match=said):
        cluster._compare("there", ours | theirs, ours, cluster._OF_A_WORKER)


def test_a_later_patch_of_python_and_a_missing_jieba_are_taken():
    ours = {"python": "3.11.7.final.0", "bertcli": "1.0", "jieba": "0.2"}
    cluster._compare("there", ours | {"python": "3.11.9.final.0", "jieba": None}, ours, cluster._OF_A_WORKER)


@pytest.mark.parametrize("listens", [False, True])
def test_an_address_where_no_scheduler_answers_is_told(impatient: None, listens: bool):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        if listens:
            other.listen()
        address = f"tcp://127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(ConfigError, match=f"no Dask scheduler answers at {address}: .") as caught:
            list(map_in_order(partial(make, square), range(4), workers=DaskCluster(address)))
    assert "`dask scheduler` starts one" in str(caught.value.hint)


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match="--dask needs the package distributed") as caught:
        list(map_in_order(partial(make, square), range(4), workers=DaskCluster("tcp://127.0.0.1:1")))
    assert caught.value.hint == "pip install 'bertcli[cluster]'"


@pytest.fixture
def without_workers(impatient: None, tmp_path: Path) -> Iterator[Any]:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=0,
        processes=False,
        protocol="tcp://",
        dashboard_address="127.0.0.1:0",
        local_directory=str(tmp_path),
        silence_logs=logging.CRITICAL,
    ) as alone:
        yield alone


def test_a_cluster_without_workers_is_told_and_waited_for(monkeypatch: pytest.MonkeyPatch, without_workers: Any):
    notices = Notices(answer=lambda: without_workers.scale(1))
    monkeypatch.setattr(messages, "reporter", notices)
    workers = DaskCluster(without_workers.scheduler_address)
    assert list(map_in_order(partial(make, square), range(4), workers=workers)) == [0, 1, 4, 9]
    start = f"`dask worker {workers.address}` starts one"
    assert notices.texts == [f"the Dask cluster at {workers.address} has no worker: waiting for one ({start})"]


def test_a_cluster_that_stays_without_workers_is_given_up(monkeypatch: pytest.MonkeyPatch, without_workers: Any):
    monkeypatch.setattr(cluster, "_GIVING_UP_SECONDS", 0.2)
    workers = DaskCluster(without_workers.scheduler_address)
    with pytest.raises(RunError, match="has had no worker for 0 minutes"):
        list(map_in_order(partial(make, square), range(4), workers=workers))


def test_a_scheduler_that_goes_away_is_told(without_workers: Any):
    without_workers.scale(1)
    workers = DaskCluster(without_workers.scheduler_address)
    results = map_in_order(partial(make, square), range(100), workers=workers)
    assert next(results) == 0
    without_workers.close()
    with pytest.raises(RunError, match=r"the connection to the Dask scheduler at .* was lost"):
        list(results)
