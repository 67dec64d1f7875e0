"""What every objective keeps, whichever files the folder holds."""

import numpy as np
import pytest

from bertcli.contracts.objective import OBJECTIVES, make_default_objectives
from bertcli.data.audit import audit_dynamic
from bertcli.data.batches import make_batch
from bertcli.data.examples import DynamicExamples
from bertcli.data.token_store import COLUMN_TYPES


@pytest.fixture(params=OBJECTIVES.names())
def prepared(request, make_store, vocabulary):
    objectives = make_default_objectives([request.param])
    kind = "segment-pairs" if objectives[request.param].relations else "full-sentences"
    kept = sorted(objectives[request.param].reads & COLUMN_TYPES.keys())
    store = make_store(columns=kept)
    return (
        request.param,
        objectives,
        store,
        DynamicExamples(store, vocabulary, objectives, kind=kind, seq_length=48, seed=1),
    )


def test_it_writes_the_columns_that_it_says(prepared):
    name, objectives, _, data = prepared
    clean = data.clean(0, np.arange(8))
    finished = data.corrupt(0, clean)
    changed = {column for column in finished if column not in clean or finished[column] is not clean[column]}
    assert changed == objectives[name].writes


def test_clean_columns_are_not_changed_in_place(prepared):
    _, _, _, data = prepared
    clean = data.clean(0, np.arange(8))
    before = {column: values.copy() for column, values in clean.items()}
    data.corrupt(0, clean)
    assert all(np.array_equal(before[column], clean[column]) for column in clean)


def test_its_count_is_that_of_its_loss(prepared, vocabulary):
    import torch

    from bertcli.architectures.bert import Bert
    from bertcli.models.pretraining import PretrainingModel

    name, objectives, _, data = prepared
    overrides = Bert.Settings(hidden_size=16, num_attention_heads=2, num_hidden_layers=1)
    encoder = Bert.build(Bert.configuration("bert-tiny", vocabulary, overrides=overrides), pooled=True)
    batch = make_batch(data, objectives, 0, np.arange(8)).to(torch.device("cpu"))
    (loss,) = PretrainingModel(Bert, {"main": encoder}, objectives)(batch).values()
    assert loss.count == batch.counts[name]
    assert loss.total.item() > 0


def test_its_weights_are_of_its_losses_whatever_the_progress(prepared):
    name, objectives, _, data = prepared
    losses = objectives[name].count(data.columns(0, np.arange(8))).keys()
    assert all(objectives[name].weights(progress).keys() == losses for progress in (0.0, 0.3, 1.0))


def test_its_own_audit_passes(prepared, vocabulary):
    _, objectives, store, data = prepared
    checks = audit_dynamic(store, data, objectives, vocabulary, epoch=1, limit=10_000)
    assert [check.name for check in checks if not check.ok] == []
    names = [check.name for check in checks]
    assert len(names) == len(set(names))


def test_its_docstring_tells_source_and_columns(prepared):
    import importlib

    text = importlib.import_module(f"{OBJECTIVES.package}.{prepared[0]}").__doc__
    for section in ("Source", "Reads", "Writes", "Loss", "Differs"):
        assert f"\n{section}\n" in text, section
