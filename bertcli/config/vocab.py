"""What ``bertcli vocab build`` may be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from bertcli.config.corpus import Corpus
from bertcli.core.settings import Flag

DEFAULT_VOCAB = "bertcli-out/vocab"


class VocabBuild(Corpus):
    """Learn a vocabulary from text."""

    size: Annotated[int, Field(ge=10), Flag("--size")] = 30000
    """Pieces in the vocabulary, specials included; fewer where the corpus does not give so many."""
    algorithm: Annotated[Literal["wordpiece", "bpe"], Flag("--algorithm")] = "wordpiece"
    """WordPiece (##ing) or byte-pair encoding (ing</w>)."""
    lowercase: Annotated[bool, Flag("--uncased/--cased")] = True
    """Lower-case the text and strip its accents, or keep both."""
    normalization: Annotated[Literal["none", "nfc", "nfkc"], Flag("--normalization")] = "none"
    """Unicode normal form that text is brought to first: none is BERT to the letter, nfkc also makes fi of ﬁ."""
    min_count: Annotated[int, Field(ge=1), Flag("--min-count")] = 2
    """Occurrences that two neighbouring pieces need to become one."""
    output: Annotated[Path, Flag("--output", "-o")] = Path(DEFAULT_VOCAB)
    """Directory to write."""
    overwrite: Annotated[bool, Flag("--overwrite")] = False
    """Replace what is there."""
