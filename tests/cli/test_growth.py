"""``bertcli pretrain --init`` with an extended vocabulary: a model of the old pieces learns the new ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, BertForPreTraining

from bertcli.cli.app import run
from bertcli.core.chatter import quiet_transformers
from bertcli.models.checkpoint import open_model
from bertcli.models.growth import grow_vocabulary
from bertcli.text.grown_vocabulary import grown_from
from bertcli.text.tokenizer_loading import load_tokenizer

SMALL = ("--arch", "bert-tiny", "--batch-size", 8, "--seq-length", 32, "--threads", 1)


def do(*arguments: object) -> None:
    assert run([*map(str, arguments), "--quiet"]) == 0


def build_data(corpus: Path | str, vocab: Path | str, output: Path | str) -> None:
    do("mask", "build", corpus, "--vocab", vocab, "--held-out", "20%", "-o", output)


@pytest.fixture(scope="module")
def small_model(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``corpus.txt``, a ``model`` of 80 pieces, and its vocabulary with 30 words more and their data."""
    directory = tmp_path_factory.mktemp("small")
    corpus = shutil.copy(prepared / "corpus.txt", directory / "corpus.txt")
    do("vocab", "build", corpus, "--size", 80, "-o", directory / "vocab")
    build_data(corpus, directory / "vocab", directory / "data")
    arguments = ("--mlm", "--nsp", "--steps", 40, "--lr", 3e-3, "--data", directory / "data", "-o", directory / "run")
    do("pretrain", *arguments, *SMALL)
    shutil.move(directory / "run" / "model", directory / "model")
    shutil.rmtree(directory / "run")
    do("vocab", "extend", directory / "model", "--on", corpus, "--add", 30, "-o", directory / "extended")
    build_data(corpus, directory / "extended", directory / "extended-data")
    return directory


@pytest.fixture
def place(small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of ``small_model``, as the current directory."""
    directory = tmp_path / "place"
    shutil.copytree(small_model, directory)
    monkeypatch.chdir(directory)
    return directory


def grow(bertcli, *arguments: object, data: str = "extended-data", model: str = "model"):
    return bertcli("pretrain", "--mlm", "--init", model, "--data", data, "--steps", 1, "-o", "run", *SMALL, *arguments)


def first_metrics() -> dict[str, float]:
    return json.loads(Path("run/metrics.jsonl").read_text().splitlines()[0])


def test_the_new_pieces_are_learned_by_the_old_model(place, bertcli):
    outcome = grow(bertcli, "--nsp")
    assert outcome.code == 0, outcome.err
    assert (
        "note: the data's vocabulary has 30 pieces that model lacks: each starts as the mean of the pieces that its "
        "text had\n"
    ) in outcome.err
    with quiet_transformers():
        theirs, info = BertForPreTraining.from_pretrained("run/model", output_loading_info=True)
    assert not any(info.values())
    assert theirs.config.vocab_size == len(AutoTokenizer.from_pretrained("run/model")) == 110
    assert theirs.cls.predictions.decoder.weight is theirs.bert.embeddings.word_embeddings.weight


def test_the_loss_on_new_pieces_is_measured_before_the_first_step(place, bertcli):
    outcome = grow(bertcli)
    assert outcome.code == 0, outcome.err
    metrics = first_metrics()
    new, old, both = (metrics[f"eval/loss_mlm{part}"] for part in ("_new_pieces", "_old_pieces", ""))
    assert np.isfinite(new)
    assert min(new, old) < both < max(new, old)
    for kind, loss in (("new", new), ("old", old)):
        assert f"note: before the first step: MLM loss {loss:.2f} at " in outcome.err
        assert f" targets that are {kind} pieces\n" in outcome.err


def test_new_rows_know_more_than_random_ones(place):
    tokenizer = load_tokenizer("extended")
    growth = grown_from(load_tokenizer("model"), tokenizer)
    assert growth is not None
    architecture, loaded = open_model("model", pooled=True)
    grow_vocabulary(architecture, loaded, size=110, old_size=80, sources=growth.sources, where="model")
    grown = architecture.assemble(loaded.encoder, loaded.heads)
    with quiet_transformers():
        random = BertForPreTraining.from_pretrained("model")
        torch.manual_seed(0)
        random.resize_token_embeddings(110, mean_resizing=False)
    texts = sorted(set(Path("corpus.txt").read_text().splitlines()))[1:6]

    def loss(model) -> float:
        losses = []
        for ids in tokenizer.encode(texts):
            for place, number in enumerate(ids.tolist()):
                if number in growth.sources:
                    masked = torch.tensor([[2, *ids.tolist(), 3]])
                    masked[0, place + 1] = tokenizer.vocabulary.mask_id
                    with torch.inference_mode():
                        logits = model.eval()(masked).prediction_logits[0, place + 1]
                    losses.append(torch.nn.functional.cross_entropy(logits, torch.tensor(number)).item())
        assert len(losses) > 20
        return float(np.mean(losses))

    assert loss(grown) < loss(random) - 0.1


def test_words_in_unused_places_leave_the_size_as_it_is(place, bertcli):
    pieces = Path("model/vocab.txt").read_text().splitlines()
    gone = [number for number, piece in enumerate(pieces) if len(piece) > 3 and number > 4][:3]
    for number, place_number in enumerate(gone):
        pieces[place_number] = f"[unused{number}]"
    Path("model/vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces))
    Path("model/tokenizer.json").unlink()
    do("vocab", "extend", "model", "--on", "corpus.txt", "--add", 3, "--fill-unused", "-o", "filled")
    build_data("corpus.txt", "filled", "filled-data")
    outcome = grow(bertcli, data="filled-data")
    assert outcome.code == 0, outcome.err
    assert "has 3 pieces that model lacks, 3 of them in [unusedN] places: each starts" in outcome.err
    assert json.loads(Path("run/model/config.json").read_text())["vocab_size"] == 80


def test_a_run_that_grew_is_resumed(place, bertcli):
    assert grow(bertcli).code == 0
    outcome = bertcli("pretrain", "--steps", 2, "--resume", "-o", "run")
    assert outcome.code == 0, outcome.err
    assert "loss_mlm_new_pieces" not in Path("run/metrics.jsonl").read_text().splitlines()[-1]


def test_a_model_without_its_language_model_grows_with_a_fresh_head(place, bertcli):
    from transformers import BertModel

    with quiet_transformers():
        BertModel.from_pretrained("model").save_pretrained("model")
    outcome = grow(bertcli)
    assert outcome.code == 0, outcome.err
    assert "note: model has no language_model head: fresh ones are trained\n" in outcome.err
    assert "eval/loss_mlm_new_pieces" not in first_metrics()


def test_a_model_that_knows_nothing_of_its_old_pieces_is_refused(place, bertcli):
    with quiet_transformers(), torch.no_grad():
        model = BertForPreTraining.from_pretrained("model")
        torch.manual_seed(0)
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
        model.save_pretrained("model")
    outcome = grow(bertcli)
    assert outcome.code == 2
    assert "error: model: the MLM loss before the first step is " in outcome.err
    assert not Path("run").exists()


def test_any_other_vocabulary_is_refused_with_the_way_to_extend_one(place, bertcli):
    do("vocab", "build", "corpus.txt", "--size", 100, "--cased", "-o", "other")
    build_data("corpus.txt", "other", "other-data")
    outcome = grow(bertcli, data="other-data")
    assert outcome.code == 2
    assert "error: the data were made with another vocabulary (100 pieces, " in outcome.err
    assert (
        "hint: make the data with the model's own: bertcli mask build CORPUS --vocab model; "
        "`bertcli vocab extend model --on CORPUS` adds words to it that the model then learns\n"
    ) in outcome.err


def test_a_grown_model_is_not_continued_on_data_of_its_smaller_vocabulary(place, bertcli):
    assert grow(bertcli).code == 0
    outcome = grow(bertcli, "-o", "again", data="data", model="run/model")
    assert outcome.code == 2
    assert "the data were made with another vocabulary" in outcome.err
