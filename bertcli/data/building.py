"""Building data directories: documents to token stores, token stores to static rows."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bertcli.contracts.batch import IGNORED
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.core.blocks import in_blocks
from bertcli.core.messages import Progress
from bertcli.core.workers import ALONE, Pool, map_in_order
from bertcli.data.arrow_files import ArrowSplitWriter
from bertcli.data.chunk_encoding import ChunkEncoder, kept_columns
from bertcli.data.examples import DynamicExamples
from bertcli.data.held_out import split_documents
from bertcli.data.token_store import TokenStoreWriter
from bertcli.text.chinese_words import Words
from bertcli.text.corpus import Document
from bertcli.text.sentences import Sentences
from bertcli.text.tokenizer import Tokenizer

SPLITS = ("train", "heldout")
_CHARACTERS_PER_CALL = 2_000_000
_ROWS_PER_CALL = 1024


@dataclass(frozen=True)
class StoreCounts:
    """What was written: documents, sentences and tokens of each split, and the rate of unknown pieces."""

    splits: dict[str, dict[str, int]]
    unknown_rate: float
    characters: int
    ideographs_per_word: float
    """Of words that begin with an ideograph; 0 where there are none, or where words are not kept."""


def write_token_stores(
    directory: Path,
    documents: Iterable[Document],
    tokenizer: Tokenizer,
    *,
    sentences: Sentences = "split",
    words: Words = "none",
    held_out: float,
    workers: Pool = ALONE,
    progress: Progress,
) -> StoreCounts:
    """Write ``train`` and ``heldout`` under ``directory``. A document's group, where it has one, is held out whole.

    With ``words`` the stores also tell where words begin; ``check_words`` says whether they can.
    """
    keyed = ((document.group if document.group is not None else document.text, document) for document in documents)
    texts = ((is_held_out, document.text) for is_held_out, document in split_documents(keyed, held_out))
    chunks = in_blocks(texts, _CHARACTERS_PER_CALL, lambda item: len(item[1]))
    encoded = map_in_order(partial(ChunkEncoder, tokenizer, sentences, words), chunks, workers=workers)
    unknown = tokens = characters = ideographs = chinese_words = 0
    with ExitStack() as stack:
        size = tokenizer.vocabulary.size
        writers = [
            stack.enter_context(TokenStoreWriter(directory / split, size, columns=kept_columns(words)))
            for split in SPLITS
        ]
        for chunk in encoded:
            for is_held_out, writer in enumerate(writers):
                writer.add(chunk.documents.where(chunk.held_out == is_held_out))
            unknown += chunk.unknown
            tokens += len(chunk.documents.ids)
            characters += chunk.characters
            ideographs += chunk.ideographs
            chinese_words += chunk.chinese_words
            progress.update(characters, f"{tokens:,} tokens")
    counts = {split: writer.counts() for split, writer in zip(SPLITS, writers, strict=True)}
    return StoreCounts(counts, unknown / max(1, tokens), characters, ideographs / max(1, chinese_words))


def write_static_rows(
    directory: Path,
    examples: DynamicExamples,
    vocabulary: Vocabulary,
    *,
    seq_length: int,
    copies: int,
    label_columns: tuple[str, ...],
    progress: Progress,
) -> int:
    """Write finished rows, padded to ``seq_length``, and return their number; copy ``c`` is epoch ``c``'s examples."""
    ids = pa.uint16() if vocabulary.size <= 1 << 16 else pa.int32()
    labels = pa.int16() if vocabulary.size < 1 << 15 else pa.int32()
    types = {"input_ids": ids, "token_type_ids": pa.int8(), "attention_mask": pa.int8(), "labels": labels}
    fields: list[tuple[str, pa.DataType]] = []
    with_labels = "labels" in label_columns
    fields += [(name, pa.list_(kind)) for name, kind in types.items() if name != "labels" or with_labels]
    fields += [(name, pa.int8()) for name in label_columns if name != "labels"]
    fills = {"input_ids": vocabulary.pad_id, "labels": IGNORED}
    with ArrowSplitWriter(directory, pa.schema(fields)) as split:
        for copy in range(copies):
            count = examples.count(copy)
            for at in range(0, count, _ROWS_PER_CALL):
                columns = examples.columns(copy, np.arange(at, min(at + _ROWS_PER_CALL, count)))
                arrays = {name: _array(columns[name], kind, seq_length, fills.get(name, 0)) for name, kind in fields}
                split.write(arrays)
                progress.update(split.rows)
        return split.rows


def _array(values: NDArray[Any], kind: pa.DataType, seq_length: int, fill: int) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values, kind)
    padded = np.full((len(values), seq_length), fill, dtype=values.dtype)
    padded[:, : values.shape[1]] = values
    offsets = pa.array(np.arange(0, padded.size + 1, seq_length), pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(padded.ravel(), kind.value_type))
