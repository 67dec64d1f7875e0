"""What a fine-tuning does with every layer of the model that it starts from: settled, checked and told."""

from __future__ import annotations

from bertcli.config.finetune import Finetune
from bertcli.config.recipe import Transfer, set_by_recipe
from bertcli.contracts.architecture import LoadedModel
from bertcli.contracts.task import Task
from bertcli.core.messages import notice
from bertcli.errors import ConfigError
from bertcli.models.checkpoint import labelled_rows, language_model_head, model_directory
from bertcli.models.finetuning import FinetuningModel
from bertcli.models.label_reuse import reuse_labels
from bertcli.models.language_model_beside import LanguageModelBeside
from bertcli.training.depths import DepthPlan
from bertcli.training.optimizers import Depths


def settle_pooling(config: Finetune, task: Task) -> Finetune:
    """The configuration with the pooling that the task is read by; none where it reads every piece.

    Raises ``ConfigError`` where such a task is asked for a pooling; that of a recipe does not count.
    """
    pooling = config.transfer.pooling
    if task.reads == "sequences":
        pooling = pooling or "pooler"
    elif pooling is not None:
        if set_by_recipe(config.dump()).get("transfer.pooling") != pooling:
            raise ConfigError(
                f"--pooling {pooling} makes one vector of a sequence, and {config.task} reads every piece",
                hint="leave out --pooling",
            )
        pooling = None
    return config.model_copy(update={"transfer": config.transfer.model_copy(update={"pooling": pooling})})


def check_layers(transfer: Transfer, layers: int) -> None:
    """Refuse to freeze or renew more layers than there are. Raises ``ConfigError``."""
    frozen = layers if transfer.freeze_layers == "all" else transfer.freeze_layers
    frozen = 0 if frozen == "embeddings" else frozen
    for flag, count in (("--freeze-layers", frozen), ("--reinit-layers", transfer.reinit_layers)):
        if count > layers:
            raise ConfigError(
                f"{flag} {count}: the model has {layers} layers",
                hint="--freeze-layers all freezes the whole encoder"
                if flag == "--freeze-layers"
                else f"{flag} {layers} or less",
            )
    if transfer.reinit_layers and frozen + transfer.reinit_layers > layers:
        raise ConfigError(
            f"of {layers} layers the lowest {frozen} are to be frozen and the top {transfer.reinit_layers} to begin "
            "anew: fresh weights would never be trained",
            hint="lower --freeze-layers or --reinit-layers",
        )


def frozen_depths(transfer: Transfer, layers: int) -> int:
    """How many depths, from the embeddings on, are never trained."""
    match transfer.freeze_layers:
        case "all":
            return layers + 1
        case "embeddings":
            return 1
        case 0:
            return 0
        case count:
            return count + 1


def carry_over(
    config: Finetune, loaded: LoadedModel, model: FinetuningModel, labels: list[str], *, pooler_is_trained: bool
) -> None:
    """Give the model what the configuration takes of the ``loaded`` one beside its encoder, and freeze the latter.

    With the whole encoder its pooler is frozen too, unless it is fresh. Raises ``ModelError`` where something that is
    to be taken is not there.
    """
    transfer = config.transfer
    if transfer.reuse_labels:
        source = labelled_rows(model_directory(config.model), loaded, model.task.head)
        model.reused_labels = reuse_labels(model.head, labels, source, where=config.model)
    if transfer.lm_weight:
        head = (
            model.architecture.head("language_model", model.encoder)
            if config.random_weights
            else language_model_head(model_directory(config.model), loaded)
        )
        model.language_model = LanguageModelBeside(head, transfer.lm_weight)
    pooler = transfer.freeze_layers == "all" and pooler_is_trained and not config.random_weights
    model.freeze(below=frozen_depths(transfer, model.top_depth - 1), pooler=pooler)


def depths_of(transfer: Transfer, model: FinetuningModel, *, epoch_steps: int) -> Depths | None:
    """How each depth of the model is trained; None where all are trained alike."""
    plan = DepthPlan(
        top=model.top_depth,
        factor=transfer.factor,
        frozen=frozen_depths(transfer, model.top_depth - 1),
        epoch_steps=epoch_steps if transfer.unfreezing == "gradual" else None,
    )
    if plan == DepthPlan(plan.top):
        return None
    return Depths(plan, model.depth_of)


def tell(config: Finetune, model: FinetuningModel, *, steps: int, epoch_steps: int, usual_rate: float) -> None:
    """Say what the recipe set, what of the head is not fresh, and what is never reached.

    ``usual_rate`` is the learning rate of models of this width.
    """
    if config.recipe:
        chosen = set_by_recipe(config.dump())
        listed = ", ".join(f"{key} {_shown(value)}" for key, value in chosen.items())
        notice(f"recipe {config.recipe} sets {listed or 'nothing: all of it is set otherwise'}")
        if chosen.get("learning_rate", 1.0) < usual_rate:
            notice(f"its learning rate is meant for wider models: --lr {usual_rate:g} is usual for this one")
    depths = depths_of(config.transfer, model, epoch_steps=epoch_steps)
    if depths is not None and depths.plan.epoch_steps is not None:
        reached, lowest = depths.plan.lowest(steps - 1), depths.plan.frozen
        if reached > lowest:
            notice(
                f"gradual unfreezing needs {model.top_depth - lowest} epochs to reach "
                f"{f'layer {lowest}' if lowest else 'the embeddings'}, and the run ends at layer {reached}"
            )


def tell_reused(model: str, reused: tuple[str, ...], labels: list[str]) -> None:
    """Say which rows of the head come from the model that the run starts from."""
    fresh = [label for label in labels if label not in reused]
    rest = f"; {', '.join(fresh)} start fresh" if fresh else ""
    notice(f"the head's rows of {', '.join(reused)} come from {model}{rest}")


def recipe_of(config: Finetune) -> dict[str, object]:
    """For a plan: the recipe's name and what it set, by dotted key; empty without a recipe."""
    return {} if config.recipe is None else {"name": config.recipe, **set_by_recipe(config.dump())}


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
