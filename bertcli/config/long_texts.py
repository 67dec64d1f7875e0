"""What may be said of texts that are longer than a sequence."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from bertcli.core.settings import Flag, Settings

Strategy = Literal["head", "tail", "head+tail", "key-sentences", "chunks"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
KeySentences = Literal["tfidf", "textrank"]
ChunkPooling = Literal["mean", "max", "attention", "lstm", "concat"]

_READ_BY: dict[str, Strategy] = {
    "key_sentences": "key-sentences",
    "chunk_pooling": "chunks",
    "chunk_stride": "chunks",
    "max_chunks": "chunks",
}


class LongTexts(Settings):
    """What is read of a text that is longer than a sequence."""

    strategy: Annotated[Literal["head", "tail", "head+tail", "key-sentences", "chunks", "all"], Flag("--long")] = "head"
    """What is read of longer texts: head, tail, both (Sun et al. 2019), key sentences, or chunks; or a run of all."""
    key_sentences: Annotated[KeySentences, Flag("--key-sentences")] = "tfidf"
    """How key sentences are found: by TF-IDF of the training split, or by TextRank (Mihalcea & Tarau 2004)."""
    chunk_pooling: Annotated[ChunkPooling, Flag("--chunk-pooling")] = "mean"
    """How the vectors of a document's chunks become one; concat needs --max-chunks."""
    chunk_stride: Annotated[int, Field(ge=0), Flag("--chunk-stride")] = 0
    """Pieces that neighbouring chunks share."""
    max_chunks: Annotated[int | None, Field(ge=1), Flag("--max-chunks")] = None
    """Chunks of a document at most; what follows them is lost (default: as many as it takes)."""

    def of_one(self, strategy: Strategy) -> LongTexts:
        """The same for one strategy, with nothing that it does not read."""
        read = {name: getattr(self, name) for name, reader in _READ_BY.items() if reader == strategy}
        return LongTexts(strategy=strategy, **read)

    @model_validator(mode="after")
    def _nothing_is_said_in_vain(self) -> Self:
        for name, strategy in _READ_BY.items():
            if getattr(self, name) != type(self).model_fields[name].default and self.strategy not in (strategy, "all"):
                flag = "--" + name.replace("_", "-")
                raise ValueError(f"{flag} is read by --long {strategy} alone | hint: add it, or leave {flag} out")
        return self

    @model_validator(mode="after")
    def _concat_knows_its_width(self) -> Self:
        if self.chunk_pooling == "concat" and self.max_chunks is None:
            raise ValueError(
                "--chunk-pooling concat needs a number of chunks that is the same for all documents "
                "| hint: for example --max-chunks 4"
            )
        return self
