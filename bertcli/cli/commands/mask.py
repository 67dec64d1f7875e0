"""Build pretraining data, show its masks, audit them."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bertcli.cli import console
from bertcli.cli.options import command_app, configured_command
from bertcli.config.mask import DEFAULT_DATA, MaskAudit, MaskBuild, MaskMerge, MaskShow
from bertcli.contracts.audit import Check
from bertcli.core.messages import notice

if TYPE_CHECKING:
    from bertcli.stages.mask_store import MaskReport

app = command_app(help="Build pretraining data, show its masks, audit them.")

_COLOURS = {"special": "2", "masked": "1;33", "replaced": "1;31", "kept": "1;32"}
_FORMS = {
    "masked": "{piece.text}/{piece.original}",
    "replaced": "{piece.text}/{piece.original}",
    "kept": "={piece.text}",
}
_LEGEND = {"masked": "[MASK]/piece masked", "replaced": "new/piece replaced", "kept": "=piece kept"}


def build(config: MaskBuild, as_json: bool) -> None:
    """Turn text into pretraining data: a token store, or with --static finished masked rows."""
    from bertcli.stages.mask_build import build_masks

    _tell(build_masks(config), config.output, as_json)


def merge(config: MaskMerge, as_json: bool) -> None:
    """Join what several jobs built with --shard: the same data as of one build."""
    from bertcli.stages.mask_merge import merge_masks

    _tell(merge_masks(config), config.output, as_json)


def _tell(report: MaskReport, output: Path, as_json: bool) -> None:
    from dataclasses import asdict

    where = [] if output == DEFAULT_DATA else ["--data", report.directory]
    following = shlex.join(["bertcli", "pretrain", *([] if report.static else ["--mlm", "--nsp"]), *where])
    if report.part is not None:
        following = f"bertcli mask merge with all {report.part.partition('/')[2]} parts"
    if as_json:
        console.show_json(asdict(report))
        notice(f"next: {following}")
        return
    facts = {
        "documents": f"{report.documents:,} for training, {report.heldout_documents:,} held out",
        "sentences": f"{report.sentences:,}",
        "tokens": f"{report.tokens:,} ({report.unknown_rate:.2%} unknown)",
    }
    if report.words is not None:
        facts["words"] = f"{report.words:,}"
        if report.ideographs_per_word is not None:
            facts["words"] += f", {report.ideographs_per_word:.2f} ideographs in a word of Chinese"
    if report.rows is not None and report.tokens_used is not None:
        facts["rows"] = f"{report.rows:,} finished, using {report.tokens_used:.1%} of the tokens"
    many = "shard" if report.shards == 1 else "shards"
    facts["on disk"] = f"{report.bytes_on_disk / 1e6:,.1f} MB in {report.shards:,} {many}"
    facts["time"] = f"{report.elapsed_seconds:,.1f} s"
    part = "" if report.part is None else f", part {report.part}"
    console.show_facts(f"data: {report.directory}{part}", facts)
    notice(f"next: {following}")


def show(config: MaskShow, as_json: bool) -> None:
    """Show examples: what is masked, replaced and kept, and the label of the pair."""
    from dataclasses import asdict

    from bertcli.stages.mask_show import show_masks

    examples = show_masks(config)
    if as_json:
        console.show_json([asdict(example) for example in examples])
        return
    print("legend: " + "  ".join(console.paint(text, _COLOURS[fate]) for fate, text in _LEGEND.items()))
    for example in examples:
        labels = ", ".join(f"{name}: {value}" for name, value in example.labels.items())
        print(f"\n{console.paint(f'example {example.number}', '1')}{'  ' + labels if labels else ''}")
        words = []
        for piece in example.pieces:
            shown = _FORMS.get(piece.fate, "{piece.text}").format(piece=piece)
            words.append(console.paint(shown, _COLOURS[piece.fate]) if piece.fate in _COLOURS else shown)
        print(" ".join(words))


def audit(config: MaskAudit, as_json: bool) -> None:
    """Audit masks and pairs against what they must be; exit 1 where anything is outside its bounds."""
    from bertcli.errors import AuditError
    from bertcli.stages.mask_audit import audit_masks

    report = audit_masks(config)
    if as_json:
        console.show_json(report.dump())
    else:
        title = f"audit of {report.data}: {', '.join(report.objectives)}"
        console.show_table(title, ("check", "observed", "expected", "bounds", ""), list(map(_row, report.checks)))
    sys.stdout.flush()
    wrong = [check.name for check in report.checks if not check.ok]
    if wrong:
        raise AuditError(
            f"{len(wrong)} checks failed: {'; '.join(wrong)}", hint="do not train on these data; build them again"
        )


def _row(check: Check) -> tuple[str, str, str, str, str]:
    if check.low is None or check.high is None or check.expected is None:  # only reported
        return check.name, _figure(check.observed), "", "", ""
    bounds = "" if check.low == check.high else f"{_figure(check.low)} … {_figure(check.high)}"
    return check.name, _figure(check.observed), _figure(check.expected), bounds, "ok" if check.ok else "WRONG"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if (float(value).is_integer() and abs(value) >= 1) or value == 0 else f"{value:.4f}"


configured_command(app, "build", MaskBuild, build, example="bertcli mask build corpus.txt")
configured_command(app, "merge", MaskMerge, merge, example="bertcli mask merge part1 part2 part3")
configured_command(app, "show", MaskShow, show, example="bertcli mask show --mlm --nsp")
configured_command(app, "audit", MaskAudit, audit, example="bertcli mask audit --mlm --nsp")
