"""Labelled data looked through before anybody trains on them: everything that is wrong, with file and line."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bertcli.config.doctor import Doctor
from bertcli.contracts.task import Examples, Limits, Table, Task
from bertcli.core.atomic import write_json
from bertcli.core.hub import local_directory
from bertcli.data.content_faults import content_findings, kind_of
from bertcli.data.example_lengths import (
    Lengths,
    length_findings,
    lengths_in_pieces,
    lengths_in_words,
    word_length_findings,
)
from bertcli.data.findings import Finding, Place, Showing
from bertcli.data.label_balance import STRUCTURED, LabelCounts, balance_findings
from bertcli.data.nearly_repeated import near_duplicate_findings
from bertcli.data.odd_texts import odd_text_findings
from bertcli.data.repeated_examples import GivenSplit, Role, duplicate_findings, leakage_findings
from bertcli.data.splits import SplitTables
from bertcli.errors import EmptyTableError, InputFileError, OutputError
from bertcli.models.checkpoint import read_config
from bertcli.stages.labelled_data import max_length_of, open_task, read_labelled
from bertcli.stages.model_room import check_room
from bertcli.tasks import FoundTask
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_loading import load_tokenizer

NEAR = 0.8
"""Jaccard index from which on texts are near-duplicates (Lee et al. 2022)."""

_ROLES: tuple[Role, ...] = ("train", "dev", "test")
_KINDS_OF_LABELS: dict[str, Literal["classes", "tags", "answers", "choices"]] = {
    "classification": "classes",
    "token_classification": "tags",
    "span": "answers",
    "choice": "choices",
}
_HINT = "give a model directory, a vocabulary, or a Hub id by --model"


@dataclass(frozen=True)
class DoctorReport:
    """What was found, errors before warnings, with the balance of labels and the lengths of each split."""

    task: str
    examples: Mapping[str, int]
    """By split."""
    findings: tuple[Finding, ...]
    balance: LabelCounts | None
    """None where labels are no names."""
    lengths: tuple[Lengths, ...]
    max_length: int

    @property
    def errors(self) -> int:
        """Findings that are errors."""
        return sum(finding.level == "error" for finding in self.findings)

    @property
    def warnings(self) -> int:
        """Findings that are warnings."""
        return len(self.findings) - self.errors

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "task": self.task,
            "examples": dict(self.examples),
            "errors": self.errors,
            "warnings": self.warnings,
            "findings": [finding.dump() for finding in self.findings],
            "balance": self.balance.dump() if self.balance else None,
            "max_length": self.max_length,
            "lengths": [lengths.dump() for lengths in self.lengths],
        }


def examine(config: Doctor) -> DoctorReport:
    """Every check of every split; the report is also written where it is asked to be.

    Files that cannot be read are findings too. Raises a ``UserError`` where there are none, or a model does not fit.
    """
    if config.output is not None and config.output.is_dir():
        raise OutputError("the output is a directory, not a file", path=config.output, hint="name a file with -o")
    found, task = open_task(config)
    tokenizer, max_length = _measure(config, found)
    showing = Showing(config.examples, config.text)
    opened = _opened(config, found, task)
    splits, labels = opened.splits, _Labels.of(opened)
    balance = labels.counted(splits)
    findings, lengths = list(opened.findings), []
    for split in splits:
        unreadable: set[tuple[str, int]] = set()
        if opened.is_fitted:
            of_content, unreadable = content_findings(opened.task, split.examples, showing)
            findings += of_content
        findings += odd_text_findings(split, labels.of_texts(balance), showing)
        findings += duplicate_findings(
            split,
            labels.names,
            showing,
            ordered=labels.ordered,
            may_differ=labels.may_differ,
            tolerated=config.tolerated,
        )
        of_lengths, own = _lengths(split, opened, tokenizer, max_length, unreadable, showing)
        findings += of_lengths
        lengths.append(own)
    findings += leakage_findings(splits, showing, tolerated=config.tolerated)
    if opened.is_fitted:
        if balance is not None and labels.kind != "numbers":
            findings += balance_findings(balance, splits, labels.kind)
        if config.near_duplicates:
            findings += near_duplicate_findings(splits, config.near_duplicate_threshold or NEAR, showing)
    report = DoctorReport(
        config.task,
        {split.name: len(split) for split in splits},
        tuple(sorted(findings, key=lambda finding: finding.level)),  # "error" before "warning"
        balance,
        tuple(lengths),
        max_length,
    )
    if config.output is not None:
        write_json(config.output, report.dump())
    return report


@dataclass(frozen=True)
class _Opened:
    """The splits that have examples, the training split first, and what kept others from being read."""

    task: Task
    is_fitted: bool
    splits: list[GivenSplit]
    findings: list[Finding]


def _opened(config: Doctor, found: FoundTask, task: Task) -> _Opened:
    findings: list[Finding] = []

    def when_unreadable(split: str, error: InputFileError) -> None:
        findings.append(_unreadable(split, error, with_text=config.text))

    read, _ = read_labelled(config, found, task, when_unreadable=when_unreadable)
    given: list[tuple[Role, Examples]] = []
    for role in _ROLES:
        for name, tables in _parts(read, role):
            try:
                given.append((role, task.select(tables, name, labelled=role != "test")))
            except InputFileError as error:
                when_unreadable(name, error)
    is_fitted = False
    if given and given[0][0] == "train":
        try:
            task, is_fitted = task.fit(given[0][1]), True
        except InputFileError as error:
            place = _place_of(error)
            findings.append(Finding("error", "labels", "train", len(given[0][1]), error.message, (place,), error.hint))
    return _Opened(task, is_fitted, [GivenSplit.of(role, examples, task) for role, examples in given], findings)


def _unreadable(split: str, error: InputFileError, *, with_text: bool) -> Finding:
    """What keeps a file from being read, which may quote it."""
    check = "empty" if isinstance(error, EmptyTableError) else "reading"
    message, hint = error.message, error.hint
    if not with_text:
        message, hint = kind_of(message), hint and kind_of(hint)
    return Finding("error", check, split, 0, message, (_place_of(error),), hint)


def _parts(read: SplitTables, role: Role) -> Iterator[tuple[str, Sequence[Table]]]:
    """The parts of a split that have tables; the training split is one."""
    parts = read.get(role, ())
    if role == "train":
        parts = [(role, [table for _, tables in parts for table in tables])]
    yield from ((name, tables) for name, tables in parts if tables)


def _place_of(error: InputFileError) -> Place:
    return Place(error.path or "", error.line or 1)


@dataclass(frozen=True)
class _Labels:
    """What a task's labels are, for checks that compare and count them."""

    kind: Literal["classes", "tags", "numbers", "answers", "choices"]
    names: Mapping[str, str]
    """Their names by what files write, where the settings fix them."""
    known: Collection[str] | None
    """The names of all classes."""

    @classmethod
    def of(cls, opened: _Opened) -> _Labels:
        task = opened.task
        facts = task.model_facts() if opened.is_fitted else {}
        labels = getattr(task.settings, "labels", None)
        names = dict(getattr(task.settings, "label_aliases", {}) | labels) if isinstance(labels, dict) else {}
        if facts.get("problem_type") == "regression":
            return cls("numbers", {}, None)
        kind = _KINDS_OF_LABELS[task.head]
        return cls(kind, names, facts.get("label2id") if kind == "classes" else None)

    @property
    def ordered(self) -> bool:
        """Whether several labels of an example have an order."""
        return self.kind == "tags"

    @property
    def may_differ(self) -> bool:
        """Whether two who label one text may both be right."""
        return self.kind in ("numbers", "answers")

    def counted(self, splits: Sequence[GivenSplit]) -> LabelCounts | None:
        """How often each is there; None where they are not a few that repeat."""
        if self.kind == "numbers" or not splits:
            return None
        counts = LabelCounts.of(splits, self.names, self.known)
        return counts if counts.labels not in ((), (STRUCTURED,)) else None

    def of_texts(self, balance: LabelCounts | None) -> Collection[str]:
        """Names that are hardly texts by themselves."""
        return balance.labels if balance and self.kind == "classes" else ()


def _lengths(
    split: GivenSplit,
    opened: _Opened,
    tokenizer: Tokenizer | None,
    max_length: int,
    unreadable: set[tuple[str, int]],
    showing: Showing,
) -> tuple[list[Finding], Lengths]:
    if tokenizer is None or not opened.is_fitted:
        # Of other kinds a text is read on in further sequences, or one of several that are counted here together.
        whole = opened.task.head == "classification"
        lengths = lengths_in_words(split, max_length if whole else None)
        return word_length_findings(split, lengths, max_length, showing), lengths
    lengths, cut = lengths_in_pieces(split, opened.task, tokenizer, Limits(max_length), left_out=unreadable)
    return length_findings(split, lengths, cut.tolist(), max_length, showing), lengths


def _measure(config: Doctor, found: FoundTask) -> tuple[Tokenizer | None, int]:
    """The tokenizer of a model, whose positions and embeddings it has to fit, or of a vocabulary; the longest."""
    if not config.model:
        return None, max_length_of(config.max_length, found)
    tokenizer = load_tokenizer(config.model)
    path = Path(config.model)
    directory = path if path.exists() else local_directory(config.model, patterns=("config.json",), hint=_HINT)
    values = read_config(directory) if (directory / "config.json").is_file() else {}
    positions, pieces = values.get("max_position_embeddings"), values.get("vocab_size", tokenizer.vocabulary.size)
    max_length = max_length_of(config.max_length, found, positions)
    check_room(tokenizer, max_length, model=config.model, positions=positions or max_length, pieces=pieces)
    return tokenizer, max_length
