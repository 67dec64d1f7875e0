"""Objectives on pairs through the commands: what is made, what is told, and what cannot be."""

import json
from pathlib import Path

import datasets
import pytest

SMALL = ("--arch", "bert-tiny", "--batch-size", 8, "--seq-length", 32, "--threads", 1)


@pytest.mark.parametrize("objective", ["nsp", "sop", "sentence-distance"])
@pytest.mark.parametrize("kind", ["segment-pairs", "sentence-pairs"])
def test_an_audit_of_pairs_passes_and_tells_their_balance(workplace, bertcli, objective, kind):
    outcome = bertcli("mask", "audit", f"--{objective}", "--sequences", kind, "--seq-length", 32, "--json")
    assert outcome.code == 0
    names = {check["name"] for check in outcome.json()["checks"]}
    assert "share of the corpus's tokens used" in names
    assert any(f"{objective.replace('-', '_')}: share of" in name for name in names)


def test_pairs_of_sentences_serve_mlm_alone(workplace, bertcli):
    outcome = bertcli("mask", "audit", "--mlm", "--sequences", "sentence-pairs", "--seq-length", 32, "--json")
    assert outcome.json()["ok"]


@pytest.mark.parametrize(
    ("objective", "column", "labels"),
    [("sop", "sentence_order_label", {0, 1}), ("sentence-distance", "sentence_distance_label", {0, 1, 2})],
)
def test_static_rows_hold_the_labels(workplace, bertcli, objective, column, labels):
    build = ("mask", "build", "corpus.txt", "--static", f"--{objective}", "--seq-length", 32, "-o", "static")
    assert bertcli(*build, "--sequences", "sentence-pairs").code == 0
    assert set(datasets.load_from_disk("static")["train"][column]) == labels
    assert bertcli("mask", "audit", "--data", "static").code == 0


@pytest.mark.parametrize("objective", ["sop", "sentence-distance"])
def test_a_model_is_trained_on_pairs_of_sentences(workplace, bertcli, objective):
    assert bertcli("mask", "build", "corpus.txt", "--held-out", 0.2, "-o", "data").code == 0
    arguments = ("--mlm", f"--{objective}", "--data", "data", "--sequences", "sentence-pairs", "--steps", 2)
    outcome = bertcli("pretrain", *arguments, *SMALL, "-o", "run", "--json")
    assert outcome.code == 0, outcome.err
    assert f"eval/loss_{objective.replace('-', '_')}" in outcome.json()["evaluation"]


def single_sentences(count: int) -> None:
    Path("lines.txt").write_text("".join(f"a single line number {number} .\n\n" for number in range(count)))


@pytest.mark.parametrize(
    "command",
    [
        ("mask", "audit", "--sop", "--data", "lines"),
        ("pretrain", "--sop", "--data", "lines", "--steps", 1),
        ("mask", "build", "lines.txt", "--static", "--sop", "-o", "static"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_sop_on_single_sentences_alone_is_an_error_with_a_way_out(workplace, bertcli, command):
    single_sentences(12)
    assert bertcli("mask", "build", "lines.txt", "-o", "lines").code == 0
    outcome = bertcli(*command)
    assert outcome.code == 2
    (error,) = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert "two neighbouring segments need a document of at least two sentences" in error
    assert "hint: build the data again with documents of several sentences" in outcome.err
    assert not Path("static").exists()


def test_documents_of_single_sentences_are_counted_where_examples_are_made(workplace, bertcli):
    Path("some.txt").write_text("one .\n\n" + "first here .\nthen there .\n\n" * 4 + "last .\n")
    assert bertcli("mask", "build", "some.txt", "--sentences", "line", "--held-out", 0, "-o", "some").code == 0
    expected = {
        "sop": "2 of 6 documents have fewer than 2 sentences: they give no pair",
        "nsp": "2 of 6 documents have fewer than 2 sentences: they give fewer pairs called 'next', or none",
        "sentence-distance": "6 of 6 documents have fewer than 3 sentences: they give fewer pairs called 'next' or "
        "'distant', or none",
    }
    for objective, notice in expected.items():
        outcome = bertcli("mask", "audit", f"--{objective}", "--data", "some", "--seq-length", 16)
        assert outcome.code == 0
        assert notice in " ".join(outcome.err.split())
    build = ("mask", "build", "some.txt", "--sentences", "line", "--static", "--sop", "--seq-length", 16)
    assert expected["sop"] in " ".join(bertcli(*build, "-o", "static").err.split())


def test_the_share_of_short_pairs_is_a_flag(workplace, bertcli):
    audit = ("mask", "audit", "--nsp", "--seq-length", 64, "--json", "--short-sequence-probability")

    def pieces(share):
        checks = {check["name"]: check["observed"] for check in bertcli(*audit, share).json()["checks"]}
        return checks["mean ordinary pieces in a sequence"]

    assert pieces("100%") < pieces(0)
    outcome = bertcli(*audit, 2)
    assert outcome.code == 2
    assert "--short-sequence-probability" in outcome.err


def test_an_objective_that_held_out_documents_cannot_show_is_named(workplace, bertcli):
    # Which documents are held out is decided by their text; here they are the ones of a single sentence.
    single_sentences(12)
    assert bertcli("mask", "build", "lines.txt", "--held-out", 0.5, "-o", "lines").code == 0
    assert bertcli("mask", "build", "corpus.txt", "-o", "data", "--held-out", 0.2).code == 0
    import shutil

    shutil.rmtree("data/heldout")
    shutil.copytree("lines/heldout", "data/heldout")
    manifest = json.loads(Path("data/manifest.json").read_text())
    for of_splits in ("counts", "shards"):
        manifest[of_splits]["heldout"] = json.loads(Path("lines/manifest.json").read_text())[of_splits]["heldout"]
    Path("data/manifest.json").write_text(json.dumps(manifest))
    outcome = bertcli("pretrain", "--mlm", "--sop", "--data", "data", "--steps", 1, "--dry-run", *SMALL)
    assert outcome.code == 0
    assert "the held-out documents are too short to evaluate sop" in outcome.err
    assert (
        "the held-out documents are too short to evaluate"
        not in bertcli("pretrain", "--mlm", "--nsp", "--data", "data", "--steps", 1, "--dry-run", *SMALL).err
    )


def test_static_data_whose_held_out_documents_give_no_pairs_have_an_empty_split(workplace, bertcli):
    build = ("mask", "build", "corpus.txt", "--static", "--nsp", "--seq-length", 32, "-o", "static")
    outcome = bertcli(*build)  # which holds one of 60 documents out
    assert outcome.code == 0
    assert "the documents in heldout are too few or too short for pairs: the split stays empty" in outcome.err
    assert len(datasets.load_from_disk("static")["heldout"]) == 0
