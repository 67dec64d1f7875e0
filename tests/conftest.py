"""Fixtures that many tests share: small vocabularies, token stores and corpora, made anew for every test run."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from bertcli.contracts.vocabulary import Vocabulary
from bertcli.data.arrow_files import FIRST_FILE, describe_split
from bertcli.data.shards import ShardFile
from bertcli.data.token_store import EncodedDocuments, ShardWriter, TokenStore, store_schema
from bertcli.text.word_cache import EncodedTexts

VOCABULARY_SIZE = 200

settings.register_profile("bertcli", deadline=None)  # time is measured in benchmarks, and machines are busy
settings.load_profile("bertcli")


def one_document(sentences: Sequence[Sequence[int] | NDArray[np.int64]]) -> EncodedDocuments:
    """A document from the ids of its sentences."""
    encoded = EncodedTexts.of([np.array(sentence, dtype=np.int32) for sentence in sentences])
    return EncodedDocuments.of(encoded, np.array([len(sentences)]))


class TokenStoreWriter(ShardWriter):
    """Writes documents into one split of a single file; a context, at whose end the split is described."""

    def __init__(self, directory: Path, vocabulary_size: int, *, columns: Sequence[str] = ()) -> None:
        """``columns`` are the optional ones; all documents must have them."""
        directory.mkdir(parents=True)
        super().__init__(directory / FIRST_FILE, store_schema(vocabulary_size, columns))
        self.begin()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, traceback)
        if error is None:
            file = ShardFile.of(self.path, self.counts())
            describe_split(self.path.parent, self._schema, {file.file: file.sha256})


@pytest.fixture(scope="session")
def store_writer() -> type[TokenStoreWriter]:
    """A context of a directory and a vocabulary's size: the documents that are added become a split there."""
    return TokenStoreWriter


@pytest.fixture(scope="session")
def vocabulary() -> Vocabulary:
    """200 ids, the first five of them specials."""
    return Vocabulary(
        size=VOCABULARY_SIZE,
        pad_id=0,
        unk_id=1,
        cls_id=2,
        sep_id=3,
        mask_id=4,
        special_ids=(0, 1, 2, 3, 4),
        lowercase=True,
        fingerprint="test",
    )


@pytest.fixture(name="one_document", scope="session")
def _one_document() -> Callable[..., EncodedDocuments]:
    """``one_document(sentences)``: a document from the ids of its sentences."""
    return one_document


@pytest.fixture(scope="module")
def dask_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Dask scheduler in this process and two worker processes of one thread each."""
    from distributed import LocalCluster

    place = tmp_path_factory.mktemp("dask")
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",  # None would be port 8787, which may be taken
        local_directory=str(place),
        silence_logs=logging.CRITICAL,
    ) as cluster:
        yield cluster


@pytest.fixture
def make_store(tmp_path: Path) -> Callable[..., TokenStore]:
    """A store of random documents: ``make_store(documents, sentences, seed)``; ids are 5 and above.

    The optional ``columns`` hold random flags.
    """

    def make(
        documents: int = 50, sentences: int = 12, seed: int = 0, longest: int = 30, columns: Sequence[str] = ()
    ) -> TokenStore:
        draw = np.random.default_rng(seed)
        directory = tmp_path / "-".join(["store", *map(str, (documents, sentences, seed, longest)), *columns])
        if directory.exists():
            return TokenStore(directory)
        with TokenStoreWriter(directory, VOCABULARY_SIZE, columns=columns) as writer:
            for _ in range(documents):
                lengths = draw.integers(1, longest, size=draw.integers(1, sentences + 1))
                document = one_document([draw.integers(5, VOCABULARY_SIZE, size=length) for length in lengths])
                flags = {name: draw.random(len(document.ids)) < 0.2 for name in columns}
                writer.add(replace(document, columns=flags))
        return TokenStore(directory)

    return make
