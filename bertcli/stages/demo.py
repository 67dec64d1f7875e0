"""The demonstration: the whole chain, from the docstrings of the installed libraries to a table.

A stage over stages, the only one: it calls the other stages' public functions one after another, as the commands do,
and adds nothing but the text and the task. It stands here and not in its command so that it can be called and tested
without a terminal.

What keeps the comparison honest:

- The names of the libraries that are to be told apart, paths through them and their import aliases are masked
  everywhere, in the pretraining text too, so that both see the same kind of text; examples of code are left out.
- Test docstrings come from files of which nothing else is used, and near-copies of them are in no other part.
- Nothing is chosen on the test docstrings: the last step's weights are scored, and the settings were chosen with
  seeds (and so with a split) that the table does not use.
- Random weights have the same vocabulary, labels, steps and seeds, and a learning rate of their own.
"""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bertcli.config.demo import Demo
from bertcli.config.extract_features import ExtractFeatures
from bertcli.config.finetune import Finetune
from bertcli.config.mask import MaskAudit, MaskBuild
from bertcli.config.pretrain import Pretrain
from bertcli.config.vocab import VocabBuild
from bertcli.core import atomic
from bertcli.core.messages import notice, progress
from bertcli.core.randomness import permutation
from bertcli.errors import AuditError, InputFileError
from bertcli.text.docstrings import Docstring, NameMask, Source, collect, find_sources
from bertcli.text.near_copies import NearCopies

OBJECTIVES = ["mlm", "nsp"]
DISTRIBUTION = "bertcli"
LARGEST_TEST_SHARE = 0.2
"""Of a library's docstrings; the rest must be enough to learn from."""
MOST_FROM_A_FILE = 5
"""Test docstrings of one file: neighbours resemble each other."""
LONGEST_TEXT = 4000
"""Characters of a labelled text; the model reads far fewer."""
AUDITED_EXAMPLES = 2000
NEVER = 10**9
"""Steps between evaluations or checkpoints of runs that are too short for either."""
PARTS = ("text", "task", "vocab", "data", "pretrain", "finetuned", "features.npz", "demo.json")
"""What lies in the output directory; ``--overwrite`` removes these and nothing else."""


@dataclass(frozen=True)
class DemoText:
    """The text, split: what pretraining reads, and the labelled parts of the task."""

    libraries: list[str]
    unlabelled: list[Docstring]
    train: list[Docstring]
    test: list[Docstring]
    near_copies: int


@dataclass(frozen=True)
class Score:
    """Accuracy on the test docstrings, a fraction: mean and standard deviation over the seeds, and each."""

    mean: float
    sd: float | None
    per_seed: list[float]


@dataclass(frozen=True)
class DemoReport:
    """What the demonstration found, how long each part took, and where everything lies."""

    directory: str
    libraries: list[str]
    documents: int
    near_copies_removed: int
    labels_per_library: int
    test_examples: int
    test_per_library: dict[str, int]
    seeds: list[int]
    chance: float
    pretrained: Score
    random_weights: Score
    audit_checks: int
    vocabulary_pieces: int
    pretraining_steps: int
    pretraining_tokens: int
    tokens_per_second: float | None
    heldout: dict[str, float]
    feature_dimensions: int
    seconds: dict[str, float]
    where: dict[str, str] = field(default_factory=dict)

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


class _Clock:
    """Seconds of every part, in their order."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        started_at = time.monotonic()
        notice(f"── {name}")
        yield
        self.seconds[name] = round(time.monotonic() - started_at, 2)


def demo(config: Demo) -> DemoReport:
    """Run the chain.

    Raises ``OutputError`` where the directory is in the way, ``InputFileError`` where there are too few docstrings.
    """
    where = {name: config.output / name for name in PARTS}
    if config.overwrite:  # removes its own parts and nothing else, whatever else lies there
        atomic.check_writable(config.output)
    else:
        atomic.check_output_dir(config.output, overwrite=False)
    for path in where.values():
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    corpus = where["text"] / "pretraining.jsonl"
    train, test = where["task"] / "train.jsonl", where["task"] / "test.jsonl"
    clock = _Clock()

    with clock.part("text"):
        text = make_text(config, find_sources(DISTRIBUTION))
        write_rows(corpus, ({"text": docstring.text} for docstring in text.unlabelled))
        for path, part in ((train, text.train), (test, text.test)):
            write_rows(path, map(_labelled, part))
    with clock.part("vocabulary"):
        vocabulary = _stage_vocabulary(config, corpus, where["vocab"])
    with clock.part("data and audit"):
        checks = _stage_data(config, corpus, where)
    with clock.part("pretraining"):
        pretrained = _stage_pretraining(config, where)
    model = where["pretrain"] / "model"
    scores = {}
    for name, random_weights in (("pretrained", False), ("random", True)):
        with clock.part(f"fine-tuning from {'random weights' if random_weights else 'the pretrained model'}"):
            scores[name] = _stage_finetuning(
                config, model, train, test, where["finetuned"] / name, random_weights=random_weights
            )
    with clock.part("features"):
        dimensions = _stage_features(config, test, model, where["features.npz"])

    report = DemoReport(
        directory=str(config.output),
        libraries=text.libraries,
        documents=len(text.unlabelled),
        near_copies_removed=text.near_copies,
        labels_per_library=config.labels,
        test_examples=len(text.test),
        test_per_library=dict(Counter(docstring.library for docstring in text.test)),
        seeds=[config.seed + number for number in range(config.seeds)],
        chance=max(Counter(docstring.library for docstring in text.test).values()) / len(text.test),
        pretrained=scores["pretrained"],
        random_weights=scores["random"],
        audit_checks=checks,
        vocabulary_pieces=vocabulary,
        pretraining_steps=pretrained.steps,
        pretraining_tokens=pretrained.tokens_seen,
        tokens_per_second=pretrained.tokens_per_second,
        heldout=pretrained.evaluation,
        feature_dimensions=dimensions,
        seconds=clock.seconds,
        where={
            "pretraining text": str(corpus),
            "task": str(where["task"]),
            "vocabulary": str(where["vocab"]),
            "data": str(where["data"]),
            "pretrained model": str(model),
            "fine-tuned models": str(where["finetuned"]),
            "features": str(where["features.npz"]),
        },
    )
    atomic.write_json(where["demo.json"], {"config": config.dump(), **report.dump()})
    return report


def make_text(config: Demo, sources: Sequence[Source]) -> DemoText:
    """Collect, choose the libraries, mask their names, and split."""
    with progress("reading docstrings", len(sources), "files") as bar:
        collected = collect(_counted(sources, bar.update), limit=config.limit)
    counts = Counter(docstring.library for docstring in collected.docstrings)
    files = Counter(source.library for source in sources)
    libraries = choose_libraries(counts, files, classes=config.classes, limit=config.limit)
    mask = NameMask(libraries, collected.aliases, collected.distributions)
    docstrings = [mask.apply(docstring) for docstring in collected.docstrings]
    return split(docstrings, libraries, labels=config.labels, tested=config.tested, seed=config.seed)


def _counted(sources: Sequence[Source], update: Any) -> Iterator[Source]:
    for number, source in enumerate(sources):
        update(number)
        yield source


def choose_libraries(counts: Counter[str], files: Counter[str], *, classes: int, limit: int) -> list[str]:
    """The libraries with the most docstrings, by name; where ``limit`` cut them alike, those with the most files.

    Raises ``InputFileError`` where there are not so many.
    """
    chosen = sorted(counts, key=lambda name: (-min(counts[name], limit), -files[name], name))[:classes]
    if len(chosen) < classes:
        raise InputFileError(
            f"only {len(chosen)} installed libraries have docstrings, {classes} are asked for",
            hint="install bertcli with pip, which keeps the sources, or ask for fewer with --classes",
        )
    return sorted(chosen)


def split(
    docstrings: Sequence[Docstring], libraries: Sequence[str], *, labels: int, tested: int, seed: int
) -> DemoText:
    """Test docstrings from files that nothing else uses; then training labels; pretraining reads all but the test."""
    test: list[Docstring] = []
    set_aside: set[str] = set()
    for library in libraries:
        own = [docstring for docstring in docstrings if docstring.library == library]
        most = min(tested, int(LARGEST_TEST_SHARE * len(own)))
        chosen = 0
        for source, inside in _by_file(own, seed):
            if chosen >= most:
                break
            taken = inside[: min(MOST_FROM_A_FILE, most - chosen)]
            test += taken
            chosen += len(taken)
            set_aside.add(source)
    near = NearCopies([docstring.text for docstring in test])
    rest = [docstring for docstring in docstrings if docstring.source not in set_aside]
    with progress("leaving out near-copies of test docstrings", len(rest), "docstrings") as bar:
        clean = []
        for number, docstring in enumerate(rest):
            if docstring.text not in near:
                clean.append(docstring)
            bar.update(number)
    train: list[Docstring] = []
    for library in libraries:
        own = [docstring for docstring in clean if docstring.library == library]
        if len(own) < labels or not any(docstring.library == library for docstring in test):
            raise InputFileError(
                f"{library} has too few docstrings for {labels} labels and a test",
                hint="ask for fewer with --labels or --classes, or read more with --limit",
            )
        train += [own[number] for number in permutation(seed, "demo labels", 0, len(own))[:labels]]
    return DemoText(list(libraries), clean, train, test, len(rest) - len(clean))


def _by_file(docstrings: Sequence[Docstring], seed: int) -> Iterator[tuple[str, list[Docstring]]]:
    """The files in an order of the seed's, each with its docstrings in such an order."""
    files: dict[str, list[Docstring]] = {}
    for docstring in docstrings:
        files.setdefault(docstring.source, []).append(docstring)
    names = sorted(files)
    for number in permutation(seed, "demo test files", 0, len(names)):
        inside = files[names[number]]
        yield names[number], [inside[place] for place in permutation(seed, "demo test", int(number), len(inside))]


def _labelled(docstring: Docstring) -> dict[str, str]:
    return {"text": " ".join(docstring.text.split())[:LONGEST_TEXT], "label": docstring.library}


def write_rows(path: Path, rows: Iterable[dict[str, str]]) -> None:
    """A JSON object a line."""
    atomic.write_text(path, "".join(json.dumps(row, ensure_ascii=True) + "\n" for row in rows))


def _stage_vocabulary(config: Demo, corpus: Path, output: Path) -> int:
    from bertcli.stages.vocab import build_vocabulary

    return build_vocabulary(VocabBuild(corpus=(str(corpus),), size=config.vocab_size, output=output)).size


def _stage_data(config: Demo, corpus: Path, where: dict[str, Path]) -> int:
    """Build the data and audit them; returns the number of checks, which all hold."""
    from bertcli.stages.mask_audit import audit_masks
    from bertcli.stages.mask_build import build_masks

    build_masks(MaskBuild(corpus=(str(corpus),), vocab=str(where["vocab"]), seed=config.seed, output=where["data"]))
    audit = audit_masks(
        MaskAudit.model_validate(
            {
                "data": where["data"],
                "objectives": OBJECTIVES,
                "seq_length": config.seq_length,
                "limit": AUDITED_EXAMPLES,
            }
        )
    )
    wrong = [check.name for check in audit.checks if not check.ok]
    if wrong:
        raise AuditError(f"{len(wrong)} checks failed: {'; '.join(wrong)}", hint="do not train on these data")
    return len(audit.checks)


def _stage_pretraining(config: Demo, where: dict[str, Path]) -> Any:
    from bertcli.stages.pretrain import PretrainReport, pretrain

    report = pretrain(
        Pretrain.model_validate(
            {
                "data": where["data"],
                "objectives": OBJECTIVES,
                "arch": config.arch,
                "minutes": config.minutes,
                "seq_length": config.seq_length,
                "learning_rate": config.pretraining_learning_rate,
                "dropout": 0.0,
                "seed": config.seed,
                "threads": config.threads,
                "eval_every": NEVER,
                "save_every": NEVER,
                "output": where["pretrain"],
            }
        )
    )
    assert isinstance(report, PretrainReport)
    return report


def _stage_finetuning(
    config: Demo, model: Path, train: Path, test: Path, output: Path, *, random_weights: bool
) -> Score:
    from bertcli.stages.finetune import FinetuneReport, finetune

    report = finetune(
        Finetune(
            task="classification",
            model=str(model),
            train=(train,),
            dev=(test,),
            max_length=config.seq_length,
            batch_size=16,
            epochs=config.epochs,
            learning_rate=config.random_learning_rate if random_weights else config.learning_rate,
            seed=config.seed,
            seeds=config.seeds,
            random_weights=random_weights,
            threads=config.threads,
            eval_every=NEVER,
            save_every=NEVER,
            text=False,
            output=output,
        )
    )
    assert isinstance(report, FinetuneReport)
    result = report.result
    return Score(result.mean, result.sd, [row[result.primary] for row in result.per_seed])


def _stage_features(config: Demo, texts: Path, model: Path, output: Path) -> int:
    from bertcli.stages.extract_features import extract_features

    return extract_features(
        ExtractFeatures(
            input=str(texts), model=str(model), max_length=config.seq_length, threads=config.threads, output=output
        )
    ).dimensions
