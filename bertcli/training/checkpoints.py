"""Checkpoints: everything a run needs to continue to the bit, in safetensors and JSON, written atomically.

A checkpoint is ``checkpoints/step-00001000/`` with ``model.safetensors``, ``optimizer.safetensors`` (moments by
parameter name, and the generators' states) and ``state.json``, which is written last and holds the checksums of the
other two. The newest complete checkpoint is the one that a resume takes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from bertcli.core import fingerprints
from bertcli.core.atomic import new_directory
from bertcli.core.messages import notice
from bertcli.errors import ModelError

_WEIGHTS = "model.safetensors"
_OPTIMIZER = "optimizer.safetensors"
_STATE = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint on disk: its directory, its step and what the stage stored with it."""

    directory: Path
    step: int
    state: dict[str, Any]


def save_checkpoint(
    root: Path,
    step: int,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    state: dict[str, Any],
    *,
    keep: int,
    best: int | None = None,
) -> Path:
    """Write ``root/step-XXXXXXXX`` and remove all but the newest ``keep`` and that of step ``best``.

    Raises ``OutputError`` on a full disk.
    """
    directory = _directory(root, step)
    with new_directory(directory, overwrite=True) as partial:
        _save({name: value.contiguous() for name, value in _weights(model).items()}, partial / _WEIGHTS)
        _save(_optimizer_tensors(model, optimizer) | _generator_tensors(), partial / _OPTIMIZER)
        sums = {name: fingerprints.of_file(partial / name) for name in (_WEIGHTS, _OPTIMIZER)}
        (partial / _STATE).write_text(json.dumps({"step": step, "sha256": sums, "state": state}, indent=2) + "\n")
    steps = sorted(root.glob("step-*"))
    here = steps.index(directory)
    for other in [*steps[: here + 1][:-keep], *steps[here + 1 :]]:  # later ones are damaged: a resume passed them over
        if best is None or other != _directory(root, best):
            shutil.rmtree(other)
    return directory


def _directory(root: Path, step: int) -> Path:
    return root / f"step-{step:08d}"


def _save(tensors: dict[str, torch.Tensor], path: Path) -> None:
    try:
        save_file(tensors, path)
    except SafetensorError as error:  # the library's own error, also where the system says that the disk is full
        found = re.search(r"os error (\d+)", str(error))
        if found is None:
            raise
        number = int(found[1])
        raise OSError(number, os.strerror(number), str(path)) from error


def newest_checkpoint(root: Path) -> Checkpoint | None:
    """The newest checkpoint whose checksums hold; a damaged one is passed over with a notice."""
    for directory in sorted(root.glob("step-*"), reverse=True):
        checkpoint = _whole(directory)
        if checkpoint is not None:
            return checkpoint
        notice(f"{directory} is damaged and passed over")
    return None


def checkpoint_at(root: Path, step: int) -> Checkpoint:
    """The checkpoint of a step. Raises ``ModelError`` where it is damaged or gone."""
    directory = _directory(root, step)
    checkpoint = _whole(directory)
    if checkpoint is None:
        raise ModelError("the checkpoint is damaged or gone", path=directory, hint="--overwrite starts the run anew")
    return checkpoint


def _whole(directory: Path) -> Checkpoint | None:
    """The checkpoint in a directory if its checksums hold."""
    try:
        record = json.loads((directory / _STATE).read_text("utf-8"))
        whole = all(fingerprints.of_file(directory / name) == sum_ for name, sum_ in record["sha256"].items())
        return Checkpoint(directory, record["step"], record["state"]) if whole else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def load_checkpoint(checkpoint: Checkpoint, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Put weights, moments and generators back as they were. Raises ``ModelError`` where the shapes differ."""
    load_weights(checkpoint, model)
    saved = load_file(checkpoint.directory / _OPTIMIZER)
    for name, parameter in model.named_parameters():
        moments = {key.removeprefix(f"{name}/"): value for key, value in saved.items() if key.startswith(f"{name}/")}
        if moments:
            optimizer.state[parameter] = {
                # The fused kernels want the step count in float32 on the parameter's own device.
                key: value.to(parameter.device)
                for key, value in moments.items()
            }
    _restore_generators(saved)


def load_weights(checkpoint: Checkpoint, model: nn.Module) -> None:
    """Put the weights alone back as they were. Raises ``ModelError`` where the shapes differ."""
    weights = load_file(checkpoint.directory / _WEIGHTS)
    current = _weights(model)
    if weights.keys() != current.keys() or any(weights[name].shape != current[name].shape for name in weights):
        raise ModelError(
            "the checkpoint is of another model",
            path=checkpoint.directory,
            hint="--overwrite starts the run anew",
        )
    with torch.no_grad():
        for name, value in weights.items():
            current[name].copy_(value)


def _weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters (tied ones once) and persistent buffers, by name."""
    names = {name for name, _ in model.named_parameters()} | {name for name, _ in model.named_buffers()}
    return {name: value for name, value in model.state_dict(keep_vars=True).items() if name in names}


def _optimizer_tensors(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    return {
        f"{name}/{key}": value.contiguous()
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def _generator_tensors() -> dict[str, torch.Tensor]:
    tensors = {"generator:cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["generator:cuda"] = torch.cuda.get_rng_state()
    if torch.backends.mps.is_available():
        tensors["generator:mps"] = torch.mps.get_rng_state()
    return tensors


def _restore_generators(saved: dict[str, torch.Tensor]) -> None:
    torch.set_rng_state(saved["generator:cpu"])
    if "generator:cuda" in saved and torch.cuda.is_available():
        torch.cuda.set_rng_state(saved["generator:cuda"])
    if "generator:mps" in saved and torch.backends.mps.is_available():
        torch.mps.set_rng_state(saved["generator:mps"])
