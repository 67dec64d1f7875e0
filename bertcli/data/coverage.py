"""How much of a corpus a plan uses."""

from __future__ import annotations

import numpy as np

from bertcli.data.plan import Plan
from bertcli.data.token_store import TokenStore


def tokens_covered(store: TokenStore, plan: Plan) -> float:
    """Share of the store's tokens that stand in at least one example."""
    if not store.tokens or not len(plan.bounds):
        return 0.0
    starts, ends = plan.bounds[np.argsort(plan.bounds[:, 0], kind="stable")].T
    reached = np.maximum.accumulate(ends)
    new = ends - np.maximum(starts, np.concatenate([[0], reached[:-1]]))
    return float(np.maximum(new, 0).sum() / store.tokens)
