"""What ``bertcli doctor`` may be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from bertcli.config.labelled_data import Files, LabelledData
from bertcli.core.settings import Argument, Flag, ProperShare, Share


class Doctor(LabelledData):
    """Find what is wrong with labelled data before anything is trained on them."""

    data_argument: ClassVar[str] = "DATA"

    data: Annotated[Files, Argument("DATA...")] = ()
    """Folder with the files of train, dev and test, or such files: tables (.tsv, .csv, .jsonl, .parquet); for tagging
    columns (.conll, .conllu, …), .jsonl or .parquet; for question_answering .json (SQuAD), .jsonl or .parquet."""
    model: Annotated[str | None, Flag("--model")] = None
    """Model whose tokenizer and longest sequence count: a directory, a vocabulary, or a Hub id (default: lengths are
    counted in words)."""
    max_length: Annotated[int | None, Field(ge=4), Flag("--max-length")] = None
    """Longest sequence in pieces, special ones included, against which lengths are held (default: the data set's, else
    128)."""
    near_duplicates: Annotated[bool, Flag("--near-duplicates")] = False
    """Look for dev and test examples that are nearly training examples."""
    near_duplicate_threshold: Annotated[ProperShare | None, Flag("--near-duplicate-threshold")] = None
    """Jaccard index of two texts' runs of five words from which on they are near-duplicates (default: 0.8)."""
    tolerated: Annotated[Share, Flag("--tolerated")] = 0.01
    """Share of a split that may be contradictory, or of the smaller of two in both, before that is an error."""
    fail_on: Annotated[Literal["error", "warning"], Flag("--fail-on")] = "error"
    """The least that ends with exit code 1."""
    examples: Annotated[int, Field(ge=0), Flag("--examples")] = 5
    """Places that are shown of each finding."""
    text: Annotated[bool, Flag("--text/--no-text")] = True
    """Show the beginning of texts; --no-text keeps the data's text out of all output."""
    output: Annotated[Path | None, Flag("--output", "-o")] = None
    """JSON file to write the report to as well."""

    @model_validator(mode="after")
    def _a_threshold_is_for_near_duplicates(self) -> Self:
        if self.near_duplicate_threshold is not None and not self.near_duplicates:
            raise ValueError("nothing looks for near-duplicates | hint: add --near-duplicates")
        return self
