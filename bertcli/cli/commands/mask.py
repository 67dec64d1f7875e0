"""Build pretraining data, show its masks, audit them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from itertools import cycle, groupby
from pathlib import Path
from typing import TYPE_CHECKING

from bertcli.cli import console
from bertcli.cli.options import command_app, configured_command
from bertcli.config.mask import DEFAULT_DATA, MaskAudit, MaskBuild, MaskMerge, MaskShow
from bertcli.contracts.audit import Check
from bertcli.core.messages import notice

if TYPE_CHECKING:
    from bertcli.stages.mask_audit import NearDuplicates
    from bertcli.stages.mask_show import ShownPiece
    from bertcli.stages.mask_store import MaskReport

app = command_app(help="Build pretraining data, show its masks, audit them.")

_COLOURS = {"special": "2", "masked": "1;33", "replaced": "1;31", "kept": "1;32"}
_FORMS = {
    "masked": "{text}/{original}",
    "replaced": "{text}/{original}",
    "kept": "={text}",
}
_LEGEND = {"masked": "[MASK]/piece masked", "replaced": "new/piece replaced", "kept": "=piece kept"}
_MARKS = "^*+~°!"
"""Marks behind a piece for labels above 0, one for each column."""
_LEAK_HINT = "build the data again with --deduplicate, or with a --group-column that keeps copies together"


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
        of = int(report.part.partition("/")[2])
        following = f"build the other parts; when all {of} are there, mask merge joins them"
        if of == 1:
            following = shlex.join(["bertcli", "mask", "merge", report.directory])
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
    if report.cased is not None:
        facts["capitals"] = f"{report.cased:.1%} of the tokens are of words with a capital"
    if report.spans is not None:
        facts["spans"] = f"{report.spans:,}, with {report.tokens_in_spans:.1%} of the tokens"
    if report.rows is not None and report.tokens_used is not None:
        facts["rows"] = f"{report.rows:,} finished, using {report.tokens_used:.1%} of the tokens"
    many = "shard" if report.shards == 1 else "shards"
    facts["on disk"] = f"{report.bytes_on_disk / 1e6:,.1f} MB in {report.shards:,} {many}"
    facts["time"] = f"{report.elapsed_seconds:,.1f} s"
    part = "" if report.part is None else f", part {report.part}"
    console.show_facts(f"data: {report.directory}{part}", facts)
    notice(f"next: {following}")


def show(config: MaskShow, as_json: bool) -> None:
    """Show examples: what is masked, replaced and kept, and the labels of pieces and pairs."""
    from dataclasses import asdict

    from bertcli.stages.mask_show import show_masks

    examples = show_masks(config)
    if as_json:
        console.show_json([asdict(example) for example in examples])
        return
    columns = sorted({column for example in examples for piece in example.pieces for column in piece.labels})
    marks = dict(zip(columns, cycle(_MARKS), strict=False))
    legend = [console.paint(text, _COLOURS[fate]) for fate, text in _LEGEND.items()]
    legend += ["{ } predicted side by side", *(f"piece{mark} {column}" for column, mark in marks.items())]
    print("legend: " + "  ".join(legend))
    for example in examples:
        labels = ", ".join(f"{name}: {value}" for name, value in example.labels.items())
        print(f"\n{console.paint(f'example {example.number}', '1')}{'  ' + labels if labels else ''}")
        segments = [(number, list(pieces)) for number, pieces in groupby(example.pieces, lambda piece: piece.segment)]
        for number, pieces in segments:
            name = f"{'AB'[number]}: " if len(segments) > 1 else ""
            print(name + " ".join(_units(pieces, marks)))


def _units(pieces: list[ShownPiece], marks: dict[str, str]) -> Iterator[str]:
    """What is printed of a segment: pieces alone, and in brackets those that are predicted side by side."""
    for unit, together in groupby(pieces, lambda piece: piece.unit):
        shown = [_piece(piece, marks) for piece in together]
        if unit is not None and len(shown) > 1:
            shown = ["{" + " ".join(shown) + "}"]
        yield from shown


def _piece(piece: ShownPiece, marks: dict[str, str]) -> str:
    form = _FORMS.get(piece.fate, "{text}")
    text = form.format(text=console.printable(piece.text), original=console.printable(piece.original))
    for column, value in piece.labels.items():
        if value > 0:
            text += marks[column] + (str(value) if value > 1 else "")
    return console.paint(text, _COLOURS[piece.fate]) if piece.fate in _COLOURS else text


def audit(config: MaskAudit, as_json: bool) -> None:
    """Audit masks and pairs against what they must be; exit 1 where anything is outside its bounds."""
    from bertcli.data.leakage import LEAKED
    from bertcli.errors import AuditError
    from bertcli.stages.mask_audit import audit_masks

    report = audit_masks(config)
    if as_json:
        console.show_json(report.dump())
    else:
        title = f"audit of {report.data}: {', '.join(report.objectives)}"
        console.show_table(title, ("check", "observed", "expected", "bounds", ""), list(map(_row, report.checks)))
        if report.near_duplicates is not None and report.near_duplicates.examples:
            _show_near_duplicates(report.near_duplicates)
    sys.stdout.flush()
    wrong = [check.name for check in report.checks if not check.ok]
    if wrong:
        raise AuditError(
            f"{len(wrong)} check{'s' if len(wrong) > 1 else ''} failed: {'; '.join(wrong)}",
            hint=_LEAK_HINT if wrong == [LEAKED] else "do not train on these data; build them again",
        )


def _show_near_duplicates(found: NearDuplicates) -> None:
    title = f"near-duplicates: {found.documents:,} of the held-out documents ({found.share:.2%})"
    rows = [(f"{near.held_out}", f"{near.training}", f"{near.jaccard:.2f}") for near in found.examples]
    console.show_table(title, ("held-out document", "training document", "Jaccard"), rows)


def _row(check: Check) -> tuple[str, str, str, str, str]:
    expected = "" if check.expected is None else _figure(check.expected)
    if check.low is None and check.high is None:  # only reported
        return check.name, _figure(check.observed), expected, "", ""
    low, high = ("" if bound is None else _figure(bound) for bound in (check.low, check.high))
    bounds = "" if check.low == check.high else f"{low} … {high}"
    return check.name, _figure(check.observed), expected, bounds, "ok" if check.ok else "WRONG"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if (float(value).is_integer() and abs(value) >= 1) or value == 0 else f"{value:.4f}"


configured_command(app, "build", MaskBuild, build, example="bertcli mask build corpus.txt")
configured_command(app, "merge", MaskMerge, merge, example="bertcli mask merge part1 part2 part3")
configured_command(app, "show", MaskShow, show, example="bertcli mask show --mlm --nsp")
configured_command(app, "audit", MaskAudit, audit, example="bertcli mask audit --mlm --nsp")
