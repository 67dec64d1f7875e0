"""How much of a corpus a plan uses."""

from __future__ import annotations

import numpy as np

from bertcli.data.plan import Plan
from bertcli.data.token_store import TokenStore


def tokens_covered(store: TokenStore, plan: Plan, examples: int | None = None) -> float:
    """Share of the store's tokens that stand in at least one example, or in one of the first ``examples``."""
    bounds = plan.bounds if examples is None else plan.bounds[: plan.first_piece[examples]]
    if not store.tokens or not len(bounds):
        return 0.0
    starts, ends = bounds[np.argsort(bounds[:, 0], kind="stable")].T
    reached = np.maximum.accumulate(ends)
    new = ends - np.maximum(starts, np.concatenate([[0], reached[:-1]]))
    return float(np.maximum(new, 0).sum() / store.tokens)
