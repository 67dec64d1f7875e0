"""What every command that reads raw text may be told about it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer

from bertcli.core.settings import Argument, Flag, Settings
from bertcli.core.urls import is_url, without_credentials


def _shown(sources: tuple[str, ...]) -> list[str]:
    return [without_credentials(where) if is_url(where) else where for where in sources]


Sources = Annotated[tuple[str, ...], PlainSerializer(_shown, when_used="json")]
"""Paths and addresses of text; ``dump()`` gives them as they may be shown, without credentials."""


class Reading(Settings):
    """How files are read, and what a document is in them."""

    documents: Annotated[Literal["auto", "blank-line", "line", "file", "row"], Flag("--documents")] = "auto"
    """What a document is; auto: a row of a table, a block between blank lines, or a line where no line is blank."""
    text_column: Annotated[str | None, Flag("--text-column")] = None
    """Tables: column that holds the text (default: text)."""
    errors: Annotated[Literal["strict", "replace"], Flag("--errors")] = "strict"
    """Bytes that are not UTF-8: strict stops there, replace reads U+FFFD."""
    min_characters: Annotated[int, Field(ge=1), Flag("--min-characters")] = 1
    """Drop documents with fewer characters; white space at their ends does not count."""
    deduplicate: Annotated[bool, Flag("--deduplicate/--keep-duplicates")] = False
    """Drop documents whose text (in NFC) stood before, or keep them; takes 100 bytes of memory a document."""
    limit: Annotated[int | None, Field(ge=1), Flag("--limit")] = None
    """Read only so many documents, dropped ones not counted."""

    def reading(self) -> dict[str, Any]:
        """How the files are read, for ``read_documents``."""
        return self.model_dump(include={"documents", "text_column", "group_column", "spans_column", "errors", "limit"})

    def selecting(self) -> dict[str, Any]:
        """Which documents are kept, for ``Selection``."""
        return self.model_dump(include={"min_characters", "deduplicate"})


class Corpus(Reading):
    """Where the text is, and what a document is in it."""

    corpus: Annotated[Sources, Field(min_length=1), Argument("CORPUS...")]
    """Text files, tables (jsonl, csv, tsv, parquet), folders or patterns, by path or by address (s3://, gs://, hf://,
    https://, …); .gz, .zst and .xz are read as they are."""
    group_column: Annotated[str | None, Flag("--group-column")] = None
    """Tables: column whose values are held out as a whole, such as the author."""
