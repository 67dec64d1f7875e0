"""Print the JSON Schema of a command's configuration, for editors."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Annotated

import typer

from bertcli.core.component_folder import unknown_name
from bertcli.core.settings import Settings

app = typer.Typer(add_completion=False, rich_markup_mode=None, help="Configuration files: their JSON Schema.")

CONFIGURATIONS = {
    "pretrain": ("bertcli.config.pretrain", "Pretrain"),
    "finetune": ("bertcli.config.finetune", "Finetune"),
}


@app.callback()
def _group() -> None:
    """Configuration files: their JSON Schema."""


@app.command(epilog="Example: bertcli config schema pretrain")
def schema(
    command: Annotated[str, typer.Argument(help=f"One of {', '.join(CONFIGURATIONS)}.")] = "pretrain",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write (default: stdout).", show_default=False)
    ] = None,
) -> None:
    """Print the JSON Schema of a command's YAML; point your editor at it for completion and checks."""
    if command not in CONFIGURATIONS:
        raise unknown_name("configuration", command, CONFIGURATIONS)
    module, name = CONFIGURATIONS[command]
    model: type[Settings] = getattr(importlib.import_module(module), name)
    described = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    if output is None:
        print(json.dumps(described, indent=2, ensure_ascii=False))
        return
    from bertcli.core.atomic import write_json
    from bertcli.errors import OutputError

    if output.exists():
        raise OutputError("the file is there already", path=output, hint="remove it, or choose another name with -o")
    write_json(output, described)
