"""A model whose vocabulary grew: new rows are means of old ones, and what was there is untouched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from bertcli.architectures.bert import Bert
from bertcli.contracts.architecture import LoadedModel
from bertcli.core.chatter import quiet_transformers
from bertcli.errors import ModelError
from bertcli.models.checkpoint import open_model, save_model
from bertcli.models.growth import grow_vocabulary

TINY = Bert.Settings(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=16)
ROWS = 50
SOURCES = {3: [10], 50: [7, 8, 9], 51: [20, 20, 21], 52: [1]}
INPUT = torch.tensor([[2, 10, 20, 4, 30, 7, 49, 1]])


class Nothing:
    def save(self, directory: Path) -> None:
        (directory / "vocab.txt").write_text("[PAD]\n")


def write(directory: Path, kind: Any = transformers.BertForPreTraining) -> Path:
    """A model with biases that are not 0, as of a trained one."""
    torch.manual_seed(0)
    config = Bert.configuration("bert-tiny", None, overrides=TINY)
    config.vocab_size = ROWS
    with quiet_transformers(), torch.no_grad():
        model = kind(config)
        if hasattr(model, "cls"):
            model.cls.predictions.bias.normal_()
        model.save_pretrained(directory)
    return directory


def opened(directory: Path, *, pooled: bool = True, size: int = 53, sources: Any = SOURCES) -> LoadedModel:
    architecture, loaded = open_model(str(directory), pooled=pooled)
    grow_vocabulary(architecture, loaded, size=size, old_size=ROWS, sources=sources, where="model")
    return loaded


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write(tmp_path / "model")


def test_new_rows_and_biases_are_the_means_of_their_old_ones(model: Path):
    old = transformers.BertForPreTraining.from_pretrained(model)
    before, biases = old.bert.embeddings.word_embeddings.weight, old.cls.predictions.bias
    loaded = opened(model)
    rows, bias = loaded.encoder.bert.embeddings.word_embeddings.weight, loaded.heads["language_model"].bias
    assert (rows.shape, bias.shape) == ((53, 32), (53,))
    kept = [number for number in range(ROWS) if number != 3]
    assert torch.equal(rows[kept], before[kept])
    assert torch.equal(bias[kept], biases[kept])
    for grown, source in ((rows, before), (bias, biases)):
        assert torch.allclose(grown[50], (source[7] + source[8] + source[9]) / 3, atol=1e-7)
        assert torch.allclose(grown[51], (2 * source[20] + source[21]) / 3, atol=1e-7)
        assert torch.equal(grown[52], source[1])
        assert torch.equal(grown[3], source[10])


def test_the_decoder_stays_tied_in_use_and_when_saved(model: Path, tmp_path: Path):
    loaded = opened(model)
    head, embeddings = loaded.heads["language_model"], loaded.encoder.bert.embeddings.word_embeddings
    assert head.decoder.weight is embeddings.weight
    assert head.decoder.bias is head.bias
    save_model(tmp_path / "grown", Bert.assemble(loaded.encoder, loaded.heads), trained=[], tokenizer=Nothing())
    with quiet_transformers():
        theirs, info = transformers.BertForPreTraining.from_pretrained(tmp_path / "grown", output_loading_info=True)
    assert not any(info.values())
    assert theirs.config.vocab_size == 53
    assert theirs.cls.predictions.decoder.weight is theirs.bert.embeddings.word_embeddings.weight
    assert theirs.cls.predictions.decoder.out_features == theirs.bert.embeddings.word_embeddings.num_embeddings == 53
    again = open_model(str(tmp_path / "grown"), pooled=True)[1]
    assert set(again.heads) == {"language_model", "pair"}


def test_logits_of_old_pieces_stay_and_those_of_new_ones_are_means(model: Path, tmp_path: Path):
    loaded = opened(model)
    save_model(tmp_path / "grown", Bert.assemble(loaded.encoder, loaded.heads), trained=[], tokenizer=Nothing())
    logits = []
    for directory in (model, tmp_path / "grown"):
        theirs = transformers.BertForPreTraining.from_pretrained(directory).eval()
        with torch.inference_mode():
            logits.append(theirs(INPUT).prediction_logits[0])
    before, after = logits
    kept = [number for number in range(ROWS) if number != 3]
    assert torch.allclose(after[:, kept], before[:, kept], atol=1e-6)
    assert torch.allclose(after[:, 50], before[:, [7, 8, 9]].mean(dim=1), atol=1e-6)
    assert torch.allclose(after[:, 3], before[:, 10], atol=1e-6)


def test_growth_is_trained_through_both_uses_of_the_matrix(model: Path):
    loaded = opened(model)
    loss = loaded.heads["language_model"].loss(torch.randn(2, 32), torch.tensor([50, 52])).total
    loss.backward()
    gradient = loaded.encoder.bert.embeddings.word_embeddings.weight.grad
    assert gradient is not None
    assert gradient.shape == (53, 32)
    assert gradient[52].abs().sum() > 0


def test_a_decoder_that_is_not_tied_grows_the_same_way(tmp_path: Path):
    loaded = open_model(str(write(tmp_path / "model")), pooled=False)[1]
    head = loaded.heads["language_model"]
    head.decoder.weight = torch.nn.Parameter(torch.randn(ROWS, 32))
    before = head.decoder.weight.detach().clone()
    grow_vocabulary(Bert, loaded, size=53, old_size=ROWS, sources=SOURCES, where="model")
    assert torch.allclose(head.decoder.weight[50], before[[7, 8, 9]].mean(dim=0), atol=1e-7)
    assert head.decoder.weight.shape == loaded.encoder.bert.embeddings.word_embeddings.weight.shape == (53, 32)


def test_an_encoder_alone_grows_too(tmp_path: Path):
    loaded = opened(write(tmp_path / "model", transformers.BertModel), pooled=False)
    assert not loaded.heads
    assert loaded.encoder.bert.embeddings.word_embeddings.weight.shape == (53, 32)
    assert Bert.head("language_model", loaded.encoder).bias.shape == (53,)


def test_replaced_places_alone_leave_the_size_as_it_is(model: Path):
    loaded = opened(model, size=50, sources={3: [10]})
    assert loaded.encoder.config.vocab_size == 50
    assert torch.equal(*loaded.encoder.bert.embeddings.word_embeddings.weight[[3, 10]])


def test_rows_beyond_the_vocabulary_are_used_before_new_ones_are_made(model: Path):
    architecture, loaded = open_model(str(model), pooled=False)
    grow_vocabulary(architecture, loaded, size=47, old_size=45, sources={45: [7], 46: [8]}, where="model")
    rows = loaded.encoder.bert.embeddings.word_embeddings.weight
    assert rows.shape == (50, 32)
    assert torch.equal(rows[45], rows[7])


def test_a_model_with_fewer_rows_than_pieces_is_refused(model: Path):
    architecture, loaded = open_model(str(model), pooled=False)
    with pytest.raises(ModelError) as error:
        grow_vocabulary(architecture, loaded, size=61, old_size=60, sources={60: [55]}, where="model")
    assert str(error.value) == "model: the model has 50 word embeddings, its vocabulary 60 pieces"
    assert error.value.hint == "config.json, the weights and the vocabulary must come from the same model"
