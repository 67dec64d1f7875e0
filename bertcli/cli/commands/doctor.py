"""Find what is wrong with labelled data before anything is trained on them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bertcli.cli import console
from bertcli.cli.options import command_app, configured_command
from bertcli.config.doctor import Doctor
from bertcli.contracts.task import TASKS
from bertcli.core.messages import notice
from bertcli.errors import AuditError

if TYPE_CHECKING:
    from bertcli.data.findings import Finding, Place
    from bertcli.data.label_balance import LabelCounts
    from bertcli.stages.doctor import DoctorReport

app = command_app()

_COLOURS = {"error": "1;31", "warning": "33"}
_LABELS_SHOWN = 20


def body(config: Doctor, as_json: bool) -> None:
    """Find what is wrong with labelled data before anything is trained on them.

    --task names a data set or a kind of task ({kinds}), as for `bertcli finetune`. Everything is told with file and
    line: what cannot be read, faults of the content, empty splits, copies, copies with another label, examples of one
    split that are in another, rare labels, labels distributed otherwise, lengths.

    Exit 1 where there are errors: what keeps a run from beginning, a split with one label alone, and more than the
    share --tolerated of a split contradictory or, of the smaller of two, in both. All else is a warning, which
    --fail-on warning counts too.
    """
    from bertcli.stages.doctor import examine

    report = examine(config)
    if config.model is None:
        notice("lengths are counted in words; --model DIR counts pieces")
    console.show_json(report.dump()) if as_json else _show(report)
    sys.stdout.flush()
    if report.errors or (config.fail_on == "warning" and report.warnings):
        found = [_many(report.errors, "error"), _many(report.warnings, "warning")]
        raise AuditError(
            f"{' and '.join(one for one in found if one)} in the data of {report.task}",
            hint="correct the files above and look again",
        )


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}" if count else ""


def _show(report: DoctorReport) -> None:
    examples = ", ".join(f"{name} {count:,}" for name, count in report.examples.items())
    print(console.paint(f"{report.task}: {examples or 'no examples'}", "1"))
    for finding in report.findings:
        print()
        for line in _lines(finding):
            print(line)
    if not report.findings:
        print("nothing is wrong")
    print()
    if report.balance is not None:
        _show_balance(report.balance)
    if report.lengths:
        _show_lengths(report)


def _lines(finding: Finding) -> Iterator[str]:
    level = console.paint(f"{finding.level}:", _COLOURS[finding.level])
    times = f" ({finding.count:,} times)" if finding.check == "content" and finding.count > 1 else ""
    yield f"{level} {finding.check}, {finding.split}: {console.printable(finding.message)}{times}"
    yield from map(_place, finding.places)
    if finding.hint:
        yield f"  hint: {console.printable(finding.hint)}"


def _place(place: Place) -> str:
    line = f"  {place.path}:{place.line}{_id(place)}"
    if place.same_as is not None:
        other = place.same_as
        where = f"line {other.line}" if other.path == place.path else f"{other.path}:{other.line}"
        line += f" = {where}{_id(other)}"
    if place.note:
        line += f"  {place.note}"
    if place.text is not None:
        line += f"  {place.text}"
    return console.printable(line)


def _id(place: Place) -> str:
    return "" if place.id is None else f" ({place.id})"


def _show_balance(balance: LabelCounts) -> None:
    splits = list(balance.counts)
    rows = []
    for label in balance.labels[:_LABELS_SHOWN]:
        cells: list[str] = []
        for split in splits:
            count = balance.counts[split].get(label, 0)
            cells += f"{count:,}", f"{count / max(1, balance.total(split)):.2%}"
        rows.append((console.printable(label), *cells))
    more = len(balance.labels) - _LABELS_SHOWN
    title = "labels" if more <= 0 else f"labels, and {more:,} rarer ones"
    console.show_table(title, ("label", *(cell for split in splits for cell in (split, "share"))), rows)


def _show_lengths(report: DoctorReport) -> None:
    in_pieces = any(lengths.unit == "pieces" for lengths in report.lengths)
    rows = []
    for lengths in report.lengths:
        figures = (lengths.median, lengths.percentile_95, lengths.longest, lengths.longer)
        cells = ["" if figure is None else f"{figure:,.0f}" for figure in figures]
        if in_pieces:
            cells += ("" if lengths.cut is None else f"{lengths.cut / max(1, lengths.examples):.2%}",)
            cells += ("" if lengths.lost is None else f"{lengths.lost:,}",)
            cells += ("" if lengths.unknown_rate is None else f"{lengths.unknown_rate:.2%}",)
        else:
            cells += ("" if lengths.characters is None else f"{lengths.characters:,.0f}",)
        rows.append((lengths.split, *cells))
    unit = "pieces, special ones included" if in_pieces else "words"
    longer = f"over {report.max_length}"
    columns = ("split", "median", "95 %", "longest", longer)
    own = ("cut", "pieces lost", "[UNK]") if in_pieces else ("median characters",)
    console.show_table(f"lengths in {unit}", (*columns, *own), rows)


body.__doc__ = (body.__doc__ or "").format(kinds=", ".join(TASKS.names()))
configured_command(app, "doctor", Doctor, body, example="bertcli doctor glue/SST-2 --task sst2")
