"""Text to ids: ``datasets.map`` and ``tokenizers`` against bertcli, on all cores.

    python benchmarks/encode.py CORPUS --vocab VOCAB
    python benchmarks/encode.py CORPUS --vocab VOCAB --check

Each contestant runs in a process of its own, one after the other, for several rounds; imports and reading the text are
not counted. Contestants:

* ``datasets.map``: transformers' fast tokenizer in ``Dataset.map(batched=True, num_proc=CORES)``, to Arrow on disk
* ``encode_batch_fast``: the ``tokenizers`` library on lists of lines, with its threads; ids are not even taken out
* ``bertcli``: ``Tokenizer.encode_all`` in as many processes, ids brought back to the first
* ``mask build``: the whole command, from the file to sentences and ids on disk, start of the program included

``--check`` compares all ids with those of transformers' fast tokenizer instead.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bertcli.core.workers import Processes, available_cores, map_in_order
from bertcli.text import corpus
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_loading import load_tokenizer
from bertcli.text.word_cache import EncodedTexts

LINES_PER_CALL = 10_000


def main() -> None:
    """All rounds, or the check."""
    arguments = parse()
    if arguments.contestant:
        print(json.dumps(CONTESTANTS[arguments.contestant](arguments)))
        return
    if arguments.check:
        check(arguments)
        return
    megabytes = sum(len(line.encode()) + 1 for line in lines_of(arguments.corpus)) / 1e6
    rounds: dict[str, list[float]] = {name: [] for name in CONTESTANTS}
    for number in range(arguments.rounds):
        for name, of_name in rounds.items():
            command = [sys.executable, __file__, arguments.corpus, "--vocab", arguments.vocab, "--contestant", name]
            run = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            seconds = float(run.stdout.splitlines()[-1])
            of_name.append(megabytes / seconds)
            print(f"round {number + 1}: {name:<20} {seconds:6.1f} s  {megabytes / seconds:6.2f} MB/s", file=sys.stderr)
    print(f"{megabytes:,.1f} MB, {available_cores()} cores; median of {arguments.rounds} rounds")
    print(f"{'':<20}{'MB/s':>8}{'min':>8}{'max':>8}{'bertcli is':>12}")
    ours = statistics.median(rounds["bertcli"])
    for name, speeds in rounds.items():
        middle = statistics.median(speeds)
        print(f"{name:<20}{middle:>8.2f}{min(speeds):>8.2f}{max(speeds):>8.2f}{f'{ours / middle:.2f} ×':>12}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"megabytes": megabytes, "megabytes_per_second": rounds}, indent=2) + "\n")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus")
    parser.add_argument("--vocab", required=True, help="vocabulary directory")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--check", action="store_true", help="compare all ids with transformers'")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--contestant", help=argparse.SUPPRESS)
    return parser.parse_args()


def lines_of(where: str) -> Iterator[str]:
    """The lines of all documents."""
    for document in corpus.read_documents(corpus.find_files([where])):
        yield from document.text.split("\n")


def calls(lines: list[str]) -> Iterator[list[str]]:
    """Lines, some thousand at a time."""
    for at in range(0, len(lines), LINES_PER_CALL):
        yield lines[at : at + LINES_PER_CALL]


def time_datasets(arguments: argparse.Namespace) -> float:
    """Seconds of ``Dataset.map``."""
    import datasets

    fast = transformers_tokenizer(arguments.vocab)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "lines"
        datasets.Dataset.from_dict({"text": list(lines_of(arguments.corpus))}).save_to_disk(str(path))
        rows = datasets.load_from_disk(str(path))
        started_at = time.perf_counter()
        rows.map(
            lambda batch: fast(batch["text"], add_special_tokens=False),
            batched=True,
            num_proc=available_cores(),
            remove_columns=["text"],
            load_from_cache_file=False,
        )
        return time.perf_counter() - started_at


def time_tokenizers(arguments: argparse.Namespace) -> float:
    """Seconds of ``encode_batch_fast``."""
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    backend = transformers_tokenizer(arguments.vocab).backend_tokenizer
    lines = list(lines_of(arguments.corpus))
    started_at = time.perf_counter()
    for call in calls(lines):
        backend.encode_batch_fast(call, add_special_tokens=False)
    return time.perf_counter() - started_at


def time_bertcli(arguments: argparse.Namespace) -> float:
    """Seconds of ``Tokenizer.encode_all`` in several processes."""
    tokenizer = load_tokenizer(arguments.vocab)
    lines = list(lines_of(arguments.corpus))
    started_at = time.perf_counter()
    pieces = sum(len(encoded.ids) for encoded in encoded_calls(tokenizer, lines))
    seconds = time.perf_counter() - started_at
    assert pieces
    return seconds


def time_mask_build(arguments: argparse.Namespace) -> float:
    """Seconds of ``bertcli mask build``."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "bertcli", "mask", "build", arguments.corpus, "--vocab", arguments.vocab]
        started_at = time.perf_counter()
        subprocess.run([*command, "-q", "-o", f"{scratch}/data"], check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started_at


CONTESTANTS: dict[str, Callable[[argparse.Namespace], float]] = {
    "datasets.map": time_datasets,
    "encode_batch_fast": time_tokenizers,
    "bertcli": time_bertcli,
    "mask build": time_mask_build,
}


def check(arguments: argparse.Namespace) -> None:
    """Compare the ids of every line."""
    tokenizer, fast = load_tokenizer(arguments.vocab), transformers_tokenizer(arguments.vocab)
    fast.backend_tokenizer.encode_special_tokens = True  # "[MASK]" in a text is text, on both sides
    lines = list(lines_of(arguments.corpus))
    pieces = 0
    for call, encoded in zip(calls(lines), encoded_calls(tokenizer, lines), strict=True):
        theirs = fast.backend_tokenizer.encode_batch_fast(call, add_special_tokens=False)
        for line, ours, expected in zip(call, encoded.split(), theirs, strict=True):
            if ours.tolist() != expected.ids:
                sys.exit(f"different ids: {line!r}")
        pieces += len(encoded.ids)
    print(f"{arguments.vocab}, {arguments.corpus}: {len(lines):,} lines, {pieces:,} pieces, all ids equal")


def encoded_calls(tokenizer: Tokenizer, lines: list[str]) -> Iterator[EncodedTexts]:
    """The ids of some thousand lines at a time, from as many processes as there are cores."""
    return map_in_order(partial(_encoder, tokenizer), calls(lines), workers=Processes(available_cores()))


def _encoder(tokenizer: Tokenizer) -> Callable[[list[str]], EncodedTexts]:
    return tokenizer.encode_all


def transformers_tokenizer(where: str):  # type: ignore[no-untyped-def]
    """Transformers' fast tokenizer."""
    import transformers

    return transformers.BertTokenizerFast.from_pretrained(where)


if __name__ == "__main__":
    main()
