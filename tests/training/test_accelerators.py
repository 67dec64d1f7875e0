import pytest

from bertcli.errors import DeviceError
from bertcli.training import accelerators


def test_several_processes_are_refused_before_they_write_over_each_other(monkeypatch):
    monkeypatch.setattr(accelerators.Accelerator, "num_processes", property(lambda self: 4))
    with pytest.raises(DeviceError, match="4 processes were started, a run uses one"):
        accelerators.open_accelerator(device="cpu", precision="fp32")
