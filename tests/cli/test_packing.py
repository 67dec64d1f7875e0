"""``bertcli pretrain --pack``: the same run in fewer rows."""

import json
from pathlib import Path

import pytest
import torch
import yaml

from bertcli.architectures._bert_modules import BertEncoder
from bertcli.architectures.bert import Bert

SMALL = ("--arch", "bert-tiny", "--batch-size", 8, "--seq-length", 64, "--threads", 1, "--precision", "fp32")
SHORT = ("--mlm", "--sequences", "document-sentences")


def pretrain(bertcli, *arguments):
    return bertcli("pretrain", *arguments, *SMALL)


def metrics(run: str) -> list[dict[str, float]]:
    return [json.loads(line) for line in Path(run, "metrics.jsonl").read_text().splitlines()]


def weights(run: str) -> bytes:
    return Path(run, "model", "model.safetensors").read_bytes()


@pytest.fixture
def short_documents(workplace, bertcli):
    """Data of documents of about twenty pieces."""
    texts = "".join(f"The brown fox number {number} jumps over {number % 7} dogs.\n\n" for number in range(80))
    Path("short.txt").write_text(texts)
    assert bertcli("mask", "build", "short.txt", "--held-out", "10%", "-o", "short", "-q").code == 0
    return workplace


@pytest.mark.parametrize("objectives", [("--mlm", "--nsp"), SHORT])
def test_losses_gradients_and_weights_do_not_depend_on_packing(short_documents, bertcli, objectives):
    for name, flag in (("alone", "--no-pack"), ("packed", "--pack")):
        arguments = (*objectives, "--data", "short", "--steps", 3, "--log-every", 1, "--dropout", 0, flag, "-o", name)
        outcome = pretrain(bertcli, *arguments)
        assert outcome.code == 0, outcome.err
        assert ("sequences of a micro-batch share" in outcome.err) == (flag == "--pack")
    for alone, packed in zip(metrics("alone"), metrics("packed"), strict=True):
        assert alone["tokens_seen"] == packed["tokens_seen"]
        for figure in set(alone) - {"speed/tokens_per_second", "speed/sequences_per_second"}:
            assert packed[figure] == pytest.approx(alone[figure], rel=1e-5, abs=1e-5), figure


def test_a_packed_run_resumes_to_the_same_bytes_whatever_its_workers(short_documents, bertcli):
    arguments = (*SHORT, "--data", "short", "--save-every", 2, "--pack")
    assert pretrain(bertcli, *arguments, "--steps", 4, "-o", "straight", "--workers", 0).code == 0
    assert pretrain(bertcli, *arguments, "--steps", 4, "-o", "resumed", "--workers", 4).code == 0
    assert weights("resumed") == weights("straight")
    newest = max(Path("resumed/checkpoints").iterdir())
    assert newest.name == "step-00000004"
    for path in newest.iterdir():
        path.unlink()
    newest.rmdir()
    outcome = pretrain(bertcli, *arguments, "--steps", 4, "-o", "resumed", "--workers", 1, "--resume")
    assert "continuing after step 2" in outcome.err
    assert weights("resumed") == weights("straight")


def test_a_resume_without_packing_is_refused(short_documents, bertcli):
    arguments = (*SHORT, "--data", "short", "--steps", 1, "-o", "run")
    assert pretrain(bertcli, *arguments, "--pack").code == 0
    assert yaml.safe_load(Path("run/config.yaml").read_text())["pack"] is True
    outcome = pretrain(bertcli, *arguments, "--no-pack", "--resume")
    assert outcome.code == 2
    assert "run was run with pack = True, now False is asked for" in outcome.err


def test_the_plan_says_that_rows_are_packed(short_documents, bertcli):
    outcome = pretrain(bertcli, *SHORT, "--data", "short", "--steps", 1, "--pack", "--dry-run")
    assert ", packed" in outcome.out


def test_an_encoder_that_lets_neighbours_see_each_other_does_not_train(short_documents, bertcli, monkeypatch):
    original = BertEncoder.forward

    def careless(self, batch, **more):
        kept = {name: values for name, values in batch.columns.items() if name != "sequence_ids"}
        return original(self, type(batch)(kept, batch.example_ids), **more)

    monkeypatch.setattr(BertEncoder, "forward", careless)
    outcome = pretrain(bertcli, *SHORT, "--data", "short", "--steps", 1, "--pack", "-o", "run")
    assert outcome.code == 1
    assert outcome.err.startswith("error: the encoder lets packed sequences see each other on cpu in fp32: ")
    assert "hint: --no-pack trains without packing" in outcome.err
    assert not Path("run").exists()


def test_packing_is_refused_for_finished_rows(short_documents, bertcli):
    build = ("mask", "build", "short.txt", "--static", "--mlm", "--seq-length", 32, "--duplicates", 1)
    assert bertcli(*build, "-o", "static").code == 0
    outcome = bertcli("pretrain", "--data", "static", "--arch", "bert-tiny", "--steps", 1, "--pack", "-o", "run")
    assert outcome.code == 2
    assert "the rows of static are finished and padded" in outcome.err
    assert "make a token store by `bertcli mask build CORPUS` without --static" in outcome.err
    assert not Path("run").exists()


def test_packing_is_refused_by_an_architecture_without_the_ability(short_documents, bertcli, monkeypatch):
    monkeypatch.setattr(Bert, "abilities", Bert.abilities - {"packable"})
    outcome = pretrain(bertcli, *SHORT, "--data", "short", "--steps", 1, "--pack", "-o", "run")
    assert outcome.code == 2
    assert "bert cannot keep the sequences of a packed row apart" in outcome.err


def test_sequences_that_fill_their_rows_are_trained_as_they_are(workplace, bertcli):
    Path("long.txt").write_text(("The brown fox jumps over the dog. " * 40 + "\n\n") * 12)
    assert bertcli("mask", "build", "long.txt", "--held-out", "0", "-o", "long", "-q").code == 0
    small = ("--arch", "bert-tiny", "--batch-size", 2, "--seq-length", 12, "--steps", 2, "--threads", 1)
    outcome = bertcli("pretrain", "--mlm", "--data", "long", *small, "--pack", "-o", "run")
    assert outcome.code == 0, outcome.err
    assert "--pack: no two sequences fit into 12 positions, so none are packed" in outcome.err


@pytest.mark.gpu
def test_packing_passes_its_check_on_a_gpu(short_documents, bertcli):
    assert torch.cuda.is_available()
    for precision in ("fp32", "bf16"):
        arguments = ("--data", "short", "--steps", 1, "--pack", "--arch", "bert-tiny", "--device", "cuda")
        outcome = bertcli("pretrain", *SHORT, *arguments, "--precision", precision, "-o", precision)
        assert outcome.code == 0, outcome.err
