"""The audit of pretraining data: what its examples are, counted, against what they must be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.audit import Check, Evidence, informative
from bertcli.contracts.objective import Corruption, Objective
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.data.audit_pairs import pair_checks
from bertcli.data.audit_sample import Part, Sample, dynamic_sample
from bertcli.data.audit_sequences import corpus_checks, sequence_checks
from bertcli.data.examples import DynamicExamples, Objectives
from bertcli.data.token_store import TokenStore

TOKENS_USED = "share of the corpus's tokens used"


def spread(count: int, limit: int) -> NDArray[np.int64]:
    """At most ``limit`` numbers below ``count``, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, limit)).astype(np.int64))


def audit_dynamic(
    store: TokenStore,
    examples: DynamicExamples,
    objectives: Objectives,
    vocabulary: Vocabulary,
    *,
    epoch: int,
    limit: int,
    progress: float = 0.0,
) -> list[Check]:
    """Every check of every objective, of the sequences and of the pairs, on examples of an epoch."""
    numbers = spread(examples.count(epoch), limit)
    return audit_sample(dynamic_sample(store, examples, epoch, numbers, progress), objectives, vocabulary)


def audit_sample(sample: Sample, objectives: Objectives, vocabulary: Vocabulary) -> list[Check]:
    """Every check that the sample allows.

    Where the corpus is not kept, checks that compare with it, or with columns that were made of it, are left out.
    """
    checks = sequence_checks(sample, vocabulary)
    checks += corpus_checks(sample, objectives, vocabulary)
    checks += pair_checks(sample, objectives)
    for objective in objectives.values():
        checks += _objective_checks(sample, objective, vocabulary)
    if sample.tokens_used is not None:
        checks.append(informative(TOKENS_USED, sample.tokens_used))
    return checks


def _objective_checks(sample: Sample, objective: Objective, vocabulary: Vocabulary) -> list[Check]:
    """An objective's checks of the whole sample.

    Finished rows are of several copies, each drawn in an epoch of its own. Where their corpus is kept they are checked
    copy by copy: of a check that fails in a copy, the first failure is told. What the rows tell without it is taken of
    all of them at once: few rows of one copy may have no capital, or only words of one piece, and all rows do not.
    """
    of_rows: dict[str, Check] = {}
    if sample.told is not None:
        found = objective.audit(Evidence(sample.told, sample.finished, Corruption(0, 0, vocabulary), draws_known=False))
        of_rows = {check.name: check for check in found}
        if not sample.parts:
            return found
    of_parts: dict[str, Check] = {}
    for part in sample.parts:
        for check in objective.audit(_evidence(sample, part)):
            known = of_parts.get(check.name)
            if known is None or (known.ok and not check.ok):
                of_parts[check.name] = check
    return [of_rows.get(name, check) for name, check in of_parts.items()]


def _evidence(sample: Sample, part: Part) -> Evidence:
    clean, finished = ({name: of[name][part.rows] for name in of} for of in (sample.clean, sample.finished))
    return Evidence(clean, finished, part.corruption)
