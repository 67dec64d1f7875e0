from typing import Any

import numpy as np
import pytest
import torch

from bertcli.architectures.bert import Bert
from bertcli.contracts.batch import Batch
from bertcli.models.finetuning import FinetuningModel
from bertcli.models.readouts import readout_for
from bertcli.models.reinitialisation import reinitialise


class Task:
    head, reads, outputs = "classification", "sequences", 2


def made(vocabulary: Any, *, pooling: str = "pooler") -> FinetuningModel:
    torch.manual_seed(0)
    config = Bert.configuration("bert-tiny", vocabulary, overrides=Bert.Settings(num_hidden_layers=3, hidden_size=8))
    encoder = Bert.build(config, pooled=pooling == "pooler")
    return FinetuningModel(Bert, encoder, readout_for("sequences", pooling), Task())


def trained(model: FinetuningModel) -> set[int]:
    return {model.depth_of(name) for name, parameter in model.named_parameters() if parameter.requires_grad}


def with_dropout(model: FinetuningModel) -> list[str]:
    """The parts of the model that have dropout at work."""
    return sorted(
        {
            ".".join(name.split(".")[2:5]) if "layer." in name else name.split(".")[-2]
            for name, module in model.named_modules()
            if name.endswith("dropout") and module.training
        }
    )


def test_everything_on_the_top_layer_has_the_depth_of_the_head(vocabulary: Any) -> None:
    model = made(vocabulary)
    depths = {name: model.depth_of(name) for name, _ in model.named_parameters()}
    assert {name for name, depth in depths.items() if depth == 4} == {
        "encoder.bert.pooler.dense.weight",
        "encoder.bert.pooler.dense.bias",
        "head.classifier.weight",
        "head.classifier.bias",
    }
    assert set(depths.values()) == {0, 1, 2, 3, 4}


@pytest.mark.parametrize(("below", "expected"), [(0, {0, 1, 2, 3, 4}), (1, {1, 2, 3, 4}), (3, {3, 4}), (4, {4})])
def test_what_lies_below_is_frozen(vocabulary: Any, below: int, expected: set[int]) -> None:
    model = made(vocabulary)
    model.freeze(below=below)
    assert trained(model) == expected


def test_a_pooler_is_frozen_only_where_asked(vocabulary: Any) -> None:
    model = made(vocabulary)
    model.freeze(below=4, pooler=True)
    assert {name for name, parameter in model.named_parameters() if parameter.requires_grad} == {
        "head.classifier.weight",
        "head.classifier.bias",
    }


def test_frozen_parts_have_no_dropout_and_get_it_back_when_they_are_trained(vocabulary: Any) -> None:
    model = made(vocabulary)
    everywhere = with_dropout(model.train())
    assert everywhere == ["embeddings", "encoder.layer.0", "encoder.layer.1", "encoder.layer.2", "head"]
    model.freeze(below=3)
    assert with_dropout(model.train()) == ["encoder.layer.2", "head"]
    assert with_dropout(model.eval()) == []
    model.requires_grad_(True)
    assert with_dropout(model.train()) == everywhere


def test_a_frozen_encoder_gives_the_same_vectors_in_training_as_in_evaluation(vocabulary: Any) -> None:
    model = made(vocabulary, pooling="mean")
    model.freeze(below=4)
    batch = Batch({"input_ids": torch.tensor([[2, 10, 11, 3]])}, np.arange(1))
    vectors = model.train().readout(model.encoder(batch), batch)
    assert not vectors.requires_grad
    assert torch.equal(vectors, model.eval().readout(model.encoder(batch), batch))


def test_the_top_layers_and_the_pooler_are_drawn_anew_and_nothing_else(vocabulary: Any) -> None:
    model = made(vocabulary)
    before = {name: value.clone() for name, value in model.encoder.state_dict().items()}
    torch.manual_seed(1)
    reinitialise(Bert, model.encoder, layers=2, pooled=True)
    after = model.encoder.state_dict()
    changed = {model.depth_of(f"encoder.{name}") for name in after if not torch.equal(after[name], before[name])}
    assert changed == {2, 3, 4}
