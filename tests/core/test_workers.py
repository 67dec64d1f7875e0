"""Work spread over processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from bertcli.core.workers import Processes, available_cores, map_in_order
from bertcli.errors import InputFileError, RunError


def make(function: Callable[[int], object]) -> Callable[[int], object]:
    return function


def square(number: int) -> int:
    time.sleep(0.01 * (number % 3))
    return number * number


def process(number: int) -> int:
    return os.getpid()


def fail(number: int) -> int:
    raise InputFileError("no good", path="x.txt", line=number)


def die(number: int) -> None:
    os._exit(9)


def cannot_be_made() -> Callable[[int], int]:
    raise ValueError("no such thing")


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_results_come_in_the_order_of_the_work(workers: int):
    assert list(map_in_order(partial(make, square), range(20), workers=Processes(workers))) == [
        n * n for n in range(20)
    ]
    assert list(map_in_order(partial(make, square), [], workers=Processes(workers))) == []


def test_one_item_or_one_worker_needs_no_process():
    own = {os.getpid()}
    assert set(map_in_order(partial(make, process), range(5), workers=Processes(1))) == own
    assert set(map_in_order(partial(make, process), range(1), workers=Processes(2))) == own
    assert not own & set(map_in_order(partial(make, process), range(5), workers=Processes(2)))


def test_only_a_few_items_are_taken_ahead():
    taken = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = map_in_order(partial(make, square), items(), workers=Processes(2))
    assert next(results) == 0
    assert len(taken) <= 5
    results.close()
    assert len(taken) <= 5


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_work_is_raised_where_its_result_is_due(workers: int):
    with pytest.raises(InputFileError, match=r"x\.txt:0: no good"):
        list(map_in_order(partial(make, fail), range(4), workers=Processes(workers)))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_function_that_cannot_be_made_says_why(workers: int):
    with pytest.raises(ValueError, match="no such thing"):
        list(map_in_order(cannot_be_made, range(4), workers=Processes(workers)))


def test_a_process_that_is_killed_is_told():
    with pytest.raises(RunError, match="a worker process was killed"):
        list(map_in_order(partial(make, die), range(4), workers=Processes(2)))


def test_workers_end_when_their_parent_is_killed():
    script = """
import os, time
from bertcli.core.workers import Processes, map_in_order
def work(number):
    os.write(1, b'%d\\n' % os.getpid())
    time.sleep(60)
def make():
    return work
list(map_in_order(make, range(4), workers=Processes(2)))
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(parent.stdout.readline()) for _ in range(2)]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while any(_runs(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(_runs(pid) for pid in pids)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_cores_that_a_process_may_use_are_counted():
    assert available_cores() >= 1
