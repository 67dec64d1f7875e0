"""What ``bertcli extract-features`` may be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from bertcli.config.sections import Device, Precision
from bertcli.core.settings import Argument, Flag, Settings

Layers = Literal["embeddings", "second-to-last", "last", "sum-last-four", "concat-last-four", "sum-all"]
Pooling = Literal["cls", "pooler", "mean", "max", "none"]

SUFFIXES = (".npz", ".parquet", ".safetensors")


class ExtractFeatures(Settings):
    """Turn texts into vectors with a frozen encoder."""

    input: Annotated[str, Argument("INPUT")]
    """Text file with one text a line, a table (csv, tsv, jsonl, parquet), or - for standard input."""
    model: Annotated[str, Flag("--model", "-m")] = "bertcli-out/runs/pretrain/model"
    """Model: a directory, or a Hub id."""
    text_column: Annotated[str, Flag("--text-column")] = "text"
    """Column of a table that holds the text."""
    errors: Annotated[Literal["strict", "replace"], Flag("--errors")] = "strict"
    """Bytes that are not UTF-8: stop, or read U+FFFD there."""
    layers: Annotated[Layers, Flag("--layers")] = "last"
    """Layers that make a vector (Devlin et al. 2019, table 7); sums weigh layers alike and leave the embeddings out."""
    pooling: Annotated[Pooling, Flag("--pooling")] = "mean"
    """Of a text's pieces, specials included: mean, max, [CLS] alone, the pooler's vector of it, or none: keep all."""
    max_length: Annotated[int | None, Field(ge=3), Flag("--max-length")] = None
    """Pieces of a text, specials included; longer texts are cut (default: as many as the model takes)."""
    batch_size: Annotated[int, Field(ge=1), Flag("--batch-size")] = 32
    """Texts in one forward pass."""
    limit: Annotated[int | None, Field(ge=1), Flag("--limit")] = None
    """Take only so many texts."""
    device: Annotated[Device, Flag("--device")] = "auto"
    """Where to compute."""
    precision: Annotated[Precision, Flag("--precision")] = "auto"
    """Arithmetic: bf16 where the device has it, or fp32; vectors are written as fp32."""
    threads: Annotated[int | None, Field(ge=1), Flag("--threads")] = None
    """Threads of a CPU run (default: torch's)."""
    output: Annotated[Path, Flag("--output", "-o")] = Path("bertcli-out/features.npz")
    """File to write; .npz, .parquet or .safetensors."""
    overwrite: Annotated[bool, Flag("--overwrite")] = False
    """Replace what is there."""

    @model_validator(mode="after")
    def _the_file_format_is_known(self) -> Self:
        if self.output.suffix not in SUFFIXES:
            known = ", ".join(SUFFIXES)
            raise ValueError(f"output {str(self.output)!r} is of no known format | hint: end it with one of {known}")
        return self

    @model_validator(mode="after")
    def _the_pooler_reads_the_last_layer(self) -> Self:
        if self.pooling == "pooler" and self.layers != "last":
            raise ValueError(
                f"the pooler reads the last layer, not {self.layers} | hint: --pooling cls takes [CLS] there"
            )
        return self
