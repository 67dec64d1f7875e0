"""The pretraining model's losses, logits and files, against transformers' own classes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForMaskedLM, AutoModelForPreTraining, BertForMaskedLM, BertForPreTraining

from bertcli.architectures.bert import Bert
from bertcli.contracts.objective import make_default_objectives
from bertcli.data.batches import evaluation_batches
from bertcli.data.examples import DynamicExamples
from bertcli.models.checkpoint import save_model
from bertcli.models.pretraining import PretrainingModel, reads_pooled

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


class NoTokenizer:
    def save(self, directory: Path) -> None:
        """The model alone is looked at here."""


def make_model(vocabulary, names):
    torch.manual_seed(0)
    objectives = make_default_objectives(names)
    overrides = Bert.Settings(max_position_embeddings=64, **SMALL)
    config = Bert.configuration("bert-tiny", vocabulary, overrides=overrides)
    encoder = Bert.build(config, pooled=reads_pooled(objectives))
    return PretrainingModel(Bert, {"main": encoder}, objectives).eval(), objectives


def first_batch(make_store, vocabulary, objectives, kind):
    examples = DynamicExamples(make_store(), vocabulary, objectives, kind=kind, seq_length=48, seed=1)
    return next(evaluation_batches(examples, objectives, batch_size=16)).to(torch.device("cpu"))


def transformers_inputs(batch):
    return {
        name: batch[name] for name in ("input_ids", "token_type_ids", "attention_mask") if batch.get(name) is not None
    }


def test_the_losses_are_those_of_bert_for_pretraining(make_store, vocabulary, tmp_path):
    model, objectives = make_model(vocabulary, ["mlm", "nsp"])
    batch = first_batch(make_store, vocabulary, objectives, "segment-pairs")
    with torch.no_grad():
        losses = model(batch)
    save_model(tmp_path / "model", model.assembled(), trained=["encoder"], tokenizer=NoTokenizer())
    theirs, info = AutoModelForPreTraining.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert type(theirs) is BertForPreTraining
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    with torch.no_grad():
        output = theirs.eval()(
            **transformers_inputs(batch), labels=batch["labels"], next_sentence_label=batch["next_sentence_label"]
        )
    ours = sum(loss.total / loss.count for loss in losses.values())
    assert ours.item() == pytest.approx(output.loss.item(), abs=1e-5)
    right = (output.prediction_logits.argmax(-1) == batch["labels"]).sum()
    assert losses["mlm"].correct == right
    assert losses["mlm"].count == batch.counts["mlm"] == (batch["labels"] != -100).sum()


def test_masked_lm_alone_has_no_pooler_and_the_logits_of_bert_for_masked_lm(make_store, vocabulary, tmp_path):
    model, objectives = make_model(vocabulary, ["mlm"])
    batch = first_batch(make_store, vocabulary, objectives, "full-sentences")
    save_model(tmp_path / "model", model.assembled(), trained=["encoder"], tokenizer=NoTokenizer())
    theirs, info = AutoModelForMaskedLM.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert type(theirs) is BertForMaskedLM
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    with torch.no_grad():
        logits = theirs.eval()(**transformers_inputs(batch)).logits
        encoded = model.encoders["main"](batch)
        ours = model.heads["language_model"](encoded.streams["targets"])
        total = model(batch)["mlm"].total
    reached = logits.gather(1, batch["target_positions"][:, :, None].expand(-1, -1, logits.shape[-1]))
    assert torch.allclose(ours, reached, atol=1e-5)
    reference = functional.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten(), reduction="sum")
    assert total.item() == pytest.approx(reference.item(), rel=1e-5)


def test_gradients_are_those_of_transformers(make_store, vocabulary):
    model, objectives = make_model(vocabulary, ["mlm", "nsp"])
    batch = first_batch(make_store, vocabulary, objectives, "segment-pairs")
    sum(loss.total / loss.count for loss in model(batch).values()).backward()
    ours = {name: parameter.grad.clone() for name, parameter in model.assembled().named_parameters()}
    model.zero_grad()
    theirs = model.assembled()
    theirs(
        **transformers_inputs(batch), labels=batch["labels"], next_sentence_label=batch["next_sentence_label"]
    ).loss.backward()
    for name, parameter in theirs.named_parameters():
        assert torch.allclose(ours[name], parameter.grad, atol=1e-6, rtol=1e-4), name


def test_the_gradient_does_not_depend_on_how_a_batch_is_cut(make_store, vocabulary):
    from bertcli.contracts.batch import StepBatches
    from bertcli.training.accelerators import open_accelerator
    from bertcli.training.loop import train

    norms = []
    for size in (16, 5):
        model, objectives = make_model(vocabulary, ["mlm", "nsp"])
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        examples = DynamicExamples(make_store(), vocabulary, objectives, kind="segment-pairs", seq_length=48, seed=1)
        micro = tuple(evaluation_batches(examples, objectives, batch_size=size, limit=16))
        results = train(
            model,
            torch.optim.SGD(model.parameters(), lr=1.0),
            lambda step: 0.1,
            iter([StepBatches(micro, {})]),
            accelerator=open_accelerator(device="cpu", precision="fp32"),
            weights=model.weights,
            start_step=0,
            steps=1,
            clip=1e9,
        )
        result = next(results)
        norms.append((result.gradient_norm.item(), float(result.losses["mlm"]), np.sum(result.counts["mlm"])))
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)
