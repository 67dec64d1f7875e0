"""What ``bertcli vocab extend`` may be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from bertcli.config.corpus import Corpus, Sources
from bertcli.config.counting import Counting
from bertcli.core.settings import Argument, Flag

DEFAULT_EXTENDED_VOCAB = "bertcli-out/vocab-extended"


class VocabExtend(Corpus, Counting):
    """Add the words of a text to a vocabulary."""

    base: Annotated[str, Argument("BASE")]
    """WordPiece vocabulary to extend: a directory, a model, a vocab.txt or a Hub id."""
    corpus: Annotated[Sources, Flag("--on")] = ()
    """Text whose words are added: files, folders or patterns, as for `vocab build`; may be given several times."""
    add: Annotated[int, Field(ge=1), Flag("--add")] = 1000
    """Words to add; fewer where the text does not have so many that save pieces."""
    min_count: Annotated[int, Field(ge=1), Flag("--min-count")] = 2
    """Occurrences that a word needs to be added."""
    fill_unused: Annotated[bool, Flag("--fill-unused")] = False
    """Put words in the places of [unused1], [unused2], … first, so that a model's embeddings need not grow."""
    output: Annotated[Path, Flag("--output", "-o")] = Path(DEFAULT_EXTENDED_VOCAB)
    """Directory to write."""
    overwrite: Annotated[bool, Flag("--overwrite")] = False
    """Replace what is there."""

    @model_validator(mode="after")
    def _a_text_is_given(self) -> VocabExtend:
        if not self.corpus:
            raise ValueError("no text is given whose words are to be added | hint: for example --on corpus.txt")
        return self
