"""A model of documents in chunks: what it says of one depends neither on the others of a batch nor on how it is cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertConfig

from bertcli.architectures.bert import Bert
from bertcli.config.long_texts import ChunkPooling
from bertcli.contracts.task import Features
from bertcli.data.bucketing import BucketedBatches, micro_batches
from bertcli.data.chunking import cut_into_chunks
from bertcli.models.chunk_pooling import chunk_pooling
from bertcli.models.finetuning import FinetuningModel, predict
from bertcli.models.readouts import readout_for
from bertcli.tasks.classification import Classification, ClassificationSettings

KINDS: list[ChunkPooling] = ["mean", "max", "attention", "lstm", "concat"]
LENGTHS = np.array([3, 40, 8, 17, 0, 25])
CPU = torch.device("cpu")


def make_features() -> Features:
    """Documents of random pieces, in chunks of eight with two that they share."""
    draw = np.random.default_rng(0)
    documents = [draw.integers(5, 50, size=length) for length in LENGTHS]
    chunks = cut_into_chunks(LENGTHS, 8, overlap=2)
    places = zip(chunks.texts, chunks.starts, chunks.lengths, strict=True)
    cut = [[2, *documents[text][start : start + length], 3] for text, start, length in places]
    return Features(
        input_ids=np.concatenate(cut).astype(np.int32),
        offsets=np.cumsum([0, *map(len, cut)]),
        second_starts=chunks.lengths + 2,
        lost=chunks.lost,
        examples=np.arange(len(LENGTHS)),
        item_columns={"labels": np.arange(len(LENGTHS)) % 2},
        item_starts=chunks.item_starts,
    )


def make_model(kind: ChunkPooling) -> FinetuningModel:
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    encoder: Any = Bert.build(BertConfig(vocab_size=50, hidden_dropout_prob=0.0, **sizes), pooled=True)
    task = Classification(ClassificationSettings(), {"a": "a", "b": "b"})
    pooling = chunk_pooling(kind, 16, most=8)
    model = FinetuningModel(Bert, encoder, readout_for("sequences"), task, pooling).eval()
    with torch.no_grad():  # weights as wide as trained ones: fresh ones would make all documents alike
        for parameter in model.parameters():
            parameter.mul_(4 if parameter.ndim > 1 else 1)
    return model


def batches_of(features: Features, model: FinetuningModel) -> BucketedBatches:
    return BucketedBatches(features, 0, model.task.count, firsts_only=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_is_the_same_alone_and_among_others(kind: ChunkPooling) -> None:
    model, features = make_model(kind), make_features()
    batches = batches_of(features, model)
    with torch.no_grad():
        together = model.logits(batches.make(np.arange(6)).to(CPU))
        alone = torch.cat([model.logits(batches.make(np.array([item])).to(CPU)) for item in range(6)])
    assert together.shape == (6, 2)
    assert torch.allclose(together, alone, atol=1e-6, rtol=0)
    assert (together.std(dim=0) > 1e-3).all()  # they do differ


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_does_not_depend_on_how_a_batch_is_cut(kind: ChunkPooling) -> None:
    model = make_model(kind)
    batches = batches_of(make_features(), model)

    def gradients(accumulate: int) -> list[torch.Tensor]:
        model.zero_grad()
        for items in micro_batches(np.arange(6), accumulate):
            model(batches.make(items).to(CPU))["task"].total.backward()
        return [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]

    for whole, cut in zip(gradients(1), gradients(4), strict=True):
        assert torch.allclose(whole, cut, atol=1e-5, rtol=1e-4)


def test_every_document_is_one_target_and_has_one_prediction() -> None:
    model, features = make_model("mean"), make_features()
    batches = batches_of(features, model)
    assert batches.make(np.arange(6)).counts == {"task": 6}
    outputs = predict(model, batches.evaluation(batch_size=3), items=6, device=CPU)
    assert [row.shape for row in outputs.logits] == [(2,)] * 6
    assert outputs.loss is not None


def test_documents_with_more_pieces_come_first_in_evaluation() -> None:
    features = make_features()
    batches = BucketedBatches(features, 0, lambda columns: 1)
    order = [item for items, _ in batches.evaluation(batch_size=1) for item in items.tolist()]
    assert order == [1, 5, 3, 2, 0, 4]
