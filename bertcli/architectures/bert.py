"""BERT: a bidirectional transformer over word pieces.

*Source*: Devlin et al. 2019; the small sizes are those of Turc et al. 2019.

*Reads*: ``input_ids``; where present ``token_type_ids``, ``attention_mask``, ``target_positions``, and for packed rows
``sequence_ids`` and ``position_ids``.

*Differs*: the mathematics is transformers'. Where a batch names its ``target_positions``, the last layer is computed
at those positions only; nobody reads the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from bertcli.contracts.architecture import HandCount, LoadedModel, Size, Term
from bertcli.core import settings
from bertcli.core.component_folder import unknown_name
from bertcli.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from torch import nn

    from bertcli.contracts.vocabulary import Vocabulary

__all__ = ["Bert"]

UNCASED, CASED = 30_522, 28_996
WITHOUT_POOLER = {"BertForMaskedLM", "BertForTokenClassification", "BertForQuestionAnswering", "BertLMHeadModel"}

Positive = Annotated[int, Field(ge=1)]
Probability = Annotated[float, Field(ge=0, lt=1)]


class BertSettings(settings.Settings):
    """What may be changed of a named size; whatever is left out stays as published."""

    hidden_size: Positive | None = None
    """Width of the hidden states; a multiple of the number of attention heads."""
    num_hidden_layers: Positive | None = None
    """Number of layers."""
    num_attention_heads: Positive | None = None
    """Attention heads per layer."""
    intermediate_size: Positive | None = None
    """Width of the feed-forward layers; 4 × hidden_size where only that is given."""
    max_position_embeddings: Annotated[int, Field(ge=3)] | None = None
    """Longest sequence in pieces, specials included."""
    type_vocab_size: Positive | None = None
    """Number of segment types."""
    hidden_act: Literal["gelu", "gelu_new", "relu", "silu"] | None = None
    """Activation of the feed-forward layers."""
    hidden_dropout_prob: Probability | None = None
    """Dropout after embeddings, attention and feed-forward layers."""
    attention_probs_dropout_prob: Probability | None = None
    """Dropout of attention weights."""
    classifier_dropout: Probability | None = None
    """Dropout before a classification head; hidden_dropout_prob where it is not given."""
    initializer_range: Annotated[float, Field(gt=0)] | None = None
    """Standard deviation of fresh weights."""
    layer_norm_eps: Annotated[float, Field(gt=0)] | None = None
    """Added to the variance in layer norms."""

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.hidden_size and self.num_attention_heads:
            fault = _indivisible(self.hidden_size, self.num_attention_heads)
            if fault:
                raise ValueError(fault)
        return self


def _indivisible(hidden_size: int, heads: int) -> str | None:
    if hidden_size % heads == 0:
        return None
    return f"hidden_size {hidden_size} is not a multiple of num_attention_heads {heads}"


def _size(layers: int, hidden: int, heads: int, vocabulary_size: int, parameters: int) -> Size:
    values = {
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "intermediate_size": 4 * hidden,
    }
    return Size(values, vocabulary_size, parameters)


class Bert:
    """BERT as one encoder and heads for language modelling, pairs and classification."""

    Settings: ClassVar[type[settings.Settings]] = BertSettings
    model_type: ClassVar[str] = "bert"
    abilities: ClassVar[frozenset[str]] = frozenset({"segments", "packable"})
    saved_heads: ClassVar[frozenset[str]] = frozenset(
        {"language_model", "pair", "classification", "token_classification", "span", "choice"}
    )
    sizes: ClassVar[Mapping[str, Size]] = {
        "bert-tiny": _size(2, 128, 2, UNCASED, 4_385_920),
        "bert-mini": _size(4, 256, 4, UNCASED, 11_170_560),
        "bert-small": _size(4, 512, 8, UNCASED, 28_763_648),
        "bert-medium": _size(8, 512, 8, UNCASED, 41_373_184),
        "bert-base": _size(12, 768, 12, UNCASED, 109_482_240),
        "bert-base-uncased": _size(12, 768, 12, UNCASED, 109_482_240),
        "bert-base-cased": _size(12, 768, 12, CASED, 108_310_272),
        "bert-large": _size(24, 1024, 16, UNCASED, 335_141_888),
        "bert-large-uncased": _size(24, 1024, 16, UNCASED, 335_141_888),
    }
    parts: ClassVar[Mapping[str, str]] = {
        "word embeddings": r"embeddings\.word_embeddings",
        "position embeddings": r"embeddings\.position_embeddings",
        "segment embeddings": r"embeddings\.token_type_embeddings",
        "embedding norm": r"embeddings\.LayerNorm",
        "attention": r"layer\.\d+\.attention\.(self|output\.dense)",
        "feed-forward": r"layer\.\d+\.(intermediate|output)\.dense",
        "layer norms": r"layer\.\d+\.(attention\.)?output\.LayerNorm",
        "pooler": r"pooler\.dense",
    }

    @classmethod
    def configuration(cls, size: str, vocabulary: Vocabulary | None, *, overrides: settings.Settings) -> Any:
        """The ``BertConfig`` of a named size; without a vocabulary, with the published one's size."""
        from transformers import BertConfig

        if size not in cls.sizes:
            raise unknown_name("size of bert", size, cls.sizes)
        changes = overrides.dump()
        if "hidden_size" in changes:
            changes.setdefault("intermediate_size", 4 * changes["hidden_size"])
        values = dict(cls.sizes[size].settings) | changes
        fault = _indivisible(values["hidden_size"], values["num_attention_heads"])
        if fault:
            heads = cls.sizes[size].settings["num_attention_heads"]
            raise ConfigError(fault, hint=f"{size} has {heads} heads; set both")
        if vocabulary is None:
            return BertConfig(vocab_size=cls.sizes[size].vocabulary_size, **values)
        return BertConfig(vocab_size=vocabulary.size, pad_token_id=vocabulary.pad_id, **values)

    @classmethod
    def build(cls, config: Any, *, pooled: bool) -> Any:
        """An encoder with fresh weights, as transformers draws them, from torch's generator."""
        from bertcli.architectures._bert_modules import BertEncoder

        return BertEncoder.fresh(config, pooled=pooled)

    @classmethod
    def head(cls, name: str, encoder: Any, *, outputs: int = 2, inputs: int | None = None) -> nn.Module:
        """A fresh head of one of the protocol's names."""
        from bertcli.architectures import _bert_modules as modules

        return modules.fresh_head(name, encoder, outputs=outputs, inputs=inputs)

    @classmethod
    def load(cls, directory: Path, *, pooled: bool) -> LoadedModel:
        """Take a checkpoint of any BERT class apart. Raises ``ModelError`` where its parameters do not fit."""
        from bertcli.architectures import _bert_modules as modules

        config = cls.configuration_from(json.loads((directory / "config.json").read_text("utf-8")))
        _refuse_other_mathematics(config, directory)
        return modules.load(directory, config, pooled=pooled)

    @classmethod
    def assemble(cls, encoder: Any, heads: Mapping[str, nn.Module]) -> Any:
        """The transformers model of these parts: pretraining, masked LM, next sentence, classifier or bare encoder."""
        from bertcli.architectures import _bert_modules as modules

        return modules.assemble(encoder, heads)

    @classmethod
    def configuration_from(cls, values: Mapping[str, Any]) -> Any:
        """The ``BertConfig`` with the values of a ``config.json``. Raises ``ConfigError`` without a path."""
        from huggingface_hub.errors import StrictDataclassError
        from transformers import BertConfig

        try:
            config = BertConfig.from_dict(dict(values))
        except (StrictDataclassError, TypeError, ValueError) as error:
            raise ConfigError(f"not a configuration of bert: {' '.join(str(error).split())}") from error
        fault = _indivisible(config.hidden_size, config.num_attention_heads)
        if fault:
            raise ConfigError(f"not a configuration of bert: {fault}")
        return config

    @classmethod
    def has_pooler(cls, config: Any) -> bool:
        """All of transformers' BERT classes have one but those that read every position."""
        return not set(config.architectures or ()) & WITHOUT_POOLER

    @classmethod
    def depth_of(cls, name: str, config: Any) -> int:
        """By the name: ``bert.embeddings.…``, ``bert.encoder.layer.3.…``, ``bert.pooler.…``."""
        if name.startswith("bert.embeddings."):
            return 0
        if name.startswith("bert.pooler."):
            return int(config.num_hidden_layers) + 1
        layer = re.match(r"bert\.encoder\.layer\.(\d+)\.", name)
        if layer is None:
            raise ValueError(f"no depth is known of bert's parameter {name!r}")
        return int(layer[1]) + 1

    @classmethod
    def count_by_hand(cls, config: Any, *, pooled: bool) -> HandCount:
        """Matrices first, as papers count; then biases, norms and pooler."""
        return _count_by_hand(config, pooled=pooled)


def _refuse_other_mathematics(config: Any, directory: Path) -> None:
    """Checkpoints that carry BERT's name but compute something else would load and be wrong in silence."""
    if config.is_decoder:
        raise ModelError(
            "this checkpoint is a decoder (is_decoder in config.json), not an encoder",
            path=directory,
            hint="take a checkpoint of BertModel, BertForMaskedLM or BertForPreTraining",
        )
    positions = getattr(config, "position_embedding_type", "absolute")
    if positions != "absolute":
        raise ModelError(
            f"position_embedding_type {positions!r} is not supported, only 'absolute'",
            path=directory / "config.json",
            hint="take a checkpoint with learned absolute positions",
        )


def _count_by_hand(config: Any, *, pooled: bool) -> HandCount:
    vocabulary, positions, types = config.vocab_size, config.max_position_embeddings, config.type_vocab_size
    layers, hidden, inner = config.num_hidden_layers, config.hidden_size, config.intermediate_size
    heads = config.num_attention_heads
    size = hidden // heads

    embeddings = (vocabulary + positions + types) * hidden
    attention = hidden * size * 3 * heads + hidden * hidden
    feed_forward = hidden * inner * 2
    weights_only = embeddings + layers * (attention + feed_forward)
    embedding_norm = 2 * hidden
    attention_biases, feed_forward_biases, norms = 4 * hidden, inner + hidden, 2 * 2 * hidden
    pooler = hidden * hidden + hidden if pooled else 0
    exact = weights_only + embedding_norm + layers * (attention_biases + feed_forward_biases + norms) + pooler

    terms = [
        Term("embeddings", f"({vocabulary} + {positions} + {types}) · {hidden}", embeddings),
        Term("attention, one layer", f"{hidden} · {size} · 3 · {heads} + {hidden} · {hidden}", attention),
        Term("feed-forward, one layer", f"{hidden} · {inner} · 2", feed_forward),
        Term("weights only", f"{embeddings:,} + {layers} · ({attention:,} + {feed_forward:,})", weights_only),
        Term("embedding norm", f"2 · {hidden}", embedding_norm),
        Term("attention biases, one layer", f"4 · {hidden}", attention_biases),
        Term("feed-forward biases, one layer", f"{inner} + {hidden}", feed_forward_biases),
        Term("norms, one layer", f"2 · 2 · {hidden}", norms),
    ]
    biases = f"{layers} · ({attention_biases:,} + {feed_forward_biases:,} + {norms:,})"
    sum_of_all = f"{weights_only:,} + {embedding_norm:,} + {biases}"
    if pooled:
        terms.append(Term("pooler", f"{hidden} · {hidden} + {hidden}", pooler))
        sum_of_all += f" + {pooler:,}"
    return HandCount((*terms, Term("exact", sum_of_all, exact)), weights_only, exact)
