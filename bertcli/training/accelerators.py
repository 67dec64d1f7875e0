"""accelerate's object for a device and a precision."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from bertcli.errors import DeviceError
from bertcli.training.memory import keep_freed_memory


def make_accelerator(device: torch.device, precision: str) -> Accelerator:
    """One accelerator per run; gradient accumulation is the loop's own, with exact counts."""
    if device.type == "cpu":
        keep_freed_memory()
    # accelerate keeps the first device and precision of a process for good and refuses others.
    AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())
    accelerator = Accelerator(cpu=device.type == "cpu", mixed_precision="bf16" if precision == "bf16" else "no")
    if accelerator.num_processes > 1:
        raise DeviceError(
            f"{accelerator.num_processes} processes were started, a run uses one",
            hint="start bertcli itself, without torchrun or accelerate launch",
        )
    return accelerator
