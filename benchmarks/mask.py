"""Pretraining data from text: what others do and ``bertcli mask build``, in time, memory and disk.

    python benchmarks/mask.py CORPUS --vocab VOCAB [--google CHECKOUT]
    python benchmarks/mask.py --generate 2GB --vocab VOCAB

The first form runs each contestant on the same plain text, in a process of its own, one after the other, for several
rounds; the time is that of the whole process, imports included:

* ``datasets.map``: a text data set, tokenized line by line and grouped into sequences, both with ``Dataset.map`` on all
  cores, as transformers' ``run_mlm.py`` does it; nothing is masked yet
* ``mask build``: a token store, from which every mask and every length is drawn
* ``mask build --static``: finished rows, masked and paired, one copy
* ``create_pretraining_data.py``: the script of a checkout of google-research/bert, run as it is with one duplicate, on
  the first ``--google-megabytes`` of the text; of TensorFlow, its flags, files and record writer are stubbed, and
  nothing is written

The second form writes text of that size, whose words are drawn by Zipf's law from some ten million, and builds a token
store from it. Memory is the proportional set size of the process and its workers together.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from generated_text import write_words
from processes import Run, measure

from bertcli.config.counting import in_bytes
from bertcli.core.workers import available_cores
from bertcli.text import corpus

SEQ_LENGTH = 128
DATASETS = """
import sys
from itertools import chain
import datasets, transformers
text, vocab, cache, length, cores = sys.argv[1:]
length, cores = int(length), int(cores)
tokenizer = transformers.BertTokenizerFast.from_pretrained(vocab)
lines = datasets.load_dataset("text", data_files=text, split="train", cache_dir=cache)

def tokenized(batch):
    return tokenizer(batch["text"], return_special_tokens_mask=True)

def grouped(batch):
    joined = {name: list(chain.from_iterable(values)) for name, values in batch.items()}
    whole = len(joined["input_ids"]) // length * length
    return {name: [values[at : at + length] for at in range(0, whole, length)] for name, values in joined.items()}

options = {"batched": True, "num_proc": cores, "load_from_cache_file": False}
ids = lines.map(tokenized, remove_columns=["text"], **options)
ids.map(grouped, **options)
"""
TENSORFLOW = """
import glob, logging, sys
from types import SimpleNamespace as Names

class Flags:
    def define(self, kind):
        def one(name, default, help):
            given = [text.split("=", 1)[1] for text in sys.argv if text.startswith("--" + name + "=")]
            setattr(self, name, kind(given[0]) if given else default)
        return one

values = Flags()
flags = Names(
    FLAGS=values,
    DEFINE_string=values.define(str),
    DEFINE_integer=values.define(int),
    DEFINE_float=values.define(float),
    DEFINE_bool=values.define(lambda text: text == "True"),
    mark_flag_as_required=lambda name: None,
)
gfile = Names(GFile=lambda path, mode: open(path, encoding="utf-8"), Glob=glob.glob)
log = Names(INFO=0, info=lambda *rest: None, set_verbosity=lambda level: None)
globals()["logging"] = log
python_io = Names(TFRecordWriter=lambda path: Names(write=lambda record: None, close=lambda: None))
keep = lambda **fields: Names(**fields)
train = Names(
    Example=lambda features: Names(features=features, SerializeToString=lambda: b""),
    Features=keep, Int64List=keep, FloatList=keep,
    Feature=lambda int64_list=None, float_list=None: Names(
        int64_list=int64_list or keep(value=None), float_list=float_list or keep(value=None)
    ),
)
app = Names(run=lambda: sys.modules["__main__"].main(sys.argv))
"""


def main() -> None:
    """One of the two forms."""
    arguments = parse()
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        run = large if arguments.generate else against_others
        figures = run(arguments, Path(scratch))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="?")
    parser.add_argument("--vocab", required=True, help="vocabulary directory")
    parser.add_argument("--google", type=Path, help="a checkout of google-research/bert")
    parser.add_argument("--google-megabytes", type=float, default=5, help="text for it; its time grows with the text")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--generate", help="size of the text to write, such as 2GB")
    parser.add_argument("--scratch", help="folder for what is written on the way")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    if bool(arguments.corpus) == bool(arguments.generate):
        parser.error("give either CORPUS or --generate")
    return arguments


def against_others(arguments: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Speed, memory and disk of every contestant."""
    text = scratch / "text.txt"
    write_documents(arguments.corpus, text)
    sizes = dict.fromkeys(("datasets.map", "mask build", "mask build --static"), text.stat().st_size / 1e6)
    bertcli = [*mask_build(text, arguments.vocab, scratch / "store"), "--overwrite"]
    static = [*mask_build(text, arguments.vocab, scratch / "static"), "--overwrite"]
    static += ["--static", "--duplicates", "1", "--mlm", "--nsp", "--seq-length", str(SEQ_LENGTH)]
    ready = [arguments.vocab, str(scratch / "cache"), str(SEQ_LENGTH), str(available_cores())]
    commands = {
        "datasets.map": [sys.executable, "-c", DATASETS, str(text), *ready],
        "mask build": bertcli,
        "mask build --static": static,
    }
    if arguments.google:
        part = scratch / "part.txt"
        write_documents(arguments.corpus, part, most=arguments.google_megabytes * 1e6)
        name = "create_pretraining_data.py"
        sizes[name] = part.stat().st_size / 1e6
        commands[name] = google(arguments.google.resolve(), part, arguments.vocab, scratch)
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for number in range(arguments.rounds):
        for name, command in commands.items():
            run = measure(command)
            runs[name].append(run)
            say(f"round {number + 1}: {name:<28}{run.seconds:8.1f} s {run.peak_mb:8,.0f} MB")
    speeds = {name: [sizes[name] / run.seconds for run in of_name] for name, of_name in runs.items()}
    middle = {name: statistics.median(of_name) for name, of_name in speeds.items()}
    disk = {"mask build": size_of(scratch / "store"), "mask build --static": size_of(scratch / "static")}
    disk["datasets.map"] = size_of(scratch / "cache") / arguments.rounds
    print(f"{sizes['mask build']:,.1f} MB, {available_cores()} cores; median of {arguments.rounds} rounds")
    header = ("", "MB/s", "min", "max", "peak MB", "MB on disk", "mask build is", "--static is")
    print(f"{header[0]:<28}" + "".join(f"{title:>15}" for title in header[1:]))
    for name, of_name in speeds.items():
        written = f"{disk[name]:,.1f}" if name in disk else "none"
        cells = [f"{middle[name]:.3f}", f"{min(of_name):.3f}", f"{max(of_name):.3f}"]
        cells += [f"{max(run.peak_mb for run in runs[name]):,.0f}", written]
        cells += [f"{middle[ours] / middle[name]:.2f} ×" for ours in ("mask build", "mask build --static")]
        print(f"{name:<28}" + "".join(f"{cell:>15}" for cell in cells))
    print(f"the token store takes {disk['mask build'] / sizes['mask build']:.3f} of the text's bytes")
    return {
        "megabytes": sizes,
        "megabytes_on_disk": disk,
        "runs": {name: [vars(run) for run in of_name] for name, of_name in runs.items()},
    }


def large(arguments: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Memory, time and disk on generated text."""
    text = scratch / "generated.txt"
    write_words(text, in_bytes(arguments.generate))
    run = measure([*mask_build(text, arguments.vocab, scratch / "store"), "--documents", "line"])
    megabytes, disk = text.stat().st_size / 1e6, size_of(scratch / "store")
    print(f"{megabytes:,.0f} MB in {run.seconds:,.0f} s: {megabytes / run.seconds:.2f} MB/s")
    print(f"peak memory  {run.peak_mb:,.0f} MB")
    print(f"on disk      {disk:,.0f} MB, {disk / megabytes:.3f} of the text's bytes")
    return {"megabytes": megabytes, "megabytes_on_disk": disk, "run": vars(run)}


def mask_build(text: Path, vocab: str, output: Path) -> list[str]:
    """The command that builds a token store."""
    return [sys.executable, "-m", "bertcli", "mask", "build", str(text), "--vocab", vocab, "-q", "-o", str(output)]


def google(checkout: Path, text: Path, vocab: str, scratch: Path) -> list[str]:
    """The command that runs ``create_pretraining_data.py`` on a stub of TensorFlow."""
    stub = scratch / "stub"
    stub.mkdir()
    (stub / "tensorflow.py").write_text(TENSORFLOW)
    (stub / "six.py").write_text("PY3, PY2 = True, False\n")
    script = checkout / "create_pretraining_data.py"
    start = f"import sys, runpy; sys.path[:0] = [{str(stub)!r}, {str(checkout)!r}]; sys.argv[0] = {str(script)!r}; "
    start += f"runpy.run_path({str(script)!r}, run_name='__main__')"
    flags = [f"--input_file={text}", f"--output_file={scratch / 'none'}", f"--vocab_file={Path(vocab) / 'vocab.txt'}"]
    flags += [f"--max_seq_length={SEQ_LENGTH}", "--max_predictions_per_seq=20", "--dupe_factor=1"]
    return [sys.executable, "-c", start, *flags]


def write_documents(source: str, path: Path, *, most: float = float("inf")) -> None:
    """The documents of a corpus as plain text, a blank line behind each, until there are ``most`` bytes."""
    with path.open("w", encoding="utf-8") as file:
        for document in corpus.read_documents(corpus.find_files([source])):
            if file.tell() >= most:
                break
            file.write(document.text + "\n\n")


def size_of(directory: Path) -> float:
    """All files below a directory, in MB."""
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file()) / 1e6


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
