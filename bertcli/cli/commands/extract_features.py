"""Turn texts into vectors with a frozen encoder."""

from __future__ import annotations

from bertcli.cli import console
from bertcli.cli.options import command_app, configured_command
from bertcli.config.extract_features import ExtractFeatures

app = command_app()


def body(config: ExtractFeatures, as_json: bool) -> None:
    """Turn texts into vectors with a frozen encoder.

    Writes one vector per text (or per piece) in the order of the input; an empty line is a text too. The file holds
    `features`; with --pooling none also `input_ids` and `lengths`.
    """
    from bertcli.stages.extract_features import extract_features

    report = extract_features(config)
    if as_json:
        console.show_json(report.dump())
        return
    unit = "pieces" if config.pooling == "none" else "texts"
    console.show_facts(
        report.output,
        {
            "vectors": f"{report.vectors:,} {unit} × {report.dimensions:,}",
            "texts": f"{report.texts:,} ({report.truncated:,} cut at {report.max_length:,} pieces)",
            "made from": f"{report.layers}, {report.pooling}, {report.precision} on {report.device}",
            "speed": f"{report.texts / max(report.elapsed_seconds, 1e-3):,.0f} texts a second",
        },
    )


configured_command(
    app,
    "extract-features",
    ExtractFeatures,
    body,
    example="bertcli extract-features texts.txt --model bertcli-out/runs/pretrain/model --pooling mean",
)
