"""Learn, extend, show, compare and use vocabularies."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from bertcli.cli import console, vocab_tables
from bertcli.cli.options import command_app, configured_command
from bertcli.config.corpus import Corpus
from bertcli.config.vocab import DEFAULT_VOCAB, VocabBuild
from bertcli.config.vocab_compare import VocabCompare
from bertcli.config.vocab_encode import VocabEncode
from bertcli.config.vocab_extend import VocabExtend
from bertcli.config.vocab_show import VocabShow
from bertcli.core.messages import notice
from bertcli.core.settings import Flag

app = command_app(help="Learn, extend, show, compare and use vocabularies.")

# Beside what the plain chain of commands wrote.
_EXTENDED_DATA = "bertcli-out/data-extended"
_EXTENDED_RUN = "bertcli-out/runs/pretrain-extended"


def build(config: VocabBuild, as_json: bool) -> None:
    """Learn a vocabulary from text.

    Writes a directory that transformers' AutoTokenizer opens. The same text gives the same vocabulary.
    """
    from bertcli.stages.vocab import build_vocabulary

    report = build_vocabulary(config)
    if as_json:
        console.show_json(report.dump())
    else:
        vocab_tables.show_built(report)
    corpus = config.dump()["corpus"]
    where = [] if report.directory == DEFAULT_VOCAB else ["--vocab", report.directory]
    notice(f"next: {shlex.join(['bertcli', 'mask', 'build', *corpus, *_reading_flags(config), *where])}")


def extend(config: VocabExtend, as_json: bool) -> None:
    """Add the words of a text to a vocabulary, those that save the most pieces.

    Every old piece keeps its id, so that `bertcli pretrain --init` can continue a model of the old vocabulary. A word
    that was unknown counts as one piece more than it has characters.
    """
    from bertcli.stages.vocab_extend import extend_vocabulary

    report = extend_vocabulary(config)
    if as_json:
        console.show_json(report.dump())
    else:
        vocab_tables.show_extended(report)
    build = ["bertcli", "mask", "build", *config.dump()["corpus"], *_reading_flags(config), "--vocab", report.directory]
    notice(f"next: {shlex.join([*build, '-o', _EXTENDED_DATA])}")
    if report.model is not None:
        pretrain = ["bertcli", "pretrain", "--mlm", "--init", report.model, "--data", _EXTENDED_DATA]
        notice(f"then: {shlex.join([*pretrain, '-o', _EXTENDED_RUN])}")


def _reading_flags(config: Corpus) -> list[str]:
    """How the corpus was said to be read, so that the next command reads it alike."""
    flags = []
    for name, field in Corpus.model_fields.items():
        value = getattr(config, name)
        for marker in field.metadata:
            if isinstance(marker, Flag) and value != field.default:
                yes, _, no = marker.name.partition("/")
                flags += [yes if value else no] if isinstance(value, bool) else [marker.name, str(value)]
    return flags


def encode(config: VocabEncode, as_json: bool) -> None:
    """Cut text into pieces: a text, or with - every line of standard input.

    Of one text pieces, ids and offsets are shown; for every line a line is written, with --json a JSON object.
    """
    from bertcli.stages.vocab_encode import encode_lines, encode_text

    if config.text == "-":
        for line in encode_lines(config, sys.stdin.buffer, as_json=as_json):
            print(line)
        return
    if Path(config.text).is_file():
        notice(f"{config.text} is a file, and its name is what is cut; for its lines: bertcli vocab encode - < FILE")
    encoded = encode_text(config)
    if as_json:
        console.show_json(encoded.dump())
    else:
        vocab_tables.show_encoded(config.text, encoded)


def show(config: VocabShow, as_json: bool) -> None:
    """Show a vocabulary: its rules, its pieces by kind, length and script, and a sample of them."""
    from bertcli.stages.vocab_show import show_vocabulary

    shown = show_vocabulary(config)
    if as_json:
        console.show_json(shown.dump())
    else:
        vocab_tables.show_vocabulary(shown)


def compare(config: VocabCompare, as_json: bool) -> None:
    """Compare vocabularies on text: pieces per word, unknown words, likelihood.

    Every figure has a 95 % bootstrap interval over the documents, and so has its difference to the first vocabulary.
    The likelihood is that of a unigram model of the pieces, per character of the text that is no white space. Unknown
    words are spelt out by a uniform code, so that the figure compares vocabularies of any size.
    """
    from bertcli.stages.vocab_compare import compare_vocabularies

    comparison = compare_vocabularies(config)
    if as_json:
        console.show_json(comparison.dump())
    else:
        vocab_tables.show_comparison(comparison)


configured_command(app, "build", VocabBuild, build, example="bertcli vocab build corpus.txt")
configured_command(app, "encode", VocabEncode, encode, example="bertcli vocab encode 'The trees are tall.'")
configured_command(app, "extend", VocabExtend, extend, example="bertcli vocab extend bertcli-out/vocab --on more.txt")
configured_command(app, "show", VocabShow, show, example="bertcli vocab show bertcli-out/vocab")
configured_command(
    app,
    "compare",
    VocabCompare,
    compare,
    example="bertcli vocab compare bertcli-out/vocab other/vocab --on corpus.txt",
)
