"""What every command that reads raw text may be told about it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from bertcli.core.settings import Argument, Flag, Settings


class Reading(Settings):
    """How files are read, and what a document is in them."""

    documents: Annotated[Literal["auto", "blank-line", "line", "file", "row"], Flag("--documents")] = "auto"
    """What a document is; auto: a row of a table, a block between blank lines, or a line where no line is blank."""
    text_column: Annotated[str | None, Flag("--text-column")] = None
    """Tables: column that holds the text (default: text)."""
    errors: Annotated[Literal["strict", "replace"], Flag("--errors")] = "strict"
    """Bytes that are not UTF-8: strict stops there, replace reads U+FFFD."""
    limit: Annotated[int | None, Field(ge=1), Flag("--limit")] = None
    """Read only so many documents."""

    def reading(self) -> dict[str, Any]:
        """How the files are read, for ``read_documents``."""
        return self.model_dump(include={"documents", "text_column", "group_column", "errors", "limit"})


class Corpus(Reading):
    """Where the text is, and what a document is in it."""

    corpus: Annotated[tuple[str, ...], Field(min_length=1), Argument("CORPUS...")]
    """Text files, tables (jsonl, csv, tsv, parquet), folders or patterns; .gz, .zst and .xz are read as they are."""
    group_column: Annotated[str | None, Flag("--group-column")] = None
    """Tables: column whose values are held out as a whole, such as the author."""
