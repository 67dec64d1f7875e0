"""What the commands on vocabularies show on a terminal."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from bertcli.cli import console

if TYPE_CHECKING:
    from bertcli.stages.vocab import VocabularyReport
    from bertcli.stages.vocab_compare import VocabularyComparison
    from bertcli.stages.vocab_encode import EncodedText
    from bertcli.stages.vocab_extend import VocabularyExtensionReport
    from bertcli.stages.vocab_show import ShownVocabulary
    from bertcli.text.fit_estimates import Estimate

_MANY = 13
"""Characters from which pieces are shown together."""
_LONGEST_SHOWN = 5
_SCRIPTS_SHOWN = 12
_FIGURES = {
    "pieces_per_word": ("pieces per word", "z.4f"),
    "pieces_per_character": ("pieces/character", "z.4f"),
    "characters_per_piece": ("characters/piece", "z.4f"),
    "unknown_words": ("unknown words", "z.3%"),
    "unknown_pieces": ("unknown pieces", "z.3%"),
    "continuation_pieces": ("continuation", "z.2%"),
    "log_likelihood_per_character": ("log-likelihood", "z.4f"),
    "bits_per_character": ("bits/character", "z.4f"),
}
"""Names and formats of the figures, in the order of the table; z is a zero without a minus."""


def show_built(report: VocabularyReport) -> None:
    """A vocabulary that was learned."""
    rules = [report.algorithm, "uncased" if report.lowercase else "cased"]
    rules += [] if report.normalization == "none" else [report.normalization]
    console.show_facts(
        f"vocabulary: {report.directory}",
        {
            "pieces": f"{report.size:,} ({', '.join(rules)})",
            "learned from": f"{report.documents:,} documents, {report.words:,} words",
            "pieces per word": f"{report.fit.pieces_per_word:.3f}",
            "unknown": f"{report.fit.unknown_words:.3%} of the words",
            "continuation": f"{report.fit.continuation_pieces:.1%} of the pieces",
            "likelihood": f"{report.fit.bits_per_character:.3f} bits per character, of a unigram model",
            "time": f"{report.elapsed_seconds:,.1f} s",
        },
    )


def show_extended(report: VocabularyExtensionReport) -> None:
    """A vocabulary that has got new words, and those that save the most."""
    casing = "uncased" if report.lowercase else "cased"
    in_places = f", {report.filled:,} of them in [unusedN] places" if report.filled else ""
    console.show_facts(
        f"vocabulary: {report.directory}",
        {
            "pieces": f"{report.size:,} (wordpiece, {casing}), {report.base_size:,} before",
            "added": f"{report.added:,} words{in_places}",
            "chosen from": f"{report.documents:,} documents, {report.words:,} words",
            "pieces per word": f"{report.fit.pieces_per_word:.3f}, {report.base_fit.pieces_per_word:.3f} before",
            "unknown": f"{report.fit.unknown_words:.3%} of the words, {report.base_fit.unknown_words:.3%} before",
            "time": f"{report.elapsed_seconds:,.1f} s",
        },
    )
    rows = [(new.word, " ".join(new.base_pieces), f"{new.count:,}", f"{new.saved:,}") for new in report.most_saving]
    title = "the most saving words, each with all words that begin with it"
    console.show_table(title, ("word", "before", "occurrences", "pieces saved"), rows)


def show_vocabulary(shown: ShownVocabulary) -> None:
    """What a vocabulary consists of."""
    facts, alphabet = shown.facts, shown.facts.alphabet
    uses = "" if alphabet.begins is None else f"; {alphabet.begins:,} begin words, {alphabet.continues:,} continue them"
    kinds = {
        "begin words": facts.initial,
        "continue": facts.continuation,
        "end words": facts.word_ends,
        "placeholders": facts.placeholders or None,
    }
    lines = {
        "size": f"{shown.size:,} pieces",
        "algorithm": shown.algorithm,
        "text": shown.text_rules,
        "specials": ", ".join(f"{console.printable(piece)} {number}" for piece, number in facts.specials.items()),
        **{kind: f"{count:,}" for kind, count in kinds.items() if count is not None},
        "alphabet": f"{alphabet.characters:,} characters{uses}",
        "longest": ", ".join(map(console.printable, facts.longest[:_LONGEST_SHOWN])),
        "fingerprint": shown.fingerprint,
    }
    console.show_facts(f"vocabulary: {shown.name}", lines)
    print()
    lengths = {str(length): count for length, count in facts.by_length.items() if length < _MANY}
    lengths[f"{_MANY} or more"] = sum(count for length, count in facts.by_length.items() if length >= _MANY)
    for title, counts in (("length", lengths), ("script", facts.by_script)):
        total = max(1, sum(counts.values()))
        rows = [(name, f"{count:,}", f"{count / total:.2%}") for name, count in counts.items()]
        console.show_table(f"pieces by {title}", (title, "pieces", "share"), rows)
    if shown.sample:
        pieces = [f"{number} {console.printable(piece)}" for number, piece in shown.sample.items()]
        console.show_columns("a sample, by id", pieces)


def show_encoded(text: str, encoded: EncodedText) -> None:
    """The pieces of a text, and where in it they stand."""
    rows = [
        (console.printable(piece), str(number), f"{begin}…{end}", console.printable(text[begin:end]))
        for piece, number, (begin, end) in zip(encoded.pieces, encoded.ids, encoded.offsets, strict=True)
    ]
    console.show_table(f"{len(rows):,} pieces", ("piece", "id", "characters", "text"), rows)


def show_comparison(comparison: VocabularyComparison) -> None:
    """The figures of several vocabularies, by frequency and by script too."""
    labels = _labels([vocabulary.name for vocabulary in comparison.vocabularies])
    facts = {
        label: f"{vocabulary.size:,} pieces, {vocabulary.algorithm}, {vocabulary.text_rules}"
        for label, vocabulary in zip(labels, comparison.vocabularies, strict=True)
    }
    facts["text"] = f"{comparison.documents:,} documents, {comparison.characters:,} characters"
    facts["counts"] = ", ".join(comparison.train) or "each half of the documents has those of the other"
    facts["likelihood"] = "nats per character, of a unigram model of the pieces"
    facts["intervals"] = f"95 %, {comparison.resamples:,} resamples of the documents"
    console.show_facts(f"comparison on {', '.join(comparison.on)}", facts)
    print()
    _show_figures(comparison, labels)
    _show_bands(comparison, labels)
    _show_scripts(comparison, labels)


def _labels(names: list[str]) -> list[str]:
    """The last parts of the names, where they differ."""
    short = [PurePath(name).name for name in names]
    return short if len(set(short)) == len(short) and all(short) else names


def _show_figures(comparison: VocabularyComparison, labels: list[str]) -> None:
    rows = []
    for name, (title, form) in _FIGURES.items():
        rows.append((title, *[""] * 4))
        for label, vocabulary in zip(labels, comparison.vocabularies, strict=True):
            more = ("", "")
            if vocabulary.differences is not None:
                more = _estimate(vocabulary.differences[name], f"+{form}")
            rows.append((f" {label}", *_estimate(vocabulary.figures[name], form), *more))
    interval = "95 % interval"
    console.show_table(
        f"figures, and their differences to {labels[0]}", ("", "value", interval, "difference", interval), rows
    )


def _estimate(estimate: Estimate, form: str) -> tuple[str, str]:
    if estimate.low is None or estimate.high is None:
        return format(estimate.value, form), ""
    return format(estimate.value, form), f"{estimate.low:{form}}…{estimate.high:{form}}"


def _show_bands(comparison: VocabularyComparison, labels: list[str]) -> None:
    rows = []
    for bands in zip(*(vocabulary.bands for vocabulary in comparison.vocabularies), strict=True):
        ranks = f"{bands[0].first:,} … {bands[0].last:,}" if bands[0].last else f"{bands[0].first:,} and beyond"
        if any(band.words for band in bands):
            rows.append((ranks, *("" if band.one_piece is None else f"{band.one_piece:.2%}" for band in bands)))
    console.show_table("distinct words that are one piece, by rank of frequency", ("rank", *labels), rows)


def _show_scripts(comparison: VocabularyComparison, labels: list[str]) -> None:
    by_script = [{fit.script: fit for fit in vocabulary.scripts} for vocabulary in comparison.vocabularies]
    scripts = list(dict.fromkeys(script for fits in by_script for script in fits))
    rows = []
    for script in scripts[:_SCRIPTS_SHOWN]:
        found = [fits.get(script) for fits in by_script]
        cells = (f"{fit.pieces_per_word:.3f}, {fit.unknown_words:.2%}" if fit else "" for fit in found)
        rows.append((script, f"{max(fit.words for fit in found if fit):,}", *cells))
    if len(scripts) > _SCRIPTS_SHOWN:
        rest = sum(by_script[0][script].words for script in scripts[_SCRIPTS_SHOWN:] if script in by_script[0])
        rows.append((f"{len(scripts) - _SCRIPTS_SHOWN} others", f"{rest:,}", *("" for _ in labels)))
    console.show_table("pieces per word and unknown words, by script", ("script", "words", *labels), rows)
