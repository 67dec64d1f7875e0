import json

import pytest
import torch
from safetensors import SafetensorError
from torch import nn

from bertcli.errors import ModelError, OutputError
from bertcli.training import checkpoints
from bertcli.training.checkpoints import (
    checkpoint_at,
    load_checkpoint,
    load_weights,
    newest_checkpoint,
    save_checkpoint,
)
from bertcli.training.optimizers import adamw


class Tied(nn.Module):
    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.embedding = nn.Embedding(6, width)
        self.decoder = nn.Linear(width, 6)
        self.decoder.weight = self.embedding.weight
        self.norm = nn.BatchNorm1d(6)

    def forward(self, ids):
        return self.norm(self.decoder(self.embedding(ids)))


def made(width=4):
    torch.manual_seed(0)
    model = Tied(width)
    return model, adamw(model, weight_decay=0.1, beta1=0.9, beta2=0.98, epsilon=1e-6, learning_rate=0.1)


def step(model, optimizer):
    (model(torch.randint(0, 6, (8,))) + torch.rand(6)).pow(2).sum().backward()
    optimizer.step()
    optimizer.zero_grad()


def test_a_restored_run_goes_on_to_the_bit(tmp_path):
    model, optimizer = made()
    for _ in range(3):
        step(model, optimizer)
    save_checkpoint(tmp_path, 3, model, optimizer, {"tokens_seen": 7}, keep=2)
    for _ in range(3):
        step(model, optimizer)
    other, other_optimizer = made()
    checkpoint = newest_checkpoint(tmp_path)
    load_checkpoint(checkpoint, other, other_optimizer)
    assert checkpoint.step == 3
    assert checkpoint.state == {"tokens_seen": 7}
    for _ in range(3):
        step(other, other_optimizer)
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_only_the_newest_checkpoints_are_kept(tmp_path):
    model, optimizer = made()
    for number in range(1, 6):
        save_checkpoint(tmp_path, number, model, optimizer, {}, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000004", "step-00000005"]


def test_the_best_checkpoint_is_kept_beside_the_newest(tmp_path):
    model, optimizer = made()
    for number in range(1, 6):
        save_checkpoint(tmp_path, number, model, optimizer, {}, keep=1, best=min(number, 2))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000002", "step-00000005"]
    save_checkpoint(tmp_path, 6, model, optimizer, {}, keep=1, best=6)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000006"]


def test_weights_alone_come_from_the_checkpoint_of_a_step(tmp_path):
    model, optimizer = made()
    save_checkpoint(tmp_path, 1, model, optimizer, {}, keep=2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    step(model, optimizer)
    save_checkpoint(tmp_path, 2, model, optimizer, {}, keep=2)
    state = torch.get_rng_state()
    load_weights(checkpoint_at(tmp_path, 1), model)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert torch.equal(torch.get_rng_state(), state)


def test_a_checkpoint_that_is_damaged_or_gone_cannot_be_chosen(tmp_path):
    save_checkpoint(tmp_path, 1, *made(), {}, keep=1)
    (tmp_path / "step-00000001" / "model.safetensors").write_bytes(b"cut")
    for number in (1, 2):
        with pytest.raises(ModelError, match="the checkpoint is damaged or gone") as caught:
            checkpoint_at(tmp_path, number)
        assert caught.value.hint == "--overwrite starts the run anew"


def test_a_checkpoint_without_its_last_file_is_no_checkpoint(tmp_path):
    model, optimizer = made()
    for number in (1, 2):
        save_checkpoint(tmp_path, number, model, optimizer, {}, keep=5)
    (tmp_path / "step-00000002" / "state.json").unlink()
    assert newest_checkpoint(tmp_path).step == 1


def test_a_partial_checkpoint_is_not_looked_at(tmp_path):
    (tmp_path / ".step-00000009.partial").mkdir()
    assert newest_checkpoint(tmp_path) is None


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    save_checkpoint(tmp_path, 1, *made(), {}, keep=1)
    with pytest.raises(ModelError, match="of another model"):
        load_checkpoint(newest_checkpoint(tmp_path), *made(width=5))


def test_tied_weights_are_stored_once_and_nothing_is_pickled(tmp_path):
    from safetensors import safe_open

    directory = save_checkpoint(tmp_path, 1, *made(), {}, keep=1)
    with safe_open(directory / "model.safetensors", framework="pt") as tensors:
        assert "decoder.weight" not in tensors.keys()  # noqa: SIM118 - not a mapping
    assert {path.suffix for path in directory.iterdir()} == {".safetensors", ".json"}
    assert json.loads((directory / "state.json").read_text())["step"] == 1


def test_what_is_saved_stays_beside_later_checkpoints_that_are_damaged(tmp_path):
    model, optimizer = made()
    save_checkpoint(tmp_path, 400, model, optimizer, {}, keep=1)
    (tmp_path / "step-00000400" / "model.safetensors").write_bytes(b"cut")
    save_checkpoint(tmp_path, 50, model, optimizer, {}, keep=1)
    assert [path.name for path in tmp_path.glob("step-*")] == ["step-00000050"]


def test_a_full_disk_is_said_as_one(tmp_path, monkeypatch):
    model, optimizer = made()
    save_checkpoint(tmp_path, 1, model, optimizer, {}, keep=2)

    def full(tensors, path):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(OutputError, match="the disk is full"):
        save_checkpoint(tmp_path, 2, model, optimizer, {}, keep=2)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
