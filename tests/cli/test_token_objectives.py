"""The objectives that ask something of every piece, through the commands."""

import json
from pathlib import Path

import datasets
import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForMaskedLM, BertForMaskedLM, BertForPreTraining

SMALL = ("--arch", "bert-tiny", "--batch-size", 8, "--seq-length", 32, "--threads", 1, "--quiet")


@pytest.fixture
def first(workplace, bertcli):
    """A model of MLM and token-document relation."""
    steps = ("--steps", 20, "--lr", 3e-3)  # fewer leave a language model that --init refuses
    outcome = bertcli("pretrain", "--mlm", "--token-document", *steps, "-o", "first", *SMALL)
    assert outcome.code == 0, outcome.err
    return Path("first/model")


def record(model):
    return json.loads((Path(model) / "bertcli.json").read_text())["trained"]


def test_its_head_is_kept_beside_the_model(first):
    model, info = AutoModelForMaskedLM.from_pretrained(first, output_loading_info=True)
    assert type(model) is BertForMaskedLM
    assert not any(info.values())
    assert (first / "heads.safetensors").is_file()
    assert record(first) == ["encoder", "language_model", "token_document"]
    lines = [json.loads(line) for line in Path("first/metrics.jsonl").read_text().splitlines()]
    assert {"eval/loss_token_document", "eval/accuracy_token_document"} <= lines[-1].keys()


def test_a_run_that_continues_takes_the_head_along(first, bertcli):
    common = ("--init", first, "--steps", 1, *SMALL)
    outcome = bertcli("pretrain", "--mlm", "--token-document", *common, "-o", "second")
    assert outcome.code == 0, outcome.err
    assert "fresh" not in outcome.err
    before = json.loads(Path("first/metrics.jsonl").read_text().splitlines()[-1])
    after = json.loads(Path("second/metrics.jsonl").read_text().splitlines()[0])
    assert after["eval/loss_token_document"] == pytest.approx(before["eval/loss_token_document"], rel=1e-5)


def test_a_head_that_the_model_lacks_is_told(first, bertcli):
    arguments = [value for value in SMALL if value != "--quiet"]
    common = ("--init", first, "--steps", 1, *arguments)
    outcome = bertcli("pretrain", "--nsp", "--token-document", *common, "-o", "second")
    assert outcome.code == 0, outcome.err
    assert "note: first/model has no pair head: fresh ones are trained" in outcome.err
    assert record("second/model") == ["encoder", "pair", "pooler", "token_document"]


def test_a_broken_file_of_heads_is_the_users_to_mend(first, bertcli):
    (first / "heads.safetensors").write_bytes(b"nothing")
    outcome = bertcli("pretrain", "--token-document", "--init", first, "--steps", 1, *SMALL, "-o", "second")
    assert outcome.code == 2
    assert outcome.err.startswith("error: first/model/heads.safetensors: the heads do not open: ")
    assert not Path("second").exists()


def test_fine_tuning_and_features_start_from_such_a_model(first, bertcli):
    Path("train.csv").write_text("text,label\n" + "The river rose.,a\nA model reads.,b\n" * 6)
    tuned = ("finetune", "--task", "classification", "--train", "train.csv", "--model", first, "--steps", 2)
    outcome = bertcli(*tuned, "--threads", 1, "--max-length", 16, "-o", "tuned")
    assert outcome.code == 0, outcome.err
    assert "pooler" in outcome.err  # which was not trained, and starts fresh
    assert not Path("tuned/model/heads.safetensors").exists()
    features = ("extract-features", "corpus.txt", "--model", first, "--limit", 3, "-o", "features.npz")
    assert bertcli(*features).code == 0
    refused = bertcli(*features, "--pooling", "pooler", "--overwrite")
    assert refused.code == 2
    assert "its pooler was never trained" in refused.err


def test_a_pooler_that_was_trained_stays_in_the_record(workplace, bertcli):
    outcome = bertcli("pretrain", "--mlm", "--nsp", "--token-document", "--steps", 1, "-o", "run", *SMALL)
    assert outcome.code == 0, outcome.err
    assert record("run/model") == ["encoder", "language_model", "pair", "pooler", "token_document"]
    _, info = BertForPreTraining.from_pretrained("run/model", output_loading_info=True)
    assert not any(info.values())
    features = ("extract-features", "corpus.txt", "--model", "run/model", "--pooling", "pooler", "--limit", 2)
    assert bertcli(*features, "-o", "features.npz").code == 0


def test_a_token_objective_alone_gives_a_bare_encoder(workplace, bertcli):
    assert bertcli("pretrain", "--token-document", "--steps", 1, "-o", "run", *SMALL).code == 0
    model, info = AutoModel.from_pretrained("run/model", output_loading_info=True, add_pooling_layer=False)
    assert not any(info.values())
    assert torch.isfinite(model(torch.tensor([[2, 7, 3]])).last_hidden_state).all()


def test_the_audit_passes_on_a_store_and_on_static_rows(workplace, bertcli):
    arguments = ("--mlm", "--token-document", "--seq-length", 16)
    outcome = bertcli("mask", "audit", *arguments, "--json")
    assert outcome.code == 0, outcome.err
    names = {check["name"] for check in outcome.json()["checks"]}
    assert "token_document: labels that differ from the data" in names
    build = ("mask", "build", "corpus.txt", "--static", "--duplicates", 1, "--held-out", "10%", "-o", "static")
    assert bertcli(*build, *arguments).code == 0
    rows = datasets.load_from_disk("static")["train"].with_format("numpy")
    labels, ids = rows["token_document_labels"][:], rows["input_ids"][:]
    assert np.shape(labels) == np.shape(ids)
    assert set(np.unique(labels)) == {-100, 0, 1}
    assert bertcli("mask", "audit", "--data", "static").code == 0
    trained = ("pretrain", "--data", "static", "--arch", "bert-tiny", "--batch-size", 8, "--steps", 1)
    outcome = bertcli(*trained, "-q", "-o", "run", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json()["plan"]["objectives"] == ["mlm", "token_document"]


def test_data_without_capitals_say_how_to_get_them(workplace, bertcli):
    outcome = bertcli("pretrain", "--capitalization", "--steps", 1, "-o", "run", *SMALL)
    assert outcome.code == 2
    assert "these data do not tell which words had capitals" in outcome.err
    assert "hint: build them again with `bertcli mask build CORPUS --capitals`" in outcome.err
    assert not Path("run").exists()


def test_a_vocabulary_that_keeps_capitals_is_refused_with_the_reason(workplace, bertcli):
    assert bertcli("vocab", "build", "corpus.txt", "--size", 200, "--cased", "-o", "cased").code == 0
    assert bertcli("mask", "build", "corpus.txt", "--vocab", "cased", "-o", "data").code == 0
    outcome = bertcli("pretrain", "--capitalization", "--data", "data", "--steps", 1, "-o", "run", *SMALL)
    assert outcome.code == 2
    assert "the vocabulary keeps capitals: the pieces themselves show which words are capitalised" in outcome.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--capitalization",), "these data do not tell which words had capitals"),
        (("--capitalization", "--vocab", "cased"), "the vocabulary keeps capitals: the pieces themselves show"),
        (("--mask-unit", "entity"), "these data have no entity spans"),
    ],
    ids=["capitals", "cased", "spans"],
)
def test_static_rows_that_lack_what_is_asked_are_refused_before_any_text_is_read(
    workplace, bertcli, monkeypatch, options, message
):
    assert bertcli("vocab", "build", "corpus.txt", "--size", 200, "--cased", "-o", "cased").code == 0
    monkeypatch.setattr("bertcli.text.corpus.file_fingerprint", lambda file: pytest.fail("the corpus was read"))
    outcome = bertcli("mask", "build", "corpus.txt", "--static", *options, "-o", "static")
    assert outcome.code == 2
    assert f"error: {message}" in outcome.err
    assert "hint: " in outcome.err
    assert not Path("static").exists()
