"""Where a run computes, in which precision, and on how many threads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bertcli.config.sections import Device, Precision
from bertcli.errors import DeviceError

if TYPE_CHECKING:
    import torch


def choose_device(name: Device = "auto") -> torch.device:
    """The device of that name; ``auto`` takes CUDA, then MPS, then the CPU. Raises ``DeviceError``."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    found = [kind for kind, is_there in there.items() if is_there]
    if name == "auto":
        return torch.device(found[0])
    if name not in found:
        hint = f"found: {', '.join(found)}; --device auto takes the best of them"
        raise DeviceError(f"there is no {name} device here", hint=hint)
    return torch.device(name)


def choose_precision(name: Precision, device: torch.device) -> Literal["fp32", "bf16"]:
    """``auto`` is bf16 where the device computes in it, otherwise fp32.

    bf16 is slower than fp32 on CPUs without bf16 instructions, and unfinished on MPS. Raises ``DeviceError`` where
    bf16 is asked for on a GPU that lacks it.
    """
    if name == "auto":
        return "bf16" if has_bf16(device) else "fp32"
    if name == "bf16" and device.type != "cpu" and not has_bf16(device):
        hint = "--precision fp32 works everywhere"
        raise DeviceError(f"this {device.type} device does not compute in bf16", hint=hint)
    return name


def has_bf16(device: torch.device) -> bool:
    """Whether the device has instructions for bf16."""
    import torch

    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        return bool({"avx512_bf16", "amx_bf16", "bf16"} & _cpu_flags())
    return False


def _cpu_flags() -> set[str]:
    """The processor's features as Linux lists them (``bf16`` is Arm's name); none elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith(("flags", "Features")) for flag in line.partition(":")[2].split()}


def set_threads(count: int | None) -> int:
    """Compute on ``count`` threads of the CPU; None leaves torch's own choice. Returns the number in use."""
    import torch

    if count is not None:
        torch.set_num_threads(count)
    return torch.get_num_threads()
