"""What ``bertcli vocab build`` may be told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from bertcli.config.corpus import Corpus
from bertcli.config.counting import Counting
from bertcli.core.settings import Flag

DEFAULT_VOCAB = "bertcli-out/vocab"


class VocabBuild(Corpus, Counting):
    """Learn a vocabulary from text."""

    size: Annotated[int, Field(ge=10), Flag("--size")] = 30000
    """Pieces in the vocabulary, specials included; fewer where the corpus does not give so many."""
    algorithm: Annotated[Literal["wordpiece", "bpe", "bpe-wordpiece"], Flag("--algorithm")] = "wordpiece"
    """WordPiece (##ing) by likelihood; byte-pair encoding (ing</w>), which joins the most frequent pair; or that with
    WordPiece's marks, as in the tokenizers library."""
    lowercase: Annotated[bool, Flag("--uncased/--cased")] = True
    """Lower-case the text and strip its accents, or keep both."""
    normalization: Annotated[Literal["none", "nfc", "nfkc"], Flag("--normalization")] = "none"
    """Unicode normal form that text is brought to first: none is BERT to the letter, nfkc also makes fi of ﬁ."""
    min_count: Annotated[int, Field(ge=1), Flag("--min-count")] = 2
    """Occurrences that two neighbouring pieces need to become one."""
    min_gain: Annotated[float, Field(ge=0), Flag("--min-gain")] = 0.0
    """WordPiece: nats that a new piece has to raise the likelihood of the text by more than; else learning ends."""
    max_piece_length: Annotated[int | None, Field(ge=1), Flag("--max-piece-length")] = None
    """Characters of a piece at most."""
    alphabet_size: Annotated[int | None, Field(ge=1), Flag("--alphabet-size")] = None
    """Distinct characters at most (default: those that make up 99.99 % of the text)."""
    specials: Annotated[tuple[str, ...], Flag("--special")] = ()
    """One more special piece, after [MASK], for programs of your own to put in: in a text its characters are text, as
    those of [MASK] are. May be given several times."""
    pieces: Annotated[tuple[str, ...], Flag("--piece")] = ()
    """WordPiece: a piece of your own, after the specials, such as a word or ##ending; may be given several times."""
    output: Annotated[Path, Flag("--output", "-o")] = Path(DEFAULT_VOCAB)
    """Directory to write."""
    overwrite: Annotated[bool, Flag("--overwrite")] = False
    """Replace what is there."""
