"""Pretraining data audited: every check of every objective."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bertcli.config.mask import MaskAudit
from bertcli.contracts.audit import Check
from bertcli.data.audit import audit_dynamic, audit_static
from bertcli.data.examples import StaticExamples
from bertcli.stages.mask_view import open_view


@dataclass(frozen=True)
class AuditReport:
    """Every check of an audit."""

    data: str
    objectives: list[str]
    checks: list[Check]

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return all(check.ok for check in self.checks)

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "data": self.data,
            "objectives": self.objectives,
            "ok": self.ok,
            "checks": [check.dump() for check in self.checks],
        }


def audit_masks(config: MaskAudit) -> AuditReport:
    """Every check of every objective on examples of one epoch."""
    opened = open_view(config)
    if isinstance(opened.examples, StaticExamples):
        checks = audit_static(opened.examples, opened.objectives, opened.data.vocabulary, limit=config.limit)
    else:
        assert opened.store is not None
        checks = audit_dynamic(
            opened.store,
            opened.examples,
            opened.objectives,
            opened.data.vocabulary,
            epoch=config.epoch,
            limit=config.limit,
            progress=config.progress,
        )
    return AuditReport(str(config.data), list(opened.objectives), checks)
