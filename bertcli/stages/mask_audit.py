"""Pretraining data audited: the documents, the sequences and pairs, and every check of every objective."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from bertcli.config.mask import MaskAudit
from bertcli.contracts.audit import Check, informative
from bertcli.core.atomic import write_json
from bertcli.core.messages import progress
from bertcli.data.audit import audit_sample, spread
from bertcli.data.audit_sequences import UNKNOWN_RATE, tell_unknown
from bertcli.data.leakage import leakage_checks
from bertcli.data.near_duplicates import NearDuplicate, near_duplicates
from bertcli.data.opening import load_data_tokenizer
from bertcli.errors import ConfigError, DataError, OutputError
from bertcli.stages.mask_view import View, open_view
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.word_boundaries import WordBoundaries

EPOCHS_OF_THE_PAPER = 40
"""Epochs over the documents in which BERT saw each of ten masks four times (Liu et al. 2019, section 4.1)."""
SHOWN_NEAR_DUPLICATES = 10


@dataclass(frozen=True)
class NearDuplicates:
    """What ``--near-duplicates`` found: how many held-out documents, their share, and some of them."""

    threshold: float
    documents: int
    share: float
    examples: list[NearDuplicate]


@dataclass(frozen=True)
class AuditReport:
    """Every check of an audit, and what was looked at."""

    data: str
    static: bool
    objectives: list[str]
    epoch: int | None
    """Dynamic data: the epoch whose masks were drawn."""
    progress: float
    copies: int | None
    """Static data: copies of the corpus, each with masks of its own."""
    sequences: int
    tokens_used: float | None
    """Share of the corpus's tokens that an epoch (of static data: a copy) uses; None where the corpus is not kept."""
    near_duplicates: NearDuplicates | None
    checks: list[Check]

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return all(check.ok for check in self.checks)

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"ok": self.ok, "checks": [check.dump() for check in self.checks]}


def audit_masks(config: MaskAudit) -> AuditReport:
    """Every check on the documents, and on examples of one epoch; the report is also written where it is asked to be.

    Raises a ``UserError`` before any work where the data cannot be looked at as asked.
    """
    if config.output is not None and config.output.is_dir():
        raise OutputError("the output is a directory, not a file", path=config.output, hint="name a file with -o")
    if "near_duplicate_threshold" in config.model_fields_set and not config.near_duplicates:
        raise ConfigError(
            "--near-duplicate-threshold says how near, and nothing looks for near-duplicates",
            hint="add --near-duplicates",
        )
    view = open_view(config)
    tokenizer = load_data_tokenizer(view.opened.data)  # which has to be the right one, whatever is asked of it
    store, held_out = view.store, view.held_out  # both opened now, so that damage is said before any work
    if config.near_duplicates and store is None:
        raise DataError(
            "near-duplicates cannot be looked for: these rows do not keep their documents",
            path=config.data,
            hint="build the data again with `bertcli mask build`",
        )
    sample = view.sample_against_corpus(spread(view.examples, config.limit))
    checks = audit_sample(sample, view.opened.objectives, view.opened.data.vocabulary)
    checks.append(_times_seen(view))
    if store is not None and held_out is not None:
        checks += leakage_checks(store, held_out)
    found = _near_duplicates(view, tokenizer, config.near_duplicate_threshold) if config.near_duplicates else None
    if found is not None:
        checks.append(informative("held-out documents nearly in training", float(found.documents)))
    tell_unknown(next(check.observed for check in checks if check.name == UNKNOWN_RATE))
    report = AuditReport(
        data=str(config.data),
        static=bool(view.copies),
        objectives=list(view.opened.objectives),
        epoch=None if view.copies else config.epoch,
        progress=config.progress,
        copies=view.copies or None,
        sequences=len(sample.original),
        tokens_used=sample.tokens_used,
        near_duplicates=found,
        checks=checks,
    )
    if config.output is not None:
        write_json(config.output, report.dump())
    return report


def _times_seen(view: View) -> Check:
    """Static masks repeat with the copy that they belong to, dynamic ones never."""
    times = EPOCHS_OF_THE_PAPER / view.copies if view.copies else 1.0
    return informative(f"times each mask is seen in {EPOCHS_OF_THE_PAPER} epochs of the documents", times)


def _near_duplicates(view: View, tokenizer: Tokenizer, threshold: float) -> NearDuplicates:
    assert view.store is not None
    if view.held_out is None or not view.held_out.documents:
        return NearDuplicates(threshold, 0, 0.0, [])
    boundaries = WordBoundaries.of(tokenizer)
    with progress("comparing", view.store.documents, "documents") as bar:
        found = near_duplicates(view.store, view.held_out, boundaries, threshold=threshold, progress=bar)
    share = len(found) / view.held_out.documents
    return NearDuplicates(threshold, len(found), share, found[:SHOWN_NEAR_DUPLICATES])
