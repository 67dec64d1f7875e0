"""accelerate's object for a device and a precision, and what a device has used of its memory."""

from __future__ import annotations

import resource
import sys

import torch
from accelerate import Accelerator


def make_accelerator(device: torch.device, precision: str) -> Accelerator:
    """One accelerator per run; gradient accumulation is the loop's own, with exact counts."""
    return Accelerator(cpu=device.type == "cpu", mixed_precision="bf16" if precision == "bf16" else "no")


def peak_memory_bytes(device: torch.device) -> int:
    """The most memory in use so far: of the device on CUDA, of this process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
