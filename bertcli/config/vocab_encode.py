"""What ``bertcli vocab encode`` may be told."""

from __future__ import annotations

from typing import Annotated, Literal

from bertcli.config.vocab import DEFAULT_VOCAB
from bertcli.config.workers import Workers
from bertcli.core.settings import Argument, Flag


class VocabEncode(Workers):
    """Cut text into pieces."""

    text: Annotated[str, Argument("TEXT")]
    """A text, or - for every line of standard input."""
    vocab: Annotated[str, Flag("--vocab")] = DEFAULT_VOCAB
    """Vocabulary: a directory, a vocab.txt, or a Hub id."""
    show: Annotated[Literal["pieces", "ids"], Flag("--show")] = "pieces"
    """Of lines: what is written, with a space between two."""
    errors: Annotated[Literal["strict", "replace"], Flag("--errors")] = "strict"
    """Lines that are not UTF-8: strict stops there, replace reads U+FFFD."""
