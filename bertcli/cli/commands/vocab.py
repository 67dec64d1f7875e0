"""Learn a vocabulary from text, or extend one."""

from __future__ import annotations

import shlex

from bertcli.cli import console
from bertcli.cli.options import command_app, configured_command
from bertcli.config.corpus import Corpus
from bertcli.config.vocab import DEFAULT_VOCAB, VocabBuild
from bertcli.config.vocab_extend import VocabExtend
from bertcli.core.messages import notice
from bertcli.core.settings import Flag

app = command_app(help="Learn a vocabulary from text, or extend one.")


def build(config: VocabBuild, as_json: bool) -> None:
    """Learn a vocabulary from text.

    Writes a directory that transformers' AutoTokenizer opens. The same text gives the same vocabulary.
    """
    from bertcli.stages.vocab import build_vocabulary

    report = build_vocabulary(config)
    if as_json:
        console.show_json(report.dump())
    else:
        casing = "uncased" if report.lowercase else "cased"
        console.show_facts(
            f"vocabulary: {report.directory}",
            {
                "pieces": f"{report.size:,} ({report.algorithm}, {casing})",
                "learned from": f"{report.documents:,} documents, {report.words:,} words",
                "pieces per word": f"{report.tokens_per_word:.3f}",
                "unknown": f"{report.unknown_rate:.3%} of the pieces",
                "time": f"{report.elapsed_seconds:,.1f} s",
            },
        )
    where = [] if report.directory == DEFAULT_VOCAB else ["--vocab", report.directory]
    notice(f"next: {shlex.join(['bertcli', 'mask', 'build', *config.corpus, *_reading_flags(config), *where])}")


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
        casing = "uncased" if report.lowercase else "cased"
        in_places = f", {report.filled:,} of them in [unusedN] places" if report.filled else ""
        console.show_facts(
            f"vocabulary: {report.directory}",
            {
                "pieces": f"{report.size:,} (wordpiece, {casing}), {report.base_size:,} before",
                "added": f"{report.added:,} words{in_places}",
                "chosen from": f"{report.documents:,} documents, {report.words:,} words",
                "pieces per word": f"{report.tokens_per_word:.3f}, {report.base_tokens_per_word:.3f} before",
                "unknown": f"{report.unknown_rate:.3%} of the pieces, {report.base_unknown_rate:.3%} before",
                "time": f"{report.elapsed_seconds:,.1f} s",
            },
        )
        rows = [(new.word, " ".join(new.base_pieces), f"{new.count:,}", f"{new.saved:,}") for new in report.most_saving]
        title = "the most saving words, each with all words that begin with it"
        console.show_table(title, ("word", "before", "occurrences", "pieces saved"), rows)
    build = ["bertcli", "mask", "build", *config.corpus, *_reading_flags(config), "--vocab", report.directory]
    notice(f"next: {shlex.join(build)}")
    if report.model is not None:
        notice(f"then: {shlex.join(['bertcli', 'pretrain', '--mlm', '--init', report.model])}")


def _reading_flags(config: Corpus) -> list[str]:
    """How the corpus was said to be read, so that the next command reads it alike."""
    flags = []
    for name, field in Corpus.model_fields.items():
        value = getattr(config, name)
        for marker in field.metadata:
            if isinstance(marker, Flag) and value != field.default:
                flags += [marker.name, str(value)]
    return flags


configured_command(app, "build", VocabBuild, build, example="bertcli vocab build corpus.txt")
configured_command(app, "extend", VocabExtend, extend, example="bertcli vocab extend bertcli-out/vocab --on more.txt")
