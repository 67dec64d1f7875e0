"""Learn a vocabulary from text."""

from __future__ import annotations

import shlex

from bertcli.cli import console
from bertcli.cli.options import command_app, configured_command
from bertcli.config.corpus import Corpus
from bertcli.config.vocab import DEFAULT_VOCAB, VocabBuild
from bertcli.core.messages import notice
from bertcli.core.settings import Flag

app = command_app(help="Learn a vocabulary from text.")


def build(config: VocabBuild, as_json: bool) -> None:
    """Learn a vocabulary from text.

    Writes a directory that transformers' AutoTokenizer opens. The same text gives the same vocabulary.
    """
    from bertcli.stages.vocab import build_vocabulary

    report = build_vocabulary(config)
    if as_json:
        console.show_json(report.dump())
    else:
        rules = [report.algorithm, "uncased" if report.lowercase else "cased"]
        rules += [] if report.normalization == "none" else [report.normalization]
        console.show_facts(
            f"vocabulary: {report.directory}",
            {
                "pieces": f"{report.size:,} ({', '.join(rules)})",
                "learned from": f"{report.documents:,} documents, {report.words:,} words",
                "pieces per word": f"{report.tokens_per_word:.3f}",
                "unknown": f"{report.unknown_rate:.3%} of the pieces",
                "time": f"{report.elapsed_seconds:,.1f} s",
            },
        )
    corpus = config.dump()["corpus"]
    where = [] if report.directory == DEFAULT_VOCAB else ["--vocab", report.directory]
    notice(f"next: {shlex.join(['bertcli', 'mask', 'build', *corpus, *_reading_flags(config), *where])}")


def _reading_flags(config: VocabBuild) -> list[str]:
    """How the corpus was said to be read, so that the next command reads it alike."""
    flags = []
    for name, field in Corpus.model_fields.items():
        value = getattr(config, name)
        for marker in field.metadata:
            if isinstance(marker, Flag) and value != field.default:
                yes, _, no = marker.name.partition("/")
                flags += [yes if value else no] if isinstance(value, bool) else [marker.name, str(value)]
    return flags


configured_command(app, "build", VocabBuild, build, example="bertcli vocab build corpus.txt")
