"""Opens everything that a fine-tuning needs, checks it against each other and settles what depends on it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from bertcli.config.finetune import DEFAULT_MODEL, Finetune
from bertcli.contracts.task import Features, Task
from bertcli.core.messages import notice
from bertcli.data.bucketing import BucketedBatches, steps_per_epoch
from bertcli.data.example_lengths import UNKNOWN_TOLERATED, unknown_rate
from bertcli.data.folds import Fold
from bertcli.data.splits import Splits, check_metrics, make_splits, metric_suffix
from bertcli.errors import ModelError
from bertcli.models.checkpoint import (
    fingerprint_of_weights,
    model_directory,
    open_model,
    pooler_is_trained,
    read_config,
)
from bertcli.models.finetuning import FinetuningModel, restart_pooler
from bertcli.models.readouts import Readout, readout_for
from bertcli.models.reinitialisation import reinitialise
from bertcli.stages.finetune_transfer import carry_over, check_layers, recipe_of, settle_pooling, tell, tell_reused
from bertcli.stages.labelled_data import max_length_of, open_task, read_labelled
from bertcli.stages.long_texts import limits_of, pooling_of
from bertcli.stages.model_room import check_room
from bertcli.tasks import FoundTask
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_loading import load_tokenizer
from bertcli.training.accelerators import open_accelerator, precision_of

SMALL_WIDTH = 512
"""Models up to this width (tiny to medium) take the larger rate and one epoch more (Turc et al. 2019)."""
FEW_EXAMPLES, EPOCHS_FEW_EXAMPLES = 5000, 20
"""Fewer training examples take more epochs (Mosbach et al. 2021)."""
LEARNING_RATE, LEARNING_RATE_SMALL_MODEL = 2e-5, 1e-4
EPOCHS, EPOCHS_SMALL_MODEL = 3, 4
BATCH_SIZE = 32


@dataclass(frozen=True)
class FinetunePlan:
    """What a run will do, known before it begins. ``truncated`` counts examples, ``lost_tokens`` their pieces.

    ``example`` is the first training example as the model sees it; None where the data's text is not to be shown. With
    ``folds``, counts are those of the first of them.
    """

    task: str
    model: str
    parameters: int
    trained_parameters: int
    """Those that are trained at some time of the run."""
    examples: dict[str, int]
    labels: list[str]
    steps: int
    epochs: float
    batch_size: int
    learning_rate: float
    max_length: int
    truncated: dict[str, int]
    lost_tokens: dict[str, int]
    seeds: list[int]
    device: str
    precision: str
    long_texts: str
    sequences: dict[str, int]
    """Of each split: as many as examples, but where a document is several chunks."""
    max_chunks: int | None
    recipe: dict[str, Any]
    """The recipe's name and what it set, by dotted key; empty without one."""
    example: str | None = None
    folds: int | None = None

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Session:
    """Everything a run needs, opened and checked against each other; ``config`` has no open question left."""

    config: Finetune
    found: FoundTask
    splits: Splits
    features: dict[str, Features]
    tokenizer: Tokenizer
    accelerator: Accelerator
    parameters: int
    trained_parameters: int
    pooler_is_trained: bool
    weights_sha256: str
    """Of the model it starts from."""

    @classmethod
    def open(cls, config: Finetune) -> Session:
        """Open and check everything. Raises a ``UserError`` for whatever does not fit."""
        accelerator = open_accelerator(device=config.device, precision=config.precision, threads=config.threads)
        found, task = open_task(config)
        directory = _model_directory(config.model)
        config = _sized(config, found, read_config(directory).get("max_position_embeddings"))
        splits = _read(config, found, task)
        config = settle_pooling(config, splits.task)
        suffixes = [metric_suffix(split.split, splits.dev[0].split) for split in splits.dev]
        check_metrics(splits.task, config.thresholds(), suffixes)
        tokenizer = load_tokenizer(config.model)
        trained, weights = pooler_is_trained(directory) is not False, fingerprint_of_weights(directory)
        session = cls(config, found, splits, {}, tokenizer, accelerator, 0, 0, trained, weights)
        model = session.build(config.seed)
        segments = _check_fits(model.encoder.config, config, tokenizer)
        limits = limits_of(config, splits)
        features = {split.split: splits.task.encode(split, tokenizer, limits) for split in splits.all()}
        _tell_unknown(features, tokenizer)
        if not segments and features["train"].has_pairs:
            notice("the model knows one segment only: both texts of a pair are told apart by [SEP] alone")
            features = {name: split.without_segments() for name, split in features.items()}
        resolved = _resolved(config, found, model.encoder.config, features["train"].items, accelerator)
        settled = replace(
            session,
            config=resolved,
            features=features,
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            trained_parameters=sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad),
        )
        settled._tell_transfer(model)
        return settled

    @property
    def facts(self) -> dict[str, str]:
        """What a resume must find unchanged."""
        return {"data": self.splits.sha256, "weights": self.weights_sha256}

    @property
    def task(self) -> Task:
        """The task with its labels."""
        return self.splits.task

    @property
    def labels(self) -> list[str]:
        """The names of the task's labels in the order of their ids; empty where it has none."""
        return [str(name) for name in self.task.model_facts().get("id2label", {}).values()]

    @property
    def readout(self) -> Readout:
        """A new readout of what the task's head is put on."""
        return readout_for(self.task.reads, self.config.transfer.pooling)

    @property
    def reads_pooler(self) -> bool:
        """Whether the encoder's pooled vector is read."""
        return self.readout.needs_pooler

    def build(self, seed: int) -> FinetuningModel:
        """The model with its initial weights: the same for the same seed."""
        torch.manual_seed(seed)
        readout, transfer = self.readout, self.config.transfer
        architecture, loaded = open_model(self.config.model, pooled=readout.needs_pooler)
        encoder = loaded.encoder
        check_layers(transfer, encoder.config.num_hidden_layers)
        # Opening draws from the generator as it needs: what is fresh below must depend on the seed alone.
        torch.manual_seed(seed)
        if self.config.random_weights:
            encoder = architecture.build(encoder.config, pooled=readout.needs_pooler)
        elif readout.needs_pooler and not self.pooler_is_trained:
            restart_pooler(encoder, spread=encoder.config.initializer_range)
        pooling = pooling_of(self.config, readout.width(encoder.config))
        if transfer.reinit_layers:
            reinitialise(architecture, encoder, layers=transfer.reinit_layers, pooled=readout.needs_pooler)
        model = FinetuningModel(architecture, encoder, readout, self.task, pooling)
        carry_over(self.config, loaded, model, self.labels, pooler_is_trained=self.pooler_is_trained)
        return model

    def _tell_transfer(self, model: FinetuningModel) -> None:
        """Say what the recipe and the like change for this model."""
        config = self.config
        rate = _usual_rate(model.encoder.config, self.found)
        tell(config, model, steps=self.steps, epoch_steps=self.steps_per_epoch, usual_rate=rate)
        if model.reused_labels:
            tell_reused(config.model, model.reused_labels, self.labels)

    def batches(self, split: str) -> BucketedBatches:
        """The batches of a split."""
        return BucketedBatches(
            self.features[split],
            self.tokenizer.vocabulary.pad_id,
            self.task.count,
            firsts_only=self.readout.firsts_only,
        )

    def plan(self) -> FinetunePlan:
        """What will be done."""
        config = self.config
        assert config.learning_rate and config.batch_size and config.max_length
        return FinetunePlan(
            task=config.task,
            model=config.model,
            parameters=self.parameters,
            trained_parameters=self.trained_parameters,
            examples={split.split: len(split) for split in self.splits.all()},
            labels=self.labels,
            steps=self.steps,
            epochs=self.steps / self.steps_per_epoch,
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            max_length=config.max_length,
            truncated={name: features.truncated_examples() for name, features in self.features.items()},
            lost_tokens={name: int(features.lost.sum()) for name, features in self.features.items()},
            seeds=list(range(config.seed, config.seed + config.seeds)),
            device=self.accelerator.device.type,
            precision=config.precision,
            long_texts=config.long_texts.strategy,
            sequences={name: len(features.lost) for name, features in self.features.items()},
            max_chunks=config.long_texts.max_chunks,
            recipe=recipe_of(config),
            example=self._first_example() if config.text else None,
            folds=config.folds,
        )

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in one pass over the training split."""
        assert self.config.batch_size
        return max(
            1,
            steps_per_epoch(
                self.features["train"].items, self.config.batch_size, world_size=self.accelerator.num_processes
            ),
        )

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole run."""
        if self.config.steps is not None:
            return self.config.steps
        assert self.config.epochs
        return math.ceil(self.config.epochs * self.steps_per_epoch)

    def _first_example(self) -> str:
        features = self.features["train"]
        return " ".join(self.tokenizer.pieces(features.input_ids[: features.offsets[1]]))


def _model_directory(model: str) -> Path:
    try:
        return model_directory(model)
    except ModelError as error:
        if Path(model).exists():
            raise
        what = "there is no pretrained model here yet" if model == DEFAULT_MODEL else error.message
        raise ModelError(
            what, path=model, hint="make one with `bertcli pretrain --mlm --nsp`, or give --model DIR or a Hub id"
        ) from error


def _read(config: Finetune, found: FoundTask, task: Task) -> Splits:
    read, sha256 = read_labelled(config, found, task)
    return make_splits(task, read, sha256=sha256, limit=config.limit, seed=_split_seed(config), fold=_fold(config))


def _fold(config: Finetune) -> Fold | None:
    """The fold that is held out; of all of them the first, by which a cross-validation is planned."""
    return Fold(config.fold or 1, config.folds) if config.folds else None


def _split_seed(config: Finetune) -> int:
    return config.seed if config.split_seed is None else config.split_seed


def _check_fits(model_config: Any, config: Finetune, tokenizer: Tokenizer) -> bool:
    """Refuse what the model cannot take; returns whether it knows a second segment."""
    assert config.max_length
    check_room(
        tokenizer,
        config.max_length,
        model=config.model,
        positions=model_config.max_position_embeddings,
        pieces=model_config.vocab_size,
    )
    return bool(getattr(model_config, "type_vocab_size", 1) >= 2)


def _tell_unknown(features: dict[str, Features], tokenizer: Tokenizer) -> None:
    """Say of which splits the vocabulary knows too little."""
    for split, encoded in features.items():
        rate = unknown_rate(encoded, tokenizer)
        if rate > UNKNOWN_TOLERATED:
            notice(
                f"{100 * rate:.1f} % of the pieces of {split} are unknown to the vocabulary: is it that of this "
                "language, with the right casing?"
            )


def _usual_rate(model_config: Any, found: FoundTask) -> float:
    """The learning rate of models of this width on this data set."""
    usual = (found.preset and found.preset.learning_rate) or LEARNING_RATE
    return LEARNING_RATE_SMALL_MODEL if model_config.hidden_size <= SMALL_WIDTH else usual


def _sized(config: Finetune, found: FoundTask, positions: int | None) -> Finetune:
    """With the sizes that are settled before anything is encoded: the flag's, else the preset's, else the usual one."""
    preset = found.preset
    update = {
        "batch_size": config.batch_size or (preset and preset.batch_size) or BATCH_SIZE,
        "max_length": max_length_of(config.max_length, found, positions),
    }
    return config.model_copy(update=update)


def _resolved(
    config: Finetune, found: FoundTask, model_config: Any, examples: int, accelerator: Accelerator
) -> Finetune:
    """Every default that depends on something, settled."""
    small = model_config.hidden_size <= SMALL_WIDTH
    update: dict[str, Any] = {
        "device": accelerator.device.type,
        "precision": precision_of(accelerator),
        "split_seed": _split_seed(config),
    }
    if config.learning_rate is None:
        update["learning_rate"] = _usual_rate(model_config, found)
    if config.epochs is None and config.steps is None:
        usual = EPOCHS_SMALL_MODEL if small else EPOCHS
        if found.preset and found.preset.epochs:
            usual = found.preset.epochs
        elif examples < FEW_EXAMPLES:
            usual = EPOCHS_FEW_EXAMPLES
        update["epochs"] = float(usual)
    settings = dict(found.settings) | config.task_settings
    return config.model_copy(update=update | {"task_settings": settings, "resume": False, "overwrite": False})
