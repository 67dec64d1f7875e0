"""Learning a vocabulary: the ``tokenizers`` library's trainer against bertcli, in time, memory and fit.

    python benchmarks/vocab.py CORPUS --held-out HELD_OUT
    python benchmarks/vocab.py --generate 5GB --memory 1GB

The first form trains ``BertWordPieceTokenizer`` and runs ``bertcli vocab build`` on the same plain text, each in a
process of its own, one after the other, for several rounds; the time is that of the whole process. Then it compares
the two vocabularies with ``bertcli vocab compare``: unigram counts from CORPUS, likelihood on HELD_OUT.

The second form writes text of that size, whose words are drawn by Zipf's law from some ten million, and runs
``bertcli vocab build --memory`` on it. Memory is the proportional set size of the process and its workers together,
read several times a second.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from generated_text import write_words
from processes import Run, measure

from bertcli.config.counting import in_bytes
from bertcli.text import corpus

CONTESTANTS = ("tokenizers", "bertcli")
TRAIN = """
import sys
from tokenizers import BertWordPieceTokenizer
text, size, directory = sys.argv[1:]
tokenizer = BertWordPieceTokenizer()
tokenizer.train([text], vocab_size=int(size), show_progress=False)
tokenizer.save_model(directory)
"""


def main() -> None:
    """One of the two forms."""
    arguments = parse()
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        figures = (
            large(arguments, Path(scratch)) if arguments.generate else against_tokenizers(arguments, Path(scratch))
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="?")
    parser.add_argument("--held-out", help="text to compare the likelihood on")
    parser.add_argument("--size", type=int, default=30000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--generate", help="size of the text to write, such as 5GB")
    parser.add_argument("--memory", default="2GB", help="for bertcli vocab build")
    parser.add_argument("--scratch", help="folder for what is written on the way")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    if bool(arguments.corpus) == bool(arguments.generate):
        parser.error("give either CORPUS or --generate")
    return arguments


def against_tokenizers(arguments: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Time, memory and fit of both."""
    text = scratch / "text.txt"
    with text.open("w") as file:  # the library reads plain text alone
        for document in corpus.read_documents(corpus.find_files([arguments.corpus])):
            file.write(document.text + "\n\n")
    bertcli = [sys.executable, "-m", "bertcli", "vocab"]
    build = [*bertcli, "build", str(text), "--size", str(arguments.size), "--memory", arguments.memory]
    (scratch / "tokenizers").mkdir()
    commands = {
        "tokenizers": [sys.executable, "-c", TRAIN, str(text), str(arguments.size), str(scratch / "tokenizers")],
        "bertcli": [*build, "-q", "--overwrite", "-o", str(scratch / "bertcli")],
    }
    runs: dict[str, list[Run]] = {name: [] for name in CONTESTANTS}
    for number in range(arguments.rounds):
        for name, command in commands.items():
            run = measure(command)
            runs[name].append(run)
            say(f"round {number + 1}: {name:<12} {run.seconds:6.1f} s {run.peak_mb:8,.0f} MB")
    print(f"{arguments.size:,} pieces from {text.stat().st_size / 1e6:,.0f} MB; median of {arguments.rounds} rounds")
    print(f"{'':<12}{'seconds':>10}{'min':>8}{'max':>8}{'peak MB':>10}")
    middle = {}
    for name, of_name in runs.items():
        seconds = [run.seconds for run in of_name]
        middle[name] = statistics.median(seconds)
        peak = max(run.peak_mb for run in of_name)
        print(f"{name:<12}{middle[name]:>10.1f}{min(seconds):>8.1f}{max(seconds):>8.1f}{peak:>10,.0f}")
    print(f"bertcli takes {middle['bertcli'] / middle['tokenizers']:.2f} × the time")
    figures: dict[str, Any] = {name: [vars(run) for run in of_name] for name, of_name in runs.items()}
    if arguments.held_out:
        compare = [*bertcli, "compare", str(scratch / "tokenizers"), str(scratch / "bertcli")]
        compare += ["--train", str(text), "--on", arguments.held_out, "-q"]
        print()
        sys.stdout.flush()
        subprocess.run(compare, check=True)
        report = json.loads(subprocess.run([*compare, "--json"], check=True, stdout=subprocess.PIPE).stdout)
        figures["comparison"] = {
            name: {key: vocabulary[key] for key in ("figures", "differences")}
            for name, vocabulary in zip(CONTESTANTS, report["vocabularies"], strict=True)
        }
    return figures


def large(arguments: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Memory and time on generated text."""
    text = scratch / "generated.txt"
    started_at = time.monotonic()
    write_words(text, in_bytes(arguments.generate))
    say(f"wrote {text.stat().st_size / 1e9:.2f} GB in {time.monotonic() - started_at:.0f} s")
    command = [sys.executable, "-m", "bertcli", "vocab", "build", str(text), "--size", str(arguments.size)]
    command += ["--documents", "line", "--memory", arguments.memory, "--json", "-o", str(scratch / "vocab")]
    report_file = scratch / "report.json"
    with report_file.open("wb") as output:
        run = measure(command, output)
    report = json.loads(report_file.read_text())
    limit = in_bytes(arguments.memory) / 1e6
    print(f"{report['size']:,} pieces from {text.stat().st_size / 1e9:.2f} GB with --memory {arguments.memory}")
    print(f"time         {run.seconds:,.0f} s")
    print(f"peak memory  {run.peak_mb:,.0f} MB of {limit:,.0f} MB: {'within' if run.peak_mb <= limit else 'BEYOND'}")
    share = report["dropped_words"] / (report["words"] + report["dropped_words"])
    print(f"words        {report['distinct_words']:,} distinct kept; {share:.2%} of all dropped")
    print(f"counts       short of the truth by {report['count_error']:,} at most")
    del report["directory"]
    return {"run": vars(run), "report": report}


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
