"""The modules behind ``bert.py``: imports torch and transformers, so it is itself imported only when one is built."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers import (
    BertForMaskedLM,
    BertForMultipleChoice,
    BertForNextSentencePrediction,
    BertForPreTraining,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
)
from transformers.models.bert.modeling_bert import BertLMPredictionHead, BertPooler

from bertcli.architectures._attention import ATTENTION_NAME, attend
from bertcli.architectures._dropout import use_wordwise_dropout
from bertcli.architectures._unpadding import Unpadding
from bertcli.architectures._vocabulary_cross_entropy import vocabulary_cross_entropy
from bertcli.contracts.architecture import LoadedModel
from bertcli.contracts.batch import Batch
from bertcli.contracts.encoder import Encoded
from bertcli.contracts.loss import Loss
from bertcli.core.chatter import quiet_transformers
from bertcli.errors import ModelError


class BertEncoder(nn.Module):
    """transformers' ``BertModel``, run layer by layer so that the last one computes only what is read."""

    def __init__(self, bert: Any) -> None:
        super().__init__()
        bert.config._attn_implementation = ATTENTION_NAME
        use_wordwise_dropout(bert)
        self.bert = bert
        self.config = bert.config

    @classmethod
    def fresh(cls, config: Any, *, pooled: bool) -> Self:
        """Fresh weights from torch's generator; a pooler only where something reads it."""
        return cls(BertModel(config, add_pooling_layer=pooled))

    def forward(self, batch: Batch, *, state: Any = None, layers: bool = False) -> Encoded:
        """Encode; packed rows by their ``sequence_ids``, padding by ``attention_mask``."""
        attention_mask, targets = batch.get("attention_mask"), batch.get("target_positions")
        if attention_mask is not None and targets is not None and not layers:
            return self._encode_unpadded(batch, attention_mask, targets)
        return self._encode_padded(batch, attention_mask, targets, layers=layers)

    def _encode_unpadded(self, batch: Batch, attention_mask: Tensor, targets: Tensor) -> Encoded:
        """Only real pieces, (tokens, hidden), and in the last layer only what is read."""
        *lower, top = self.bert.encoder.layer
        heads = self.config.num_attention_heads
        unpadding = Unpadding.of(attention_mask, batch.get("token_positions"), heads)
        sequence_ids, positions = batch.get("sequence_ids"), _positions(batch)
        mask = _attention_mask(attention_mask, sequence_ids)
        segments = batch.get("token_type_ids")
        hidden = self.bert.embeddings(
            input_ids=batch["input_ids"].flatten().index_select(0, unpadding.tokens)[None],
            token_type_ids=None if segments is None else segments.flatten().index_select(0, unpadding.tokens)[None],
            position_ids=(
                unpadding.tokens % unpadding.seq
                if positions is None
                else positions.flatten().index_select(0, unpadding.tokens)
            )[None],
        ).squeeze(0)
        for layer in lower:
            attention = layer.attention.self
            context = _attend(
                attention,
                unpadding.pad(attention.query(hidden)),
                unpadding.pad(attention.key(hidden)),
                unpadding.pad(attention.value(hidden)),
                mask,
            )
            hidden = layer.feed_forward_chunk(layer.attention.output(unpadding.unpad(context), hidden))
        firsts, real_firsts = self._firsts(batch, positions)
        read = torch.cat([firsts, targets], dim=1)  # (batch, firsts + targets)
        attention = top.attention.self
        keys, values = unpadding.pad(attention.key(hidden)), unpadding.pad(attention.value(hidden))
        hidden = _layer_for(top, unpadding.at(hidden, read), keys, values, _mask_at(mask, sequence_ids, read))
        first_hidden, target_hidden = hidden[:, : firsts.shape[1]], hidden[:, firsts.shape[1] :]
        return Encoded({"targets": target_hidden}, self._pool(first_hidden, real_firsts))

    def _encode_padded(
        self, batch: Batch, attention_mask: Tensor | None, targets: Tensor | None, *, layers: bool
    ) -> Encoded:
        sequence_ids, positions = batch.get("sequence_ids"), _positions(batch)
        mask = _attention_mask(attention_mask, sequence_ids)
        hidden = self.bert.embeddings(  # (batch, seq, hidden)
            input_ids=batch["input_ids"], token_type_ids=batch.get("token_type_ids"), position_ids=positions
        )
        outputs = [hidden]
        *lower, top = self.bert.encoder.layer
        for layer in lower:
            hidden = layer(hidden, mask)
            outputs.append(hidden)

        firsts, real_firsts = self._firsts(batch, positions)
        if targets is None or layers:
            hidden = top(hidden, mask)
            outputs.append(hidden)
            streams = {"last": hidden}
            if targets is not None:
                streams["targets"] = _gather(hidden, targets)
            first_hidden = _gather(hidden, firsts) if self.bert.pooler is not None else hidden
        else:
            read = torch.cat([firsts, targets], dim=1)  # (batch, firsts + targets)
            hidden = _layer_at(top, hidden, read, _mask_at(mask, sequence_ids, read))
            first_hidden, streams = hidden[:, : firsts.shape[1]], {"targets": hidden[:, firsts.shape[1] :]}
        return Encoded(streams, self._pool(first_hidden, real_firsts), tuple(outputs) if layers else ())

    def _firsts(self, batch: Batch, positions: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Where each sequence's ``[CLS]`` stands, (batch, firsts), and which of the flattened ones are real.

        None without a pooler. A batch that says where sequences begin spares the search, for which a device waits.
        """
        rows = len(batch["input_ids"])
        if self.bert.pooler is None:
            return batch["input_ids"].new_zeros(rows, 0), None
        sequence_ids = batch.get("sequence_ids")
        if sequence_ids is None or positions is None:
            return batch["input_ids"].new_zeros(rows, 1), None
        if batch.get("firsts") is not None:
            return batch["first_positions"], batch["firsts"]
        starts = (positions == 0) & (sequence_ids > 0)  # (batch, seq)
        number = starts.sum(dim=1, keepdim=True)  # (batch, 1)
        most = int(number.max())
        firsts = starts.to(torch.int8).argsort(dim=1, descending=True, stable=True)[:, :most]
        return firsts, (torch.arange(most, device=number.device) < number).flatten().nonzero().squeeze(1)

    def _pool(self, first_hidden: Tensor, firsts: Tensor | None) -> Tensor | None:
        """The pooled vectors, (sequences, hidden), in batch order."""
        if self.bert.pooler is None:
            return None
        first_hidden = first_hidden[:, 0] if firsts is None else first_hidden.flatten(0, 1).index_select(0, firsts)
        pooled: Tensor = self.bert.pooler(first_hidden[:, None])
        return pooled


def _positions(batch: Batch) -> Tensor | None:
    """The positions of packed rows, (batch, seq); None where every row is one sequence."""
    sequence_ids = batch.get("sequence_ids")
    positions: Tensor | None = batch.get("position_ids")
    if sequence_ids is not None and positions is None:
        return restarted_positions(sequence_ids)
    return positions


def restarted_positions(sequence_ids: Tensor) -> Tensor:
    """Positions that restart at 0 with every sequence of a packed row, (batch, seq)."""
    places = torch.arange(sequence_ids.shape[1], device=sequence_ids.device).expand_as(sequence_ids)
    begins = torch.ones_like(sequence_ids, dtype=torch.bool)
    begins[:, 1:] = sequence_ids[:, 1:] != sequence_ids[:, :-1]
    return places - torch.where(begins, places, 0).cummax(dim=1).values


def _attention_mask(attention_mask: Tensor | None, sequence_ids: Tensor | None) -> Tensor | None:
    """True where a query may look: (batch, 1, seq or 1, seq); None lets attention take its quickest path.

    Packed padding, whose id is 0, looks at padding: a query that sees nothing at all would become NaN.
    """
    if sequence_ids is not None:
        return (sequence_ids[:, :, None] == sequence_ids[:, None, :])[:, None]
    return None if attention_mask is None else attention_mask[:, None, None, :].bool()


def _mask_at(mask: Tensor | None, sequence_ids: Tensor | None, positions: Tensor) -> Tensor | None:
    """The mask of the queries at ``positions`` (batch, n) alone: (batch, 1, n or 1, seq)."""
    if sequence_ids is None:
        return mask
    return (sequence_ids.gather(1, positions)[:, :, None] == sequence_ids[:, None, :])[:, None]


def _gather(hidden: Tensor, positions: Tensor) -> Tensor:
    """(batch, seq, hidden) at (batch, positions) → (batch, positions, hidden)."""
    return hidden.gather(1, positions[:, :, None].expand(-1, -1, hidden.shape[2]))


def _layer_at(layer: Any, hidden: Tensor, positions: Tensor, mask: Tensor | None) -> Tensor:
    """One layer's output at ``positions`` alone: keys and values of all positions, all else of these.

    (batch, seq, hidden) at (batch, positions) → (batch, positions, hidden), with the layer's own submodules.
    ``mask`` is that of these queries.
    """
    attention = layer.attention.self
    keys, values = _split_heads(attention, attention.key(hidden)), _split_heads(attention, attention.value(hidden))
    return _layer_for(layer, _gather(hidden, positions), keys, values, mask)


def _layer_for(layer: Any, asked: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """One layer's output for the states ``asked`` (batch, n, hidden), given all keys and values."""
    attention = layer.attention.self
    context = _attend(attention, _split_heads(attention, attention.query(asked)), keys, values, mask)
    context = context.transpose(1, 2).reshape(asked.shape)  # (batch, n, hidden)
    output: Tensor = layer.feed_forward_chunk(layer.attention.output(context, asked))
    return output


def _split_heads(attention: Any, states: Tensor) -> Tensor:
    """(batch, n, hidden) → (batch, heads, n, size)."""
    shape = (states.shape[0], -1, attention.num_attention_heads, attention.attention_head_size)
    return states.view(shape).transpose(1, 2)


def _attend(attention: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    dropout = attention.dropout.p if attention.training else 0.0
    return attend(query, key, value, mask, dropout=dropout, scale=attention.scaling)


class LanguageModelHead(BertLMPredictionHead):  # type: ignore[misc]
    """transformers' head, tied to the word embeddings, with a loss that holds no logits for the gradient."""

    def tie(self, encoder: BertEncoder) -> Self:
        """Share the word embeddings, and let the decoder's bias be the head's."""
        self.decoder.weight = encoder.bert.embeddings.word_embeddings.weight
        self.decoder.bias = self.bias
        return self

    def loss(self, hidden: Tensor, labels: Tensor) -> Loss:
        """Cross-entropy at ``hidden`` (targets, hidden) against ``labels`` (targets,)."""
        return vocabulary_cross_entropy(self.transform(hidden), self.decoder.weight, self.bias, labels)


class ClassificationHead(nn.Module):
    """Dropout and one linear layer: (…, inputs) → (…, outputs)."""

    def __init__(self, config: Any, outputs: int, inputs: int | None = None) -> None:
        super().__init__()
        dropout = config.classifier_dropout
        self.dropout = nn.Dropout(config.hidden_dropout_prob if dropout is None else dropout)
        self.classifier = nn.Linear(inputs or config.hidden_size, outputs)

    def forward(self, states: Tensor) -> Tensor:
        """(…, inputs) → (…, outputs)."""
        logits: Tensor = self.classifier(self.dropout(states))
        return logits


_FINETUNED = {
    "classification": BertForSequenceClassification,
    "token_classification": BertForTokenClassification,
    "choice": BertForMultipleChoice,
    "span": BertForQuestionAnswering,
}
"""The class that holds each head of fine-tuning."""
_LABELLED = ("classification", "token_classification")
"""Heads with an output for every label."""


def fresh_head(name: str, encoder: BertEncoder, *, outputs: int, inputs: int | None) -> nn.Module:
    """A head with weights as transformers initialises them."""
    head: nn.Module
    match name:
        case "language_model":
            head = LanguageModelHead(encoder.config)
        case "pair":
            head = nn.Linear(encoder.config.hidden_size, 2)
        case "sequence" | "token":
            head = nn.Linear(encoder.config.hidden_size, outputs)
        case "classification" | "token_classification" | "choice":
            head = ClassificationHead(encoder.config, outputs, inputs)
        case "span":
            head = nn.Linear(encoder.config.hidden_size, 2)
        case _:
            raise ValueError(f"bert has no head {name!r}")
    head.apply(encoder.bert._initialize_weights)
    return head.tie(encoder) if isinstance(head, LanguageModelHead) else head


def assemble(encoder: BertEncoder, heads: Mapping[str, nn.Module]) -> Any:
    """The model object of transformers that holds these very parameters.

    A language model with a pooler is ``BertForPreTraining``, the only class with both; without a pair head it gets a
    fresh one.
    """
    config = copy.deepcopy(encoder.config)
    if heads.keys() == {"language_model"} and encoder.bert.pooler is not None:
        heads = {**heads, "pair": _unused_pair_head(encoder)}
    kind = _assembled_class(frozenset(heads))
    classification: Any = next((heads[name] for name in _LABELLED if name in heads), None)
    if classification is not None:
        config.num_labels = classification.classifier.out_features
    options = {"add_pooling_layer": encoder.bert.pooler is not None} if kind is BertModel else {}
    with torch.device("meta"):
        model = kind(config, **options)
    bert = model if kind is BertModel else model.bert
    bert.embeddings, bert.encoder = encoder.bert.embeddings, encoder.bert.encoder
    if bert.pooler is not None:
        assert encoder.bert.pooler is not None, f"{kind.__name__} reads the pooled vector; build the encoder pooled"
        bert.pooler = encoder.bert.pooler
    match kind.__name__:
        case "BertForPreTraining":
            model.cls.predictions, model.cls.seq_relationship = heads["language_model"], heads["pair"]
        case "BertForMaskedLM":
            model.cls.predictions = heads["language_model"]
        case "BertForNextSentencePrediction":
            model.cls.seq_relationship = heads["pair"]
        case "BertForSequenceClassification" | "BertForTokenClassification":
            model.dropout, model.classifier = classification.dropout, classification.classifier
        case "BertForMultipleChoice":
            choice: Any = heads["choice"]
            model.dropout, model.classifier = choice.dropout, choice.classifier
        case "BertForQuestionAnswering":
            model.qa_outputs = heads["span"]
    return model.train(encoder.training)


def _unused_pair_head(encoder: BertEncoder) -> nn.Module:
    """Drawn from a generator of its own: saving a model changes nothing of what comes after."""
    weight = encoder.bert.embeddings.word_embeddings.weight
    head = nn.Linear(encoder.config.hidden_size, 2, device="meta").to_empty(device="cpu")
    with torch.no_grad():
        head.weight.normal_(std=encoder.config.initializer_range, generator=torch.Generator().manual_seed(0))
        head.bias.zero_()
    return head.to(weight.device, weight.dtype)


def _assembled_class(heads: frozenset[str]) -> Any:
    classes = {
        frozenset({"language_model", "pair"}): BertForPreTraining,
        frozenset({"language_model"}): BertForMaskedLM,
        frozenset({"pair"}): BertForNextSentencePrediction,
        frozenset(): BertModel,
        **{frozenset({head}): kind for head, kind in _FINETUNED.items()},
    }
    if heads not in classes:
        raise ValueError(f"transformers has no BERT class with the heads {', '.join(sorted(heads))}")
    return classes[heads]


def load(directory: Path, config: Any, *, pooled: bool) -> LoadedModel:
    """Open a checkpoint through transformers, which knows its older forms, and take it apart.

    The class that is opened holds every part there may be; what the file lacks is left out again. A file may hold
    more than the class in its ``config.json`` (google-bert/bert-base-uncased names BertForMaskedLM and has a pooler).
    """
    named = config.architectures or ()
    head, kind = next(
        ((head, kind) for head, kind in _FINETUNED.items() if kind.__name__ in named), (None, BertForPreTraining)
    )
    with quiet_transformers():
        model, info = kind.from_pretrained(
            directory,
            config=config,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            dtype=torch.float32,
            attn_implementation="sdpa",
            trust_remote_code=False,
            local_files_only=True,
        )
    _refuse_other_sizes(directory, info["mismatched_keys"])
    lacking, unused = set(info["missing_keys"]), set(info["unexpected_keys"])

    encoder = BertEncoder(model.bert)
    if not pooled:
        unused |= {name for name, _ in model.named_parameters() if ".pooler." in name} - lacking
        model.bert.pooler = None
    elif model.bert.pooler is None:
        model.bert.pooler = BertPooler(config)
        model.bert.pooler.apply(model._initialize_weights)
        lacking |= {f"bert.pooler.{name}" for name, _ in model.bert.pooler.named_parameters()}
    heads: dict[str, nn.Module] = {}
    labels: tuple[str, ...] = ()
    if head == "span" and not _any_under("qa_outputs.", lacking):
        heads[head] = model.qa_outputs
    elif head is not None and not _any_under("classifier.", lacking):
        heads[head] = _classification_head(model)
        labels = _labels(config) if head in _LABELLED else ()
    if head is None and not _any_under("cls.predictions.", lacking):
        language_model = _language_model_head(model, encoder)
        if language_model is None:
            unused |= {name for name in model.state_dict() if name.startswith("cls.predictions.")}
        else:
            heads["language_model"] = language_model
    if head is None and not _any_under("cls.seq_relationship.", lacking):
        heads["pair"] = model.cls.seq_relationship
    missing = {name for name in lacking if name.startswith("bert.") and (pooled or ".pooler." not in name)}
    return LoadedModel(encoder, heads, tuple(sorted(missing)), tuple(sorted(unused)), labels)


def _refuse_other_sizes(directory: Path, mismatched: set[tuple[str, Any, Any]]) -> None:
    if mismatched:
        name, found, expected = min(mismatched, key=lambda entry: entry[0])
        others = f" ({len(mismatched) - 1} more do not fit either)" if len(mismatched) > 1 else ""
        raise ModelError(
            f"{name} is {tuple(found)} in the weights, but config.json says {tuple(expected)}{others}",
            path=directory,
            hint="config.json and the weights are of different models; take both from the same place",
        )


def _any_under(prefix: str, names: set[str]) -> bool:
    return any(name.startswith(prefix) for name in names)


def _language_model_head(model: Any, encoder: BertEncoder) -> LanguageModelHead | None:
    """The checkpoint's head, or None where its decoder is not the word embeddings: such a head is another model."""
    predictions = model.cls.predictions
    if predictions.decoder.weight is not encoder.bert.embeddings.word_embeddings.weight:
        return None
    with torch.device("meta"):
        head = LanguageModelHead(encoder.config)
    head.transform, head.bias = predictions.transform, predictions.bias
    return head.tie(encoder)


def _classification_head(model: Any) -> ClassificationHead:
    head = ClassificationHead(model.config, model.classifier.out_features)
    head.classifier = model.classifier
    return head


def _labels(config: Any) -> tuple[str, ...]:
    """The classes' names in the order of their ids; none where they are transformers' placeholders."""
    names = tuple(str(config.id2label[number]) for number in range(config.num_labels))
    return () if all(re.fullmatch(r"LABEL_\d+", name) for name in names) else names
