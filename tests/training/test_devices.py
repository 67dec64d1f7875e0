"""The device and precision of a run are what was asked for, or what the machine does best."""

from __future__ import annotations

import pytest
import torch

from bertcli.errors import DeviceError
from bertcli.training import devices
from bertcli.training.devices import choose_device, choose_precision, set_threads


def test_auto_takes_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto").type == "cpu"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto").type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == "cuda"


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DeviceError, match=f"there is no {name} device here") as caught:
        choose_device(name)  # type: ignore[arg-type]
    assert caught.value.hint == "found: cpu; --device auto takes the best of them"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("avx512f avx512_bf16", "bf16"), ("amx_bf16 amx_tile", "bf16"), ("avx2 avx512f", "fp32"), ("", "fp32")],
)
def test_auto_precision_on_a_cpu_follows_its_instructions(
    flags: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_cpu_flags", lambda: set(flags.split()))
    assert choose_precision("auto", torch.device("cpu")) == expected


@pytest.mark.parametrize("there", [True, False])
def test_auto_precision_on_a_gpu_follows_the_gpu(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: there)
    assert choose_precision("auto", torch.device("cuda")) == ("bf16" if there else "fp32")
    if not there:
        with pytest.raises(DeviceError, match="this cuda device does not compute in bf16"):
            choose_precision("bf16", torch.device("cuda"))


def test_mps_computes_in_fp32() -> None:
    assert choose_precision("auto", torch.device("mps")) == "fp32"


def test_a_cpu_takes_either_precision_on_request() -> None:
    assert choose_precision("bf16", torch.device("cpu")) == "bf16"
    assert choose_precision("fp32", torch.device("cpu")) == "fp32"


def test_threads_are_set_and_left_alone() -> None:
    before = torch.get_num_threads()
    try:
        assert set_threads(1) == 1
        assert set_threads(None) == 1
    finally:
        torch.set_num_threads(before)
