"""Count the parameters of an encoder by part."""

from __future__ import annotations

from bertcli.cli import console
from bertcli.cli.options import command_app, configured_command
from bertcli.config.count_params import CountParams

app = command_app()


def body(config: CountParams, as_json: bool) -> None:
    """Count the parameters of an encoder by part.

    Counts a named size, a model directory, a config.json or the `arch` of a pretraining YAML. Tied weights count
    once, heads do not count, and the pooler counts where the model's class has one.
    """
    from bertcli.stages.count_params import ParameterCount, count_params

    def show(report: ParameterCount) -> None:
        rows = [
            (part.part, f"{part.per_layer:,}" if part.per_layer is not None else "", f"{part.parameters:,}")
            for part in report.parts
        ]
        columns = ("part", f"each of {report.layers} layers", "parameters")
        console.show_table(report.model, columns, [*rows, ("total", "", f"{report.parameters:,}")])

    def show_by_hand(report: ParameterCount) -> None:
        terms = {term.name: f"{term.formula} = {term.count:,}" for term in report.by_hand.terms}
        console.show_facts(f"{report.model}, by hand:", terms)

    report = count_params(config)
    if as_json:
        console.show_json(report.dump())
    elif config.by_hand:
        show_by_hand(report)
    else:
        show(report)


configured_command(app, "count-params", CountParams, body, example="bertcli count-params bert-base-uncased --by-hand")
