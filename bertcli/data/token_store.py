"""The token store: every document's pieces once, and where its sentences end; one store serves every objective.

Positions are global: document ``d`` covers ``document_starts[d]`` to ``document_starts[d + 1]``, and ``sentence_ends``
holds the (exclusive) end of every sentence in the same coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bertcli.contracts.vocabulary import Vocabulary
from bertcli.core.manifest import read_manifest
from bertcli.data.arrow_files import (
    ArrowFileWriter,
    arrow_values,
    read_record_batches,
    read_schema,
    split_files,
)
from bertcli.data.shards import ShardFile, check_files
from bertcli.errors import DataError
from bertcli.text.word_cache import EncodedTexts

SequenceKind = Literal["segment-pairs", "sentence-pairs", "full-sentences", "document-sentences"]
"""How documents are cut into sequences; see ``data/sequences.py``."""

MADE_BY = "bertcli mask build CORPUS"
PART = "data-part"
"""The kind of directory that holds one job's share."""
WORD_STARTS, CASED, SPANS = "word_starts", "cased", "spans"
COLUMN_TYPES = {WORD_STARTS: pa.bool_(), CASED: pa.bool_(), SPANS: pa.uint8()}
"""Optional columns, a value for each piece: whether it begins a word of the language; whether the first letter of its
word was a capital in the text; 1 for the first piece of an entity or a phrase, 2 inside one, 0 outside."""
_COUNTED: dict[str, Callable[[NDArray[Any]], dict[str, NDArray[np.bool_]]]] = {
    WORD_STARTS: lambda values: {"words": values},
    CASED: lambda values: {"cased": values},
    SPANS: lambda values: {"spans": values == 1, "tokens_in_spans": values > 0},
}
"""What is counted of each optional column."""
_TOKENS_PER_RECORD_BATCH = 1_000_000


@dataclass(frozen=True)
class DataDirectory:
    """What the manifest of a data directory says."""

    path: Path
    static: bool
    vocabulary: Vocabulary
    seed: int
    counts: dict[str, dict[str, int]]
    config: dict[str, Any]
    fingerprint: str
    seq_length: int | None
    """Static data: pieces in a row."""
    sequences: SequenceKind | None
    """Static data: how documents were cut."""
    words: str
    """A token store: how it knows where words of Chinese begin; none, spaces, jieba or the path of a list."""
    shards: dict[str, tuple[ShardFile, ...]]
    """The token store's files by split; static data keep it in ``store/``."""
    rows: dict[str, tuple[ShardFile, ...]]
    """Static data: the files of finished rows by split."""

    @classmethod
    def open(cls, path: Path) -> DataDirectory:
        """Read and check the manifest. Raises ``DataError``."""
        hints = {PART: "it is one of several parts: join all of them with `bertcli mask merge PART...`"}
        manifest = read_manifest(path, kind="data", made_by=MADE_BY, hints=hints)
        if "shards" not in manifest:
            raise DataError(
                "written by an earlier bertcli, whose data this one does not read",
                path=path,
                hint=f"build the data again with `{MADE_BY}`",
            )
        try:
            return cls._of(path, manifest)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"its manifest lacks {error}", path=path, hint=f"make it again with `{MADE_BY}`") from error

    @classmethod
    def _of(cls, path: Path, manifest: dict[str, Any]) -> DataDirectory:
        return cls(
            path=path,
            static=manifest["static"],
            vocabulary=Vocabulary.from_dump(manifest["vocabulary"]),
            seed=manifest["seed"],
            counts=manifest["counts"],
            config=manifest["config"],
            fingerprint=manifest["fingerprint"],
            seq_length=manifest["seq_length"],
            sequences=manifest["sequences"],
            words=manifest.get("words", "none"),
            shards=_files_by_split(manifest["shards"]),
            rows=_files_by_split(manifest["rows"]) if manifest["static"] else {},
        )

    @property
    def store_directory(self) -> Path:
        """Where the token store's splits are."""
        return store_directory(self.path, static=self.static)

    @property
    def vocabulary_directory(self) -> Path:
        """The copy of the vocabulary that travels with the data."""
        return self.path / "vocab"


def store_directory(path: Path, *, static: bool) -> Path:
    """Where a data directory has its token store."""
    return path / "store" if static else path


def _files_by_split(listed: dict[str, list[dict[str, Any]]]) -> dict[str, tuple[ShardFile, ...]]:
    return {split: tuple(map(ShardFile.from_dump, files)) for split, files in listed.items()}


@dataclass(frozen=True)
class EncodedDocuments:
    """Documents in pieces. ``ids`` is (pieces,), ``sentence_lengths`` (sentences,), ``sentences`` (documents,) counts.

    Sentences without pieces may be among them, and documents without sentences.
    """

    ids: NDArray[np.int32]
    sentence_lengths: NDArray[np.int64]
    sentences: NDArray[np.int64]
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    """Optional columns (pieces,) by name; see ``COLUMN_TYPES``."""

    @classmethod
    def of(cls, encoded: EncodedTexts, sentences: NDArray[np.int64]) -> EncodedDocuments:
        """From sentences one after the other, and how many of them each document has."""
        return cls(encoded.ids, np.diff(encoded.ends, prepend=0), sentences, dict(encoded.columns))

    @classmethod
    def of_batch(cls, batch: pa.RecordBatch) -> EncodedDocuments:
        """From a record batch of a store."""
        sentences = np.diff(batch.column("sentence_ends").offsets.to_numpy()).astype(np.int64)
        ends = batch.column("sentence_ends").flatten().to_numpy().astype(np.int64)
        lengths = np.diff(ends, prepend=0)
        firsts = (np.cumsum(sentences) - sentences)[sentences > 0]
        lengths[firsts] = ends[firsts]
        columns = {
            name: batch.column(name).flatten().to_numpy(zero_copy_only=False)
            for name in batch.schema.names
            if name not in ("input_ids", "sentence_ends")
        }
        return cls(batch.column("input_ids").flatten().to_numpy().astype(np.int32), lengths, sentences, columns)

    @property
    def have_pieces(self) -> NDArray[np.bool_]:
        """(documents,) which of them have any pieces, and so are written."""
        ends = np.concatenate([[0], np.cumsum(self.sentence_lengths)])[np.cumsum(self.sentences)]
        of_documents: NDArray[np.bool_] = np.diff(ends, prepend=0) > 0
        return of_documents

    def where(self, chosen: NDArray[np.bool_]) -> EncodedDocuments:
        """Only the documents of a mask (documents,)."""
        if chosen.all():
            return self
        of_sentences = np.repeat(chosen, self.sentences)
        of_pieces = np.repeat(of_sentences, self.sentence_lengths)
        return EncodedDocuments(
            self.ids[of_pieces],
            self.sentence_lengths[of_sentences],
            self.sentences[chosen],
            {name: values[of_pieces] for name, values in self.columns.items()},
        )

    def filled(self) -> EncodedDocuments:
        """Without the sentences that have no pieces, and the documents that then have no sentence."""
        with_pieces = self.sentence_lengths > 0
        owners = np.repeat(np.arange(len(self.sentences)), self.sentences)
        sentences = np.bincount(owners[with_pieces], minlength=len(self.sentences))
        lengths = self.sentence_lengths[with_pieces]
        return EncodedDocuments(self.ids, lengths, sentences[sentences > 0], self.columns)


def store_schema(vocabulary_size: int, columns: Collection[str] = ()) -> pa.Schema:
    """The columns of a store and their types; ``columns`` are the optional ones that it has."""
    ids = pa.uint16() if vocabulary_size <= 1 << 16 else pa.int32()
    fields = [("input_ids", pa.list_(ids)), ("sentence_ends", pa.list_(pa.int32()))]
    return pa.schema(fields + [(name, pa.list_(COLUMN_TYPES[name])) for name in sorted(columns)])


class ShardWriter:
    """Writes documents into one file, in constant memory; a context. Without any document there is no file."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        """All documents must have the optional columns of the schema."""
        self.path = path
        self._schema = schema
        self._columns = schema.names[2:]
        self._file: ArrowFileWriter | None = None
        self._pending: list[EncodedDocuments] = []
        self._pending_tokens = 0
        self.documents = 0
        self.sentences = 0
        self.tokens = 0
        nothing = np.zeros(0, np.uint8)
        self._counted = {what: 0 for name in self._columns for what in _COUNTED[name](nothing)}

    def add(self, documents: EncodedDocuments) -> None:
        """Append documents; sentences without pieces are left out, and so are documents without any."""
        filled = documents.filled()
        self._pending.append(filled)
        self._pending_tokens += len(filled.ids)
        self.documents += len(filled.sentences)
        self.sentences += len(filled.sentence_lengths)
        self.tokens += len(filled.ids)
        for name in self._columns:
            for what, chosen in _COUNTED[name](filled.columns[name]).items():
                self._counted[what] += int(np.count_nonzero(chosen))
        if self._pending_tokens >= _TOKENS_PER_RECORD_BATCH:
            self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._flush()
        finally:
            if self._file is not None:
                self._file.close()

    def counts(self) -> dict[str, int]:
        """For the manifest."""
        return {"documents": self.documents, "sentences": self.sentences, "tokens": self.tokens} | self._counted

    def begin(self) -> None:
        """Make the file, even if no document comes."""
        if self._file is None:
            self._file = ArrowFileWriter(self.path, self._schema)

    def _flush(self) -> None:
        sentences = np.concatenate([part.sentences for part in self._pending]) if self._pending else np.zeros(0, int)
        if len(sentences):
            lengths = np.concatenate([part.sentence_lengths for part in self._pending])
            sentence_starts = np.concatenate([[0], np.cumsum(sentences)])
            ends = np.cumsum(lengths)
            document_starts = np.concatenate([[0], ends[sentence_starts[1:] - 1]])
            in_document = ends - np.repeat(document_starts[:-1], sentences)
            id_type = self._schema.field("input_ids").type.value_type
            ids = np.concatenate([part.ids for part in self._pending])
            columns = {
                "input_ids": _lists(document_starts, arrow_values(ids, id_type)),
                "sentence_ends": _lists(sentence_starts, arrow_values(in_document, pa.int32())),
            }
            for name in self._columns:
                values = np.concatenate([part.columns[name] for part in self._pending])
                columns[name] = _lists(document_starts, arrow_values(values, COLUMN_TYPES[name]))
            self.begin()
            assert self._file is not None
            self._file.write(columns)
        self._pending, self._pending_tokens = [], 0


def _lists(offsets: NDArray[np.int64], values: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(arrow_values(offsets, pa.int32()), values)


class TokenStore:
    """Reads one split of a token store through memory maps."""

    def __init__(self, directory: Path, files: Sequence[str] | None = None) -> None:
        """``files`` are names in the directory, in their order; by default those that the split itself lists."""
        paths = split_files(directory) if files is None else [directory / name for name in files]
        names = read_schema(paths[0]).names if paths else ["input_ids", "sentence_ends"]
        self._chunks: dict[str, list[Any]] = {name: [] for name in names if name != "sentence_ends"}
        token_counts: list[NDArray[np.int64]] = []
        sentence_counts: list[NDArray[np.int64]] = []
        ends: list[NDArray[np.int64]] = []
        for batch in read_record_batches(paths):
            if batch.num_rows == 0:
                continue
            ids, sentence_ends = batch.column("input_ids"), batch.column("sentence_ends")
            for name, chunks in self._chunks.items():
                values = batch.column(name).flatten()
                is_bits = pa.types.is_boolean(values.type)
                chunks.append(values if is_bits else values.to_numpy())
            token_counts.append(np.diff(ids.offsets.to_numpy()).astype(np.int64))
            sentence_counts.append(np.diff(sentence_ends.offsets.to_numpy()).astype(np.int64))
            ends.append(sentence_ends.flatten().to_numpy().astype(np.int64))
        self._chunk_starts = np.concatenate(
            [[0], np.cumsum([len(chunk) for chunk in self._chunks["input_ids"]])]
        ).astype(np.int64)
        self.document_starts = _starts(token_counts)
        self.sentence_starts = _starts(sentence_counts)
        """Index of every document's first sentence, and the number of sentences at the end."""
        in_document = np.concatenate(ends) if ends else np.zeros(0, np.int64)
        self.sentence_ends = in_document + np.repeat(self.document_starts[:-1], np.diff(self.sentence_starts))

    @property
    def documents(self) -> int:
        """The number of documents."""
        return len(self.document_starts) - 1

    @property
    def tokens(self) -> int:
        """The number of pieces."""
        return int(self.document_starts[-1])

    @property
    def columns(self) -> frozenset[str]:
        """The optional columns that it has."""
        return frozenset(self._chunks) - {"input_ids"}

    def sentence_bounds(self, sentences: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where these sentences start and end; a sentence starts where the one before it ends."""
        return np.where(sentences > 0, self.sentence_ends[sentences - 1], 0), self.sentence_ends[sentences]

    def read(self, start: int, end: int) -> NDArray[Any]:
        """The pieces from ``start`` to ``end``, which lie in one document; a view, not a copy."""
        values: NDArray[Any] = self.gather("input_ids", np.array([start]), np.array([end]))
        return values

    def gather(self, name: str, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[Any]:
        """The values of a column in runs of tokens that lie in one document each, one after the other."""
        chunks = np.searchsorted(self._chunk_starts, starts, side="right") - 1
        offsets = starts - self._chunk_starts[chunks]
        of_chunks = self._chunks[name]
        runs = zip(chunks.tolist(), offsets.tolist(), (offsets + ends - starts).tolist(), strict=True)
        found = [of_chunks[chunk][begin:end] for chunk, begin, end in runs]
        if found and isinstance(found[0], pa.BooleanArray):
            found = [values.to_numpy(zero_copy_only=False) for values in found]
        if len(found) == 1:
            return np.asarray(found[0])
        return np.concatenate(found) if found else np.zeros(0, np.int64)


def _starts(counts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    flat = np.concatenate(counts) if counts else np.zeros(0, np.int64)
    return np.concatenate([[0], np.cumsum(flat)]).astype(np.int64)


def open_split(data: DataDirectory, split: str) -> TokenStore:
    """The ``train`` or ``heldout`` documents of a store, or of the store beside static rows.

    Raises ``DataError`` where a file is missing or is not as it was written.
    """
    if split not in data.shards:
        raise DataError(f"there is no {split} split", path=data.path, hint=f"build it again with `{MADE_BY}`")
    directory = data.store_directory / split
    check_files(directory, data.shards[split])
    return TokenStore(directory, [shard.file for shard in data.shards[split]])


def check_static_rows(data: DataDirectory, split: str) -> list[Path]:
    """The files of a split's finished rows. Raises ``DataError`` where one is missing or is not as it was written."""
    directory = data.path / split
    check_files(directory, data.rows[split])
    return [directory / file.file for file in data.rows[split]]
