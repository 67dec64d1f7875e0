from typing import Any

import pytest

from bertcli.config.finetune import Finetune
from bertcli.config.recipe import RECIPES, Transfer, set_by_recipe, under_recipe
from bertcli.errors import ConfigError
from bertcli.stages.finetune_transfer import check_layers, frozen_depths, settle_pooling


class Task:
    def __init__(self, reads: str) -> None:
        self.reads = reads


def settled(config: Finetune, reads: str) -> str | None:
    task: Any = Task(reads)
    return settle_pooling(config, task).transfer.pooling


def test_sequences_are_read_by_the_pooler_unless_something_else_is_said() -> None:
    assert settled(Finetune(task="sst2"), "sequences") == "pooler"
    assert settled(Finetune(task="sst2", transfer=Transfer(pooling="max")), "sequences") == "max"
    assert settled(Finetune(task="sst2", recipe="ulmfit"), "sequences") == "concat"


def test_where_every_piece_is_read_a_recipe_has_no_pooling_and_a_flag_for_it_is_refused() -> None:
    assert settled(Finetune(task="tags", recipe="ulmfit"), "pieces") is None
    assert settled(Finetune(task="tags"), "pieces") is None
    with pytest.raises(ConfigError, match="--pooling mean makes one vector of a sequence, and tags reads every piece"):
        settled(Finetune(task="tags", recipe="ulmfit", transfer=Transfer(pooling="mean")), "pieces")


@pytest.mark.parametrize(("freeze", "depths"), [(0, 0), ("embeddings", 1), (1, 2), (12, 13), ("all", 13)])
def test_the_lowest_layers_are_frozen_and_the_embeddings_with_them(freeze: Any, depths: int) -> None:
    assert frozen_depths(Transfer(freeze_layers=freeze), 12) == depths
    check_layers(Transfer(freeze_layers=freeze), 12)


def test_all_layers_may_begin_anew_and_none_more() -> None:
    check_layers(Transfer(reinit_layers=12, freeze_layers="embeddings"), 12)
    check_layers(Transfer(reinit_layers=10, freeze_layers=2), 12)
    with pytest.raises(ConfigError, match="the lowest 3 are to be frozen and the top 10 to begin anew"):
        check_layers(Transfer(reinit_layers=10, freeze_layers=3), 12)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_sets_keys_that_there_are(name: Any) -> None:
    config = Finetune(task="sst2", recipe=name)
    assert set_by_recipe(config.dump()).keys() == set_by_recipe({"recipe": name, **RECIPES[name]}).keys()


def test_what_is_said_goes_before_the_recipe_also_from_python() -> None:
    config = Finetune(task="sst2", recipe="ulmfit", transfer=Transfer(layer_decay=0.9))
    assert (config.transfer.factor, config.transfer.unfreezing) == (0.9, "gradual")
    config = Finetune(task="sst2", recipe="stable", steps=10)
    assert (config.steps, config.epochs, config.learning_rate) == (10, None, 2e-5)
    config = Finetune(task="sst2", recipe="stable", epochs=5, learning_rate=1e-4)
    assert set_by_recipe(config.dump()) == {"schedule.shape": "linear", "schedule.warmup": 0.1}


def test_values_that_are_no_configuration_are_left_for_the_model_to_refuse() -> None:
    assert under_recipe("ulmfit") == "ulmfit"
    assert under_recipe({"recipe": "best"}) == {"recipe": "best"}
    assert under_recipe({"recipe": ["ulmfit"]}) == {"recipe": ["ulmfit"]}
    assert under_recipe({"recipe": "bert", "schedule": "linear"})["schedule"] == "linear"
