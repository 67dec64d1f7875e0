"""Test whether two fine-tuned runs differ on the same examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bertcli.cli import console
from bertcli.cli.options import command_app, configured_command
from bertcli.cli.scores import figure
from bertcli.config.significance import Significance

if TYPE_CHECKING:
    from bertcli.stages.significance import SignificanceReport

app = command_app()


def body(config: Significance, as_json: bool) -> None:
    """Test whether two fine-tuned runs differ on the same examples by more than chance.

    Approximate randomization for any metric, McNemar's exact test for accuracies, and a paired bootstrap interval of
    the difference. Reads predictions and config.yaml of both runs; neither model nor data need be there.
    """
    from bertcli.stages.significance import significance

    report = significance(config)
    console.show_json(report.dump()) if as_json else _show(report)


def _show(report: SignificanceReport) -> None:
    metric = report.metric
    rows = [
        (name, figure(metric, mean), *(figure(metric, value) for value in values if len(values) > 1))
        for name, mean, values in (
            (report.run_a, report.mean_a, report.per_seed_a),
            (report.run_b, report.mean_b, report.per_seed_b),
        )
    ]
    seeds = [f"run {number}" for number in range(1, len(report.per_seed_a) + 1) if len(report.per_seed_a) > 1]
    columns = ("run", "mean" if seeds else metric, *seeds)
    console.show_table(f"{metric} on {report.split}, n = {report.n:,}", columns, rows)
    low, high = (figure(metric, bound) for bound in report.ci95)
    exchanges = f"{'all' if report.exact else 'random'} {report.samples:,} exchanges"
    facts = {
        "difference": f"{figure(metric, report.difference)}, 95 % interval {low} to {high} (paired bootstrap)",
        "randomization": f"p = {report.p_value:.4f} ({exchanges}, two-sided)",
    }
    if report.mcnemar_p_value is not None:
        alone = f"the first alone has {report.only_a:,} right, the second alone {report.only_b:,}"
        facts["McNemar"] = f"p = {report.mcnemar_p_value:.4f} (exact; {alone})"
    console.show_facts("the first less the second", {**facts, "tested": report.tested})


configured_command(
    app,
    "significance",
    Significance,
    body,
    example="bertcli significance bertcli-out/runs/sst2 bertcli-out/runs/sst2-stable",
)
