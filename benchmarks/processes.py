"""Whole processes, timed, with the memory of all that they start."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Run:
    """What one process took."""

    seconds: float
    peak_mb: float


def measure(command: list[str], output: Any = subprocess.DEVNULL) -> Run:
    """Run a command to its end."""
    started_at = time.monotonic()
    process = subprocess.Popen(command, stdout=output)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, memory_of(process.pid))
        time.sleep(0.1)
    seconds = time.monotonic() - started_at
    if process.returncode:
        sys.exit(f"{command[0]} … {command[-1]} ended with {process.returncode}")
    return Run(seconds, peak)


def memory_of(pid: int) -> float:
    """The proportional set size of a process and all below it, in MB."""
    total = 0.0
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total = sum(int(kilobytes) for kilobytes in re.findall(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)) * 1024 / 1e6
        for thread in Path(f"/proc/{pid}/task").iterdir():
            total += sum(memory_of(int(child)) for child in (thread / "children").read_text().split())
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        pass  # it has ended
    return total
