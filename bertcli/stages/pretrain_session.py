"""What a pretraining run needs, opened, checked against each other and with every default settled."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

import torch
from accelerate import Accelerator

from bertcli.config.pretrain import Pretrain
from bertcli.contracts.architecture import ARCHITECTURES, find_size
from bertcli.contracts.batch import Batch, StepBatches
from bertcli.core.messages import notice
from bertcli.data.batches import Cursor, batch_stream, evaluation_batches
from bertcli.data.coverage import tokens_covered
from bertcli.data.examples import LimitedExamples, StaticExamples
from bertcli.data.opening import OpenData, load_data_tokenizer, open_data, short_sequence_probability_of
from bertcli.data.packing import Packing
from bertcli.errors import ConfigError, VocabularyError
from bertcli.models.checkpoint import model_directory, open_model
from bertcli.models.growth import grow_vocabulary
from bertcli.models.packing_canary import check_packing
from bertcli.models.pretraining import PretrainingModel, check_objectives, heads_of, reads_pooled, set_dropout
from bertcli.text.grown_vocabulary import GrownVocabulary, grown_from
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_loading import load_tokenizer
from bertcli.training.accelerators import open_accelerator, precision_of

BATCH_SIZE_GPU, BATCH_SIZE_CPU = 512, 32
LARGEST_DEFAULT_MICRO_BATCH = 64
SMALLEST_INTERVAL = 50
"""Steps between evaluations or checkpoints, at least, when they are not set: short runs should train."""
STEPS_TO_CHECK_PACKING = 20
"""Steps among which a row of several sequences is looked for."""


@dataclass(frozen=True)
class PretrainPlan:
    """What a run will do, known before it begins."""

    architecture: str
    parameters: int
    objectives: list[str]
    sequences: str
    seq_length: int
    examples_per_epoch: int
    tokens_used: float | None
    """Share of the corpus's tokens that the first epoch uses; None for finished rows."""
    steps: int
    batch_size: int
    micro_batch_size: int
    packed: bool
    learning_rate: float
    device: str
    precision: str


@dataclass(frozen=True)
class Session:
    """Everything a run needs, opened and checked against each other; ``config`` has no open question left."""

    config: Pretrain
    opened: OpenData
    held_out: OpenData
    tokenizer: Tokenizer
    accelerator: Accelerator
    parameters: int
    growth: GrownVocabulary | None = None
    """Where the data's vocabulary is that of ``config.init`` with more pieces."""

    @classmethod
    def open(cls, config: Pretrain) -> Session:
        """Open data, vocabulary, model and device. Raises a ``UserError`` where one does not fit another."""
        accelerator = open_accelerator(device=config.device, precision=config.precision, threads=config.threads)
        opened, held_out = _open_data(config), _open_data(config, held_out=True)
        _refuse_packing_of_rows(config, opened)
        _tell_what_is_not_evaluated(opened, held_out)
        tokenizer = load_data_tokenizer(opened.data)
        growth = None if config.init is None else _growth(config.init, tokenizer)
        session = cls(config, opened, held_out, tokenizer, accelerator, 0, growth)
        model = session.build()
        _refuse_packing_by(config, model.architecture)
        longest: int = model.main_encoder.config.max_position_embeddings
        if opened.seq_length > longest:
            raise ConfigError(
                f"sequences of {opened.seq_length} pieces are longer than the model's {longest} positions",
                hint=f"build the data again with `bertcli mask build --static --seq-length {longest}`, or less"
                if opened.data.static
                else f"--seq-length {longest} or less",
            )
        parameters = sum(parameter.numel() for parameter in model.parameters())
        return replace(session, config=_resolved(config, opened, accelerator), parameters=parameters)

    def with_steps(self, steps: int) -> Session:
        """The same session with a number of steps in place of minutes."""
        update = {"steps": steps, "minutes": None} | _intervals(self.config, steps)
        return replace(self, config=self.config.model_copy(update=update))

    def plan(self) -> PretrainPlan:
        """What the run will do."""
        config = self.config
        assert config.batch_size and config.micro_batch_size and config.learning_rate
        return PretrainPlan(
            architecture=config.init or config.arch,
            parameters=self.parameters,
            objectives=list(self.opened.objectives),
            sequences=self.opened.kind,
            seq_length=self.opened.seq_length,
            examples_per_epoch=self.examples().count(0),
            tokens_used=self._tokens_used(),
            steps=config.steps or 0,
            batch_size=config.batch_size,
            micro_batch_size=config.micro_batch_size,
            packed=config.pack,
            learning_rate=config.learning_rate,
            device=str(self.accelerator.device),
            precision=config.precision,
        )

    def _tokens_used(self) -> float | None:
        examples, store = self.opened.examples, self.opened.store
        if store is None or isinstance(examples, StaticExamples):
            return None
        return tokens_covered(store, examples.plan(0), self.examples().count(0))

    def examples(self) -> LimitedExamples:
        """The training examples, cut to ``--limit``."""
        return LimitedExamples(self.opened.examples, self.config.limit)

    def build(self) -> PretrainingModel:
        """The model with its initial weights: the same for the same seed."""
        torch.manual_seed(self.config.seed)
        objectives = self.opened.objectives
        pooled = reads_pooled(objectives)
        if self.config.init is None:
            name, _ = find_size(self.config.arch)
            architecture = ARCHITECTURES.load(name)
            check_objectives(architecture, objectives)
            built = architecture.configuration(
                self.config.arch, self.opened.data.vocabulary, overrides=architecture.Settings()
            )
            model = PretrainingModel(architecture, {"main": architecture.build(built, pooled=pooled)}, objectives)
        else:
            architecture, loaded = open_model(self.config.init, pooled=pooled, heads=heads_of(objectives))
            if self.growth is not None:
                grow_vocabulary(architecture, loaded, **asdict(self.growth), where=self.config.init)
            check_objectives(architecture, objectives)
            model = PretrainingModel(architecture, {"main": loaded.encoder}, objectives, loaded.heads)
        if self.config.dropout is not None:
            set_dropout(model, self.config.dropout)
        return model

    def batches(self, start: Cursor) -> Generator[StepBatches, None, None]:
        """The batches of every optimizer step from ``start`` on."""
        config = self.config
        assert config.batch_size and config.micro_batch_size
        pad_id = self.opened.data.vocabulary.pad_id
        return batch_stream(
            self.examples(),
            self.opened.objectives,
            batch_size=config.batch_size,
            micro_batch_size=config.micro_batch_size,
            seed=config.seed,
            start=start,
            steps=config.steps,
            workers=config.workers,
            rank=self.accelerator.process_index,
            world_size=self.accelerator.num_processes,
            packing=Packing(self.opened.seq_length, pad_id) if config.pack else None,
        )

    def check_packing(self) -> None:
        """Where this run packs: whether it does so without harm on its device. Raises ``RunError``."""
        if not self.config.pack:
            return
        batch = self._packed_batch()
        if batch is None:
            notice(f"--pack: no two sequences fit into {self.opened.seq_length} positions, so none are packed")
            return
        device = self.accelerator.device
        model = self.build().to(device)
        with self.accelerator.autocast():
            check_packing(
                dict(model.encoders.items()),
                batch.to(device),
                self.opened.data.vocabulary.ordinary_ids,
                where=f"{device.type} in {self.config.precision}",
            )
        rows, width = batch["input_ids"].shape
        notice(
            f"packing: {len(batch.example_ids)} sequences of a micro-batch share {rows} rows of {width}, "
            f"{1 - batch.tokens / (rows * width):.1%} padding, and do not see each other"
        )

    def _packed_batch(self) -> Batch | None:
        """The first micro-batch that has a row of several sequences."""
        unhurried = replace(self, config=self.config.model_copy(update={"workers": 0}))
        with closing(unhurried.batches(Cursor())) as steps:
            batches = (batch for step in islice(steps, STEPS_TO_CHECK_PACKING) for batch in step.micro_batches)
            return next((batch for batch in batches if batch.get("sequence_ids") is not None), None)

    def evaluation(self) -> list[Batch]:
        """The fixed evaluation batches; none where no document is held out."""
        if self.opened.data.counts["heldout"]["documents"] == 0 or not self.held_out.objectives:
            return []
        examples = self.held_out.examples
        size = self.config.micro_batch_size or LARGEST_DEFAULT_MICRO_BATCH
        return list(
            evaluation_batches(examples, self.held_out.objectives, batch_size=size, limit=self.config.eval_limit)
        )


def _open_data(config: Pretrain, *, held_out: bool = False) -> OpenData:
    return open_data(
        config.data,
        config.objectives.chosen(),
        kind=config.sequences,
        seq_length=config.seq_length,
        seed=config.seed,
        short_sequence_probability=config.short_sequence_probability,
        held_out=held_out,
    )


def _refuse_packing_of_rows(config: Pretrain, opened: OpenData) -> None:
    if config.pack and opened.data.static:
        raise ConfigError(
            f"--pack is for sequences that are made while training; the rows of {config.data} are finished and padded",
            hint="make a token store by `bertcli mask build CORPUS` without --static, or leave --pack out",
        )


def _refuse_packing_by(config: Pretrain, architecture: Any) -> None:
    if config.pack and "packable" not in architecture.abilities:
        raise ConfigError(
            f"{architecture.model_type} cannot keep the sequences of a packed row apart", hint="leave --pack out"
        )


def _tell_what_is_not_evaluated(opened: OpenData, held_out: OpenData) -> None:
    """A single held-out document leaves nothing to draw random segments from; sentences alone have no order."""
    lacking = sorted(set(opened.objectives) - set(held_out.objectives))
    if lacking:
        one = opened.data.counts["heldout"]["documents"] == 1
        what = "one document is held out, too few" if one else "the held-out documents are too short"
        notice(f"{what} to evaluate {', '.join(lacking)}; see --held-out of mask build")


def _growth(init: str, tokenizer: Tokenizer) -> GrownVocabulary | None:
    """How the data's vocabulary grew from the model's; None where they are the same.

    Raises ``VocabularyError`` where it is neither the model's nor grown from it.
    """
    model_directory(init)  # says of a model what the tokenizer would say of a vocabulary
    old = load_tokenizer(init)
    theirs, ours = old.vocabulary, tokenizer.vocabulary
    if theirs.fingerprint == ours.fingerprint:
        return None
    growth = grown_from(old, tokenizer)
    if growth is None:
        raise VocabularyError(
            f"the data were made with another vocabulary ({ours.size:,} pieces, {ours.fingerprint[:8]}) than "
            f"{init} has ({theirs.size:,} pieces, {theirs.fingerprint[:8]})",
            hint=f"make the data with the model's own: bertcli mask build CORPUS --vocab {init}; "
            f"`bertcli vocab extend {init} --on CORPUS` adds words to it that the model then learns",
        )
    replaced = f", {growth.replaced:,} of them in [unusedN] places" if growth.replaced else ""
    notice(
        f"the data's vocabulary has {len(growth.sources):,} pieces that {init} lacks{replaced}: each starts as the "
        "mean of the pieces that its text had"
    )
    return growth


def _resolved(config: Pretrain, opened: OpenData, accelerator: Accelerator) -> Pretrain:
    """Every default that depends on something, settled."""
    device = accelerator.device
    batch_size = config.batch_size or (BATCH_SIZE_CPU if device.type == "cpu" else BATCH_SIZE_GPU)
    examples = LimitedExamples(opened.examples, config.limit).count(0)
    if not examples:
        raise ConfigError(
            f"{config.data} gives no example for {', '.join(opened.objectives)}",
            hint="the training documents are too few or too short",
        )
    steps = config.steps
    if steps is None and config.minutes is None:
        steps = math.ceil((config.epochs or 1) * examples / batch_size)
    update: dict[str, Any] = {
        "objectives": config.objectives.of(
            {name: objective.settings.dump() for name, objective in opened.objectives.items()}
        ),
        "sequences": opened.kind,
        "seq_length": opened.seq_length,
        "short_sequence_probability": short_sequence_probability_of(opened.data, config.short_sequence_probability),
        "batch_size": batch_size,
        "micro_batch_size": config.micro_batch_size or min(batch_size, LARGEST_DEFAULT_MICRO_BATCH),
        "learning_rate": config.learning_rate or default_learning_rate(batch_size, config.arch, init=config.init),
        "device": device.type,
        "precision": precision_of(accelerator),
    }
    if steps is not None:
        update |= {"steps": steps, "epochs": None} | _intervals(config, steps)
    return config.model_copy(update=update)


def _intervals(config: Pretrain, steps: int) -> dict[str, int]:
    tenth = max(SMALLEST_INTERVAL, steps // 10)
    return {"eval_every": config.eval_every or tenth, "save_every": config.save_every or tenth}


def default_learning_rate(batch_size: int, arch: str, *, init: str | None) -> float:
    """Peak rate by the square root of the batch: 5e-4 at 512 from scratch (large 2e-4), with --init 5e-5 at 32."""
    if init is not None:
        return min(5e-4, 5e-5 * math.sqrt(batch_size / 32))
    return (2e-4 if "large" in arch else 5e-4) * min(1.0, math.sqrt(batch_size / 512))
