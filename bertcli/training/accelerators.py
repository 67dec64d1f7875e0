"""accelerate's object for a device and a precision."""

from __future__ import annotations

import torch
from accelerate import Accelerator

from bertcli.training.memory import keep_freed_memory


def make_accelerator(device: torch.device, precision: str) -> Accelerator:
    """One accelerator per run; gradient accumulation is the loop's own, with exact counts."""
    if device.type == "cpu":
        keep_freed_memory()
    return Accelerator(cpu=device.type == "cpu", mixed_precision="bf16" if precision == "bf16" else "no")
