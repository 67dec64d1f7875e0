"""How a run reads long texts: for which tasks, and learned from which texts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bertcli.config.finetune import Finetune
from bertcli.config.long_texts import STRATEGIES, LongTexts
from bertcli.errors import ConfigError
from bertcli.stages.long_texts import limits_of


def splits_of(texts: list[str], head: str = "classification") -> Any:
    return SimpleNamespace(task=SimpleNamespace(head=head), train=SimpleNamespace(columns={"text": texts}))


def config_of(**long_texts: Any) -> Finetune:
    return Finetune(task="reviews", max_length=128, long_texts=LongTexts(**long_texts))


@pytest.mark.parametrize("head", ["span", "token_classification", "choice"])
def test_tasks_without_one_prediction_a_text_take_the_head_alone(head: str) -> None:
    assert limits_of(config_of(), splits_of([], head)).strategy == "head"
    with pytest.raises(ConfigError, match="--long tail is for tasks with one prediction for a text") as caught:
        limits_of(config_of(strategy="tail"), splits_of([], head))
    assert caught.value.hint == "leave --long out"


def test_key_sentences_are_ranked_by_the_training_texts_alone() -> None:
    limits = limits_of(config_of(strategy="key-sentences"), splits_of(["common word", "common thing"]))
    assert limits.ranking is not None
    common, new = limits.ranking([["common"], ["new"]])
    assert common == 0
    assert new > 0


def test_chunks_have_their_overlap_and_their_number() -> None:
    limits = limits_of(config_of(strategy="chunks", chunk_stride=9, max_chunks=3), splits_of([]))
    assert (limits.strategy, limits.chunk_stride, limits.max_chunks, limits.ranking) == ("chunks", 9, 3, None)


def test_one_of_all_strategies_has_what_it_reads_alone() -> None:
    every = LongTexts(strategy="all", chunk_pooling="concat", max_chunks=4, key_sentences="textrank")
    assert every.of_one("tail") == LongTexts(strategy="tail")
    assert every.of_one("key-sentences") == LongTexts(strategy="key-sentences", key_sentences="textrank")
    assert every.of_one("chunks") == LongTexts(strategy="chunks", chunk_pooling="concat", max_chunks=4)
    for strategy in STRATEGIES:
        assert every.of_one(strategy).strategy == strategy
