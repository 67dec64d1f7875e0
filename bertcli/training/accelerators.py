"""accelerate's object for a run: where it computes, and in which precision."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from bertcli.config.sections import Device, Precision
from bertcli.core.memory import keep_freed_memory
from bertcli.errors import DeviceError
from bertcli.training.devices import choose_device, choose_precision, set_threads


def open_accelerator(*, device: Device, precision: Precision, threads: int | None = None) -> Accelerator:
    """One accelerator per run; gradient accumulation is the loop's own, with exact counts.

    Raises ``DeviceError`` where the device is not there, or cannot do what is asked for.
    """
    chosen = choose_device(device)
    arithmetic = choose_precision(precision, chosen)
    set_threads(threads)
    if chosen.type == "cpu":
        keep_freed_memory()
    # accelerate keeps the first device and precision of a process for good and refuses others.
    AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())
    accelerator = Accelerator(cpu=chosen.type == "cpu", mixed_precision="bf16" if arithmetic == "bf16" else "no")
    if accelerator.num_processes > 1:
        raise DeviceError(
            f"{accelerator.num_processes} processes were started, a run uses one",
            hint="start bertcli itself, without torchrun or accelerate launch",
        )
    return accelerator


def precision_of(accelerator: Accelerator) -> Precision:
    """The precision that was chosen for it."""
    return "bf16" if accelerator.mixed_precision == "bf16" else "fp32"
