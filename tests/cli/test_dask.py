"""``--dask``: commands whose text is worked through by a cluster."""

from __future__ import annotations

import io
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bertcli.core import cluster
from bertcli.core.blocks import in_blocks
from bertcli.data import building
from bertcli.stages import vocab_encode
from bertcli.text import words


@pytest.fixture
def address(dask_cluster: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of a cluster whose pieces of work are small, so that there are many."""
    monkeypatch.setattr(words, "_BLOCK_CHARACTERS", 500)
    monkeypatch.setattr(building, "_CHARACTERS_PER_CALL", 500)
    monkeypatch.setattr(vocab_encode, "_CHARACTERS_PER_CALL", 50)
    return str(dask_cluster.scheduler_address)


def same(name: str, *files: str) -> bool:
    """Whether these files of ``NAME-cluster`` have the bytes of those of ``NAME-one``."""
    return all(Path(f"{name}-cluster", file).read_bytes() == Path(f"{name}-one", file).read_bytes() for file in files)


STORES = ("train/data-00000.arrow", "heldout/data-00000.arrow")


def test_a_vocabulary_has_the_same_bytes(bertcli, workplace, address):
    build = ("vocab", "build", "corpus.txt", "--size", 200)
    assert bertcli(*build, "--workers", 1, "-o", "vocab-one").code == 0
    outcome = bertcli(*build, "--dask", address, "-o", "vocab-cluster")
    assert (outcome.code, outcome.err.count("error")) == (0, 0)
    assert same("vocab", "vocab.txt", "tokenizer.json", "tokenizer_config.json")


def test_a_token_store_has_the_same_bytes(bertcli, workplace, address):
    build = ("mask", "build", "corpus.txt")
    assert bertcli(*build, "--workers", 1, "-o", "data-one").code == 0
    assert bertcli(*build, "--dask", address, "-o", "data-cluster").code == 0
    assert same("data", *STORES)


def test_workers_do_not_need_the_list_of_words(bertcli, workplace, address, monkeypatch):
    Path("chinese.txt").write_text("我们喜欢北京。\n我们来到北京。\n" * 5)
    Path("words.txt").write_text("我们\n北京\n")
    assert bertcli("vocab", "build", "chinese.txt", "--size", 30, "-o", "vocab").code == 0
    build = ("mask", "build", "chinese.txt", "--vocab", "vocab", "--words", "words.txt", "--held-out", 0)
    assert bertcli(*build, "--workers", 1, "-o", "data-one").code == 0
    blocks = building.in_blocks

    def without_the_file(*arguments: Any) -> Iterator[Any]:
        Path("words.txt").unlink()  # as on a machine that has none
        yield from blocks(*arguments)

    monkeypatch.setattr(building, "in_blocks", without_the_file)
    assert bertcli(*build, "--dask", address, "-o", "data-cluster").code == 0
    assert same("data", *STORES)


def test_a_worker_that_is_killed_changes_nothing(bertcli, workplace, address, dask_cluster, monkeypatch):
    assert bertcli("mask", "build", "corpus.txt", "--workers", 1, "-o", "data-one").code == 0
    worker = next(iter(dask_cluster.workers.values())).pid
    killed = []

    def blocks(*arguments: Any) -> Iterator[Any]:
        for number, block in enumerate(in_blocks(*arguments)):
            if number == 6:
                os.kill(worker, signal.SIGKILL)
                killed.append(worker)
            yield block

    monkeypatch.setattr(building, "in_blocks", blocks)
    assert bertcli("mask", "build", "corpus.txt", "--dask", address, "-o", "data-cluster").code == 0
    assert killed == [worker]
    assert same("data", *STORES)


def test_lines_keep_their_order(bertcli, workplace, address, monkeypatch):
    lines = [f"this is number {number}" for number in range(100)]
    encode = ("vocab", "encode", "-")
    said = []
    for who in (("--workers", 1), ("--dask", address)):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO("\n".join(lines).encode())))
        said.append(bertcli(*encode, *who).out)
    assert said[0] == said[1]
    assert said[0].count("\n") == 100


def test_what_fails_in_a_worker_leaves_nothing_behind(bertcli, workplace, address, monkeypatch):
    monkeypatch.setattr(building, "in_blocks", lambda *_: iter([None]))  # no chunk of documents
    with pytest.raises(TypeError, match="NoneType"):
        bertcli("mask", "build", "corpus.txt", "--dask", address, "-o", "data-cluster")
    assert not Path("data-cluster").exists()


def test_a_cluster_and_a_number_of_processes_exclude_one_another(bertcli, workplace):
    outcome = bertcli("mask", "build", "corpus.txt", "--dask", "tcp://host:8786", "--workers", 2, "-o", "data-2")
    assert outcome.code == 2
    said = "--workers is a number of processes of this machine, and with --dask the cluster's do the work\n"
    assert f"error: {said}" in outcome.err
    assert "hint: leave one out; `dask worker --nworkers` says how many a machine of the cluster has" in outcome.err


@pytest.mark.parametrize("wrong", ["host", "http://host:1", "tcp://user:secret@host:1", "tcp://host:1/x"])
def test_what_is_no_address_is_refused(bertcli, workplace, wrong):
    outcome = bertcli("vocab", "build", "corpus.txt", "--dask", wrong, "-o", "vocab-2")
    assert outcome.code == 2
    assert "error: --dask: expected the address of a Dask scheduler such as tcp://host:8786, got" in outcome.err
    assert "secret" not in outcome.err


def test_an_address_where_nobody_listens_is_told(bertcli, workplace, monkeypatch):
    monkeypatch.setattr(cluster, "_CONNECTING_SECONDS", 0.3)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
        outcome = bertcli("vocab", "build", "corpus.txt", "--dask", address, "-o", "vocab-2")
    assert outcome.code == 2
    assert f"error: no Dask scheduler answers at {address}: " in outcome.err
    assert "hint: `dask scheduler` starts one and says its address; without --dask" in outcome.err
    assert not Path("vocab-2").exists()
