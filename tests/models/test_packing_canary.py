"""The canary lets go what packs well and stops what does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from bertcli.architectures.bert import Bert
from bertcli.contracts.batch import Batch
from bertcli.contracts.encoder import Encoded
from bertcli.contracts.objective import make_default_objectives
from bertcli.data.batches import make_batch
from bertcli.data.examples import DynamicExamples
from bertcli.data.packing import Packing
from bertcli.errors import RunError
from bertcli.models.packing_canary import check_packing


@pytest.fixture
def encoder(vocabulary):
    torch.manual_seed(0)
    overrides = Bert.Settings(hidden_size=32, num_attention_heads=4, num_hidden_layers=2, intermediate_size=64)
    return Bert.build(Bert.configuration("bert-tiny", vocabulary, overrides=overrides), pooled=True)


@pytest.fixture
def batch(make_store, vocabulary):
    objectives = make_default_objectives(["mlm", "nsp"])
    store = make_store(sentences=4, longest=12)
    data = DynamicExamples(store, vocabulary, objectives, kind="segment-pairs", seq_length=48, seed=0)
    packed = make_batch(data, objectives, 0, np.arange(12), packing=Packing(48, vocabulary.pad_id))
    assert packed["sequence_ids"].max() > 1
    return packed.to(torch.device("cpu"))


class Changed(nn.Module):
    """An encoder with another view of its batch, or of what comes out."""

    def __init__(self, encoder: nn.Module, *, drop: tuple[str, ...] = (), out: Any = lambda encoded: encoded) -> None:
        super().__init__()
        self.encoder, self.drop, self.out = encoder, drop, out

    def forward(self, batch: Batch) -> Encoded:
        kept = {name: values for name, values in batch.columns.items() if name not in self.drop}
        return self.out(self.encoder(replace(batch, columns=kept)))


def check(encoder, batch, vocabulary):
    check_packing({"main": encoder}, batch, vocabulary.ordinary_ids, where="cpu in fp32")


def test_an_encoder_that_packs_passes_with_dropout_and_without(encoder, batch, vocabulary):
    check(encoder, batch, vocabulary)
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    check(encoder, batch, vocabulary)


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_every_path_of_the_encoder_passes(encoder, batch, vocabulary, autocast, whole):
    """With targets and without, with padding told and not, in bf16 and fp32."""
    hidden = ("target_positions",) if whole else ("attention_mask",)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        check(Changed(encoder, drop=hidden), batch, vocabulary)


def test_an_encoder_that_ignores_which_sequence_a_piece_belongs_to_is_caught(encoder, batch, vocabulary):
    single = Changed(encoder, drop=("sequence_ids", "position_ids"), out=lambda encoded: replace(encoded, pooled=None))
    with pytest.raises(RunError, match="lets packed sequences see each other on cpu in fp32: changing one moved") as it:
        check(single, batch, vocabulary)
    assert it.value.exit_code == 1
    assert it.value.hint == "--no-pack trains without packing"


def test_a_pooled_vector_that_mixes_sequences_is_caught(encoder, batch, vocabulary):
    def mixed(encoded):
        return replace(encoded, pooled=encoded.pooled + 1e-4 * encoded.pooled.mean(dim=0))

    with pytest.raises(RunError, match="see each other"):
        check(Changed(encoder, out=mixed), batch, vocabulary)


def test_outputs_that_do_not_depend_on_the_pieces_are_caught(encoder, batch, vocabulary):
    def constant(encoded):
        return Encoded({"targets": torch.ones_like(encoded.streams["targets"])})

    with pytest.raises(RunError, match="is blind to packed sequences on cpu in fp32: changing one did not move"):
        check(Changed(encoder, out=constant), batch, vocabulary)


def test_outputs_that_are_not_numbers_are_caught(encoder, batch, vocabulary):
    def broken(encoded):
        return Encoded({"targets": encoded.streams["targets"] * float("nan")})

    with pytest.raises(RunError, match="see each other"):
        check(Changed(encoder, out=broken), batch, vocabulary)


def test_one_of_several_encoders_is_named(encoder, batch, vocabulary):
    single = Changed(encoder, drop=("sequence_ids", "position_ids"), out=lambda encoded: replace(encoded, pooled=None))
    with pytest.raises(RunError, match="the encoder 'generator' lets"):
        check_packing({"main": encoder, "generator": single}, batch, vocabulary.ordinary_ids, where="cpu in fp32")


def test_the_run_finds_its_generator_and_its_mode_as_they_were(encoder, batch, vocabulary):
    encoder.eval()
    before = torch.get_rng_state()
    check(encoder, batch, vocabulary)
    assert torch.equal(torch.get_rng_state(), before)
    assert not encoder.training
