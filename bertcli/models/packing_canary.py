"""The canary of packing: one sequence of a packed row is changed, and its neighbours' outputs must not move.

An encoder that does not use its ``sequence_ids`` trains on, with a lower loss than it deserves. So a run that packs
begins with this check: on its own device and precision, in training mode with dropout as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bertcli.contracts.batch import Batch
from bertcli.errors import RunError

_SEED = 0
_AT_TARGETS = frozenset({"targets", "query"})
"""Streams (batch, targets, hidden); others have every position."""


def check_packing(
    encoders: Mapping[str, nn.Module], batch: Batch, ordinary_ids: NDArray[np.int64], *, where: str
) -> None:
    """Change one sequence in each row of several. Raises ``RunError`` where others' outputs move, or its own do not.

    ``batch`` is packed and lies on the encoders' device; ``where`` names device and precision. What is masked out adds
    exactly nothing and the dropout masks are the same, so neighbours may not move at all; on a device whose sums
    depend on chance, not by more than twice what they do when the same batch is encoded again. torch's generators
    are left as they were.
    """
    changed, of_rows = _with_one_changed(batch, ordinary_ids)
    for name, encoder in encoders.items():
        before, again, after = (_outputs(encoder, one) for one in (batch, batch, changed))
        noise = before.moved(again)
        moved = before.moved(after)
        own = before.owners == of_rows[before.rows]
        what = f"the encoder {name!r}" if len(encoders) > 1 else "the encoder"
        leaked, allowed = float(moved[~own].max()), 2 * float(noise.max())
        if not leaked <= allowed:  # nor may it be NaN
            raise RunError(
                f"{what} lets packed sequences see each other on {where}: "
                f"changing one moved its neighbours' outputs by up to {leaked:.2g}",
                hint="--no-pack trains without packing",
            )
        if not float(moved[own].max()) > allowed:
            raise RunError(
                f"{what} is blind to packed sequences on {where}: changing one did not move its own outputs",
                hint="--no-pack trains without packing",
            )


@dataclass(frozen=True)
class _Outputs:
    """Everything an encoder gave out: (outputs, hidden), and whose each is."""

    states: Tensor
    rows: Tensor
    """(outputs,) the row of each."""
    owners: Tensor
    """(outputs,) the place in its row of the sequence that each belongs to, from 1."""

    def moved(self, other: _Outputs) -> Tensor:
        """How far each output is from that of the other, (outputs,): the largest difference in a component."""
        return (self.states - other.states).abs().amax(dim=1)


def _outputs(encoder: nn.Module, batch: Batch) -> _Outputs:
    """Encode in training mode, with the dropout masks of a fixed seed."""
    sequence_ids = batch["sequence_ids"]
    device = sequence_ids.device
    training = encoder.training
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(_SEED)
        encoded: Any = encoder.train()(batch)
    encoder.train(training)

    rows = torch.arange(len(sequence_ids), device=device)[:, None]
    states, of_rows, owners = [], [], []
    for name, stream in encoded.streams.items():  # (batch, positions, hidden)
        whose = sequence_ids.gather(1, batch["target_positions"]) if name in _AT_TARGETS else sequence_ids
        real = whose > 0
        states.append(stream[real])
        of_rows.append(rows.expand_as(whose)[real])
        owners.append(whose[real])
    if encoded.pooled is not None:  # (sequences, hidden)
        first = (batch["position_ids"] == 0) & (sequence_ids > 0)
        states.append(encoded.pooled)
        of_rows.append(rows.expand_as(first)[first])
        owners.append(sequence_ids[first])
    joined = torch.cat([part.detach().float() for part in states])
    return _Outputs(joined, torch.cat(of_rows), torch.cat(owners))


def _with_one_changed(batch: Batch, ordinary_ids: NDArray[np.int64]) -> tuple[Batch, Tensor]:
    """Other pieces in one sequence of each row, and which one that is, (batch,); 0 where a row has one sequence."""
    input_ids, sequence_ids = batch["input_ids"], batch["sequence_ids"]
    in_row = sequence_ids.amax(dim=1)
    rows = torch.arange(len(in_row), device=in_row.device)
    chosen = torch.where(in_row > 1, 1 + rows % in_row, 0)  # the first, the second, …: either side leaks to the other
    known = torch.as_tensor(ordinary_ids, device=input_ids.device)
    # Two positions of one piece get different ones, so that no sequence is only renamed.
    others = known[(input_ids + 1 + torch.arange(input_ids.shape[1], device=input_ids.device)) % len(known)]
    is_chosen = (sequence_ids == chosen[:, None]) & (sequence_ids > 0)
    return replace(batch, columns=batch.columns | {"input_ids": torch.where(is_chosen, others, input_ids)}), chosen
