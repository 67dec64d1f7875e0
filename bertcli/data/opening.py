"""Opening a data directory for objectives: the examples that showing, auditing, training and evaluation share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bertcli.contracts.objective import (
    OBJECTIVES,
    Objective,
    columns_read,
    make_default_objectives,
    make_objectives,
    relations_of,
)
from bertcli.core.messages import notice
from bertcli.core.settings import Settings
from bertcli.data.examples import DynamicExamples, StaticExamples
from bertcli.data.relations import pairing_fault, short_documents
from bertcli.data.sequences import PAIR_KINDS, SHORT_SEQUENCE_PROBABILITY
from bertcli.data.token_store import (
    WORD_STARTS,
    DataDirectory,
    SequenceKind,
    TokenStore,
    check_static_rows,
    open_split,
)
from bertcli.errors import ConfigError, DataError
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_loading import load_tokenizer
from bertcli.text.word_boundaries import WordBoundaries

DEFAULT_SEQ_LENGTH = 128
_MOST_IDEOGRAPHS = 0.1
"""Share of the pieces up to which a text that does not tell its words may be masked by words."""
_DOCUMENTS_LOOKED_AT, _PIECES_LOOKED_AT = 1000, 100


@dataclass(frozen=True)
class OpenData:
    """The examples of one split, the objectives they serve and how they are cut.

    Held-out documents may be too few or too short for pairs, as a single one has no other for random segments: the
    objective that needs them is not evaluated. ``store`` is None for static data, whose rows are finished.
    """

    data: DataDirectory
    objectives: dict[str, Objective]
    examples: DynamicExamples | StaticExamples
    store: TokenStore | None
    kind: SequenceKind
    seq_length: int


def choose_sequence_kind(asked: SequenceKind | None, objectives: dict[str, Objective]) -> SequenceKind:
    """How documents are cut: as asked, else pairs where an objective needs them, else full sentences."""
    needs_pairs = bool(relations_of(objectives))
    kind: SequenceKind = asked or ("segment-pairs" if needs_pairs else "full-sentences")
    if needs_pairs and kind not in PAIR_KINDS:
        names = " and ".join(name for name, objective in objectives.items() if objective.relations)
        raise ConfigError(
            f"{names} needs pairs of segments, not {kind}", hint="leave --sequences out, or take sentence-pairs"
        )
    return kind


def choose_short(asked: float | None) -> float:
    """The share of segment pairs that are made shorter: as asked, else that of BERT."""
    return SHORT_SEQUENCE_PROBABILITY if asked is None else asked


def short_sequence_probability_of(data: DataDirectory, asked: float | None = None) -> float:
    """The share of segment pairs that are made shorter: of static data their own, else as asked."""
    return choose_short(data.config.get("short_sequence_probability") if data.static else asked)


def check_pairs(store: TokenStore, objectives: Mapping[str, Objective]) -> None:
    """Tell how many documents are too short for a pair objective; raises ``DataError`` where all are."""
    relations = relations_of(objectives)
    fault = pairing_fault(store, relations)
    if fault is not None:
        raise fault
    told = short_documents(store, relations)
    if told is not None:
        notice(told)


def open_data(
    path: Path,
    chosen: dict[str, Settings],
    *,
    kind: SequenceKind | None,
    seq_length: int | None,
    seed: int | None,
    short_sequence_probability: float | None = None,
    held_out: bool = False,
) -> OpenData:
    """Open the training documents, or the held-out ones with the data's own seed and objectives as evaluated.

    Without a choice of objectives: those of static data, MLM otherwise. Raises ``ConfigError`` where what is asked
    contradicts static data, ``DataError`` where the directory cannot be used or its documents give no pairs.
    """
    data = DataDirectory.open(path)
    split = "heldout" if held_out else "train"
    if data.static:
        return _open_static(data, split, chosen, kind, seq_length, short_sequence_probability)
    objectives = make_objectives(chosen) or make_default_objectives(["mlm"])
    kind = choose_sequence_kind(kind, objectives)
    seq_length = seq_length or DEFAULT_SEQ_LENGTH
    store = open_split(data, split)
    if held_out:
        objectives = {
            name: objective.for_evaluation()
            for name, objective in objectives.items()
            if pairing_fault(store, objective.relations) is None
        }
    else:
        check_pairs(store, objectives)
    examples = DynamicExamples(
        store,
        data.vocabulary,
        objectives,
        kind=kind,
        seq_length=seq_length,
        seed=data.seed if seed is None or held_out else seed,
        short_sequence_probability=choose_short(None if held_out else short_sequence_probability),
        boundaries=boundaries_of(data, store, objectives),
    )
    return OpenData(data, objectives, examples, store, kind, seq_length)


def load_data_tokenizer(data: DataDirectory) -> Tokenizer:
    """The vocabulary that travels with the data. Raises ``DataError`` where it is not the one they were made with."""
    tokenizer = load_tokenizer(str(data.vocabulary_directory))
    if tokenizer.vocabulary != data.vocabulary:
        raise DataError(
            f"this is not the vocabulary that the data were made with: {tokenizer.vocabulary.fingerprint[:12]}, "
            f"expected {data.vocabulary.fingerprint[:12]}",
            path=data.vocabulary_directory,
            hint="copy the vocabulary of the build there again, or build the data again",
        )
    return tokenizer


def boundaries_of(data: DataDirectory, store: TokenStore, objectives: Mapping[str, Objective]) -> WordBoundaries | None:
    """Where words begin by the pieces of the data's vocabulary, where an objective wants to know."""
    if WORD_STARTS not in columns_read(objectives):
        return None
    return word_boundaries(store, load_data_tokenizer(data))


def word_boundaries(store: TokenStore, tokenizer: Tokenizer) -> WordBoundaries:
    """Where words begin by the pieces of the store's vocabulary.

    Raises ``ConfigError`` where pieces do not tell, as in Chinese: every ideograph is one, and no word.
    """
    if WORD_STARTS not in store.columns:
        share = _share_of_ideographs(store, tokenizer)
        if share > _MOST_IDEOGRAPHS:
            raise ConfigError(
                f"whole-word masking of Chinese needs to know its words: {share:.0%} of these pieces are ideographs, "
                "and the data do not tell where words begin",
                hint="`bertcli mask build CORPUS --words jieba`, a list of words, or spaces where words stand apart",
            )
    return WordBoundaries.of(tokenizer)


def _share_of_ideographs(store: TokenStore, tokenizer: Tokenizer) -> float:
    """Of the pieces at the beginnings of some documents."""
    if not store.documents:
        return 0.0
    documents = np.unique(np.linspace(0, store.documents - 1, _DOCUMENTS_LOOKED_AT).astype(np.int64))
    starts = store.document_starts[documents]
    ends = np.minimum(starts + _PIECES_LOOKED_AT, store.document_starts[documents + 1])
    return float((tokenizer.ideographs[store.gather("input_ids", starts, ends)] > 0).mean())


def _open_static(
    data: DataDirectory,
    split: str,
    chosen: dict[str, Settings],
    kind: SequenceKind | None,
    seq_length: int | None,
    short_sequence_probability: float | None,
) -> OpenData:
    """Static rows: their objectives, length and cutting are settled."""
    settled = {name: OBJECTIVES.load(name).Settings(**values) for name, values in data.config["objectives"].items()}
    rebuild = "build the data again with `bertcli mask build --static`, or build them without --static"
    if chosen and sorted(chosen) != sorted(settled):
        raise ConfigError(
            f"{data.path} is static, masked for {', '.join(sorted(settled))}; asked for: {', '.join(sorted(chosen))}",
            hint=f"leave the objectives out, or {rebuild}",
        )
    for name, settings in chosen.items():
        if "weight" in settings.model_fields_set:
            settled[name] = settled[name].model_copy(update={"weight": dict(settings)["weight"]})
        for field in sorted(settings.model_fields_set):
            masked_with, asked = settled[name].dump().get(field), settings.dump().get(field)
            if masked_with != asked and field != "weight":
                raise ConfigError(
                    f"{data.path} is static, masked with objectives.{name}.{field} {masked_with}; "
                    f"{asked} was asked for",
                    hint=f"of an objective's settings only the weight may differ, or {rebuild}",
                )
    if seq_length is not None and seq_length != data.seq_length:
        raise ConfigError(
            f"{data.path} is static with sequences of {data.seq_length}; {seq_length} was asked for",
            hint=f"leave --seq-length out, or {rebuild}",
        )
    if kind is not None and kind != data.sequences:
        raise ConfigError(
            f"{data.path} is static with {data.sequences}; {kind} was asked for",
            hint=f"leave --sequences out, or {rebuild}",
        )
    short = short_sequence_probability_of(data)
    if short_sequence_probability is not None and short_sequence_probability != short:
        raise ConfigError(
            f"{data.path} is static with a share of short sequences of {short}; {short_sequence_probability} was "
            "asked for",
            hint=f"leave --short-sequence-probability out, or {rebuild}",
        )
    assert data.sequences is not None and data.seq_length is not None
    examples = StaticExamples(check_static_rows(data, split))
    return OpenData(data, make_objectives(settled), examples, None, data.sequences, data.seq_length)
