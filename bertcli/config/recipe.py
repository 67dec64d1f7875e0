"""How much of what was pretrained is kept, layer by layer, and the recipes: published ways to set all of it at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from bertcli.core.settings import Flag, Settings

RecipeName = Literal["bert", "stable", "ulmfit", "feature"]
Pooling = Literal["pooler", "cls", "mean", "max", "concat"]


def _layers(value: Any) -> Any:
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    if value in ("embeddings", "all") or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise ValueError(f"{value!r} is neither a number of layers nor `embeddings` nor `all`")


FrozenLayers = Annotated[int | Literal["embeddings", "all"], BeforeValidator(_layers)]


class Transfer(Settings):
    """How each layer is trained, which begin anew, and what of a sequence the head reads."""

    layer_decay: Annotated[float, Field(gt=0, le=1), Flag("--layer-decay")] = 1.0
    """Learning rate of a layer as a multiple of that of the one above it; 0.95 is usual (Sun et al. 2019)."""
    discriminative: Annotated[float, Field(ge=1), Flag("--discriminative")] = 1.0
    """The same by division: a layer's rate is that of the one above divided by this; 2.6 in Howard & Ruder 2018."""
    unfreezing: Annotated[Literal["at-once", "gradual"], Flag("--unfreezing")] = "at-once"
    """gradual: the top layer in the first epoch, and with every epoch one more (Howard & Ruder 2018)."""
    freeze_layers: Annotated[FrozenLayers, Flag("--freeze-layers")] = 0
    """Lowest layers that are never trained, the embeddings with them; or embeddings alone, or all: the encoder."""
    reinit_layers: Annotated[int, Field(ge=0), Flag("--reinit-layers")] = 0
    """Top layers that begin with fresh weights, and the pooler with them (Zhang et al. 2021)."""
    pooling: Annotated[Pooling | None, Flag("--pooling")] = None
    """What the head reads of a sequence (default: pooler); concat is [CLS], maximum and mean side by side."""
    reuse_labels: Annotated[bool, Flag("--reuse-labels")] = False
    """Take from the model's own head the rows of the labels that the task has too."""

    lm_weight: Annotated[float, Field(ge=0), Flag("--lm-weight")] = 0.0
    """Weight of a masked language model on the task's text beside the task; 0.5 in GPT-1, 0 is none. Twice the time."""

    @model_validator(mode="after")
    def _a_language_model_trains_the_encoder(self) -> Self:
        if self.lm_weight and self.freeze_layers == "all":
            raise ValueError(
                "lm_weight trains the encoder, and freeze_layers all keeps it as it is | hint: leave out one of them"
            )
        return self

    @model_validator(mode="after")
    def _one_factor(self) -> Self:
        if self.layer_decay != 1 and self.discriminative != 1:
            raise ValueError(
                f"layer_decay {self.layer_decay:g} and discriminative {self.discriminative:g} both set the layers' "
                f"rates | hint: keep one; discriminative D is layer_decay 1/D"
            )
        return self

    @property
    def factor(self) -> float:
        """The learning rate of a layer as a multiple of that of the layer above."""
        return self.layer_decay / self.discriminative


RECIPES: Mapping[str, Mapping[str, Any]] = {
    # Devlin et al. 2019, appendix A.3, and the README of google-research/bert. AdamW corrects its moments' bias here,
    # as everywhere in bertcli; the published code did not.
    "bert": {
        "learning_rate": 2e-5,
        "epochs": 3.0,
        "schedule": {"shape": "linear", "warmup": 0.1},
    },
    # Mosbach et al. 2021, section 6: bias correction, warm-up, and on small data many more steps, until the training
    # loss is near zero. Re-initialised layers (Zhang et al. 2021) are left to --reinit-layers: how many of them help
    # depends on the checkpoint.
    "stable": {
        "learning_rate": 2e-5,
        "epochs": 20.0,
        "schedule": {"shape": "linear", "warmup": 0.1},
    },
    # Howard & Ruder 2018, section 3.3. The peak of 0.01 belongs to their LSTM and ruins a transformer: the learning
    # rate stays that of the model's size.
    "ulmfit": {
        "schedule": {"shape": "slanted-triangular", "cut_fraction": 0.1, "ratio": 32.0},
        "transfer": {"discriminative": 2.6, "unfreezing": "gradual", "pooling": "concat"},
    },
    # Peters et al. 2019: the encoder as it is, and a head on it. Fresh weights alone take Adam's own rate (Kingma &
    # Ba 2015). A mean reads every piece, and no pooler that was made for another purpose.
    "feature": {
        "learning_rate": 1e-3,
        "transfer": {"freeze_layers": "all", "pooling": "mean"},
    },
}
"""What each recipe sets; everything else stays at its default."""

_INSTEAD = (("steps", "epochs"), ("transfer.layer_decay", "transfer.discriminative"))
"""Keys of which one takes the place of the other."""


def under_recipe(values: Any) -> Any:
    """Configuration values with those of their ``recipe`` where they say nothing themselves."""
    recipe = values.get("recipe") if isinstance(values, dict) else None
    if not isinstance(recipe, str) or recipe not in RECIPES:
        return values
    given = {key: _as_mapping(value) for key, value in values.items()}
    said = dict(_flat(given))
    filled = dict(given)
    for key, value in _flat(RECIPES[recipe]):
        replaced = any(key in pair and any(said.get(other) is not None for other in pair) for pair in _INSTEAD)
        if key not in said and not replaced:
            _put(filled, key, value)
    return filled


def set_by_recipe(config: Mapping[str, Any]) -> dict[str, Any]:
    """The dotted keys of a configuration that have their values from its recipe, with the values."""
    found = dict(_flat(config))
    recipe = RECIPES.get(str(config.get("recipe")), {})
    return {key: value for key, value in _flat(recipe) if found.get(key) == value}


def _as_mapping(value: Any) -> Any:
    return value.model_dump(exclude_unset=True) if isinstance(value, BaseModel) else value


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _put(values: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key; a section that is there is copied, one that is no mapping is left for the model to refuse."""
    section, _, name = key.rpartition(".")
    if not section:
        values[name] = value
        return
    inner = values.get(section, {})
    if isinstance(inner, Mapping):
        values[section] = {**inner, name: value}
