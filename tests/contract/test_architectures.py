"""What every file in ``architectures/`` must do; a new file is tested by being there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bertcli.contracts.architecture import ARCHITECTURES, find_size
from bertcli.contracts.batch import IGNORED, Batch
from bertcli.contracts.loss import cross_entropy
from bertcli.contracts.objective import make_default_objectives
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.core.chatter import quiet_transformers
from bertcli.data.batches import make_batch
from bertcli.data.packing import Packing
from bertcli.errors import ConfigError
from bertcli.models.checkpoint import architecture_of
from bertcli.models.packing_canary import check_packing

SIZES = [(name, size) for name in ARCHITECTURES.names() for size in ARCHITECTURES.load(name).sizes]


def smallest(architecture: Any, vocabulary: Vocabulary) -> Any:
    size = min(architecture.sizes, key=lambda name: architecture.sizes[name].parameters)
    return architecture.configuration(size, vocabulary, overrides=architecture.Settings())


@pytest.fixture(params=ARCHITECTURES.names())
def architecture(request: pytest.FixtureRequest) -> Any:
    return ARCHITECTURES.load(request.param)


@pytest.fixture
def batch() -> Batch:
    ids = torch.tensor([[2, 10, 11, 12, 3], [2, 13, 3, 0, 0]])
    return Batch({"input_ids": ids, "attention_mask": ids.ne(0).long()}, np.arange(2))


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_a_named_size_has_its_published_count_on_the_meta_device(name: str, size: str) -> None:
    architecture = ARCHITECTURES.load(name)
    config = architecture.configuration(size, None, overrides=architecture.Settings())
    with torch.device("meta"):
        encoder = architecture.build(config, pooled=True)
    assert sum(parameter.numel() for parameter in encoder.parameters()) == architecture.sizes[size].parameters
    assert architecture.count_by_hand(config, pooled=True).exact == architecture.sizes[size].parameters


def test_it_encodes_and_padding_changes_nothing(architecture: Any, vocabulary: Vocabulary, batch: Batch) -> None:
    torch.manual_seed(0)
    encoder = architecture.build(smallest(architecture, vocabulary), pooled=True).eval()
    encoded = encoder(batch, layers=True)
    hidden = encoder.config.hidden_size
    assert encoded.streams["last"].shape == (2, 5, hidden)
    assert encoded.pooled.shape == (2, hidden)
    assert len(encoded.layers) == encoder.config.num_hidden_layers + 1
    alone = encoder(Batch({"input_ids": batch["input_ids"][1:, :3]}, np.arange(1)))
    torch.testing.assert_close(encoded.streams["last"][1:, :3], alone.streams["last"], atol=1e-5, rtol=0)
    torch.testing.assert_close(encoded.pooled[1:], alone.pooled, atol=1e-5, rtol=0)


def test_every_parameter_gets_a_gradient(architecture: Any, vocabulary: Vocabulary, batch: Batch) -> None:
    """An unused parameter would break training on several devices."""
    for pooled in (False, True):
        encoder = architecture.build(smallest(architecture, vocabulary), pooled=pooled)
        head = architecture.head("language_model", encoder)
        encoded = encoder(batch)
        loss = head(encoded.streams["last"]).sum() + (encoded.pooled.sum() if pooled else 0)
        loss.backward()
        assert not [name for name, parameter in encoder.named_parameters() if parameter.grad is None]
        assert not [name for name, parameter in head.named_parameters() if parameter.grad is None]


def test_the_language_model_loss_is_the_cross_entropy_of_its_logits(
    architecture: Any, vocabulary: Vocabulary, batch: Batch
) -> None:
    torch.manual_seed(0)
    encoder = architecture.build(smallest(architecture, vocabulary), pooled=False).eval()
    head = architecture.head("language_model", encoder).eval()
    hidden, labels = encoder(batch).streams["last"].flatten(0, 1), batch["input_ids"].flatten()
    ours, theirs = head.loss(hidden, labels), cross_entropy(head(hidden), labels)
    torch.testing.assert_close(ours.total, theirs.total)
    assert (ours.count, ours.correct) == (theirs.count, theirs.correct)


@pytest.mark.parametrize("names", [("language_model",), ("language_model", "pair"), ("pair",), ("classification",), ()])
def test_it_saves_and_loads_its_parts(
    architecture: Any, names: tuple[str, ...], vocabulary: Vocabulary, batch: Batch, tmp_path: Path
) -> None:
    pooled = names != ("language_model",)
    encoder = architecture.build(smallest(architecture, vocabulary), pooled=pooled).eval()
    heads = {name: architecture.head(name, encoder, outputs=3).eval() for name in names}
    with quiet_transformers():
        architecture.assemble(encoder, heads).save_pretrained(tmp_path)
    loaded = architecture.load(tmp_path, pooled=pooled)
    assert set(loaded.heads) == set(names)
    assert (loaded.missing, loaded.unused, loaded.labels) == ((), (), ())
    before, after = encoder(batch), loaded.encoder.eval()(batch)
    torch.testing.assert_close(after.streams["last"], before.streams["last"])
    for name in names:
        reads = "last" if name == "language_model" else None
        source, target = (encoded.streams[reads] if reads else encoded.pooled for encoded in (before, after))
        torch.testing.assert_close(loaded.heads[name].eval()(target), heads[name](source))


@dataclass(frozen=True)
class Given:
    """Examples of these lengths, a third of their pieces to be predicted."""

    lengths: Sequence[int]
    vocabulary_size: int

    def count(self, epoch: int) -> int:
        return len(self.lengths)

    def columns(self, epoch: int, numbers: np.ndarray, progress: float = 0.0) -> dict[str, np.ndarray]:
        draw = np.random.default_rng(0)
        mask = (np.arange(max(self.lengths)) < np.array(self.lengths)[:, None]).astype(np.int64)
        ids = draw.integers(5, self.vocabulary_size, mask.shape) * mask
        return {
            "input_ids": ids,
            "token_type_ids": draw.integers(0, 2, mask.shape) * mask,
            "attention_mask": mask,
            "labels": np.where((draw.random(mask.shape) < 0.3) & (mask == 1), ids, IGNORED),
            "next_sentence_label": draw.integers(0, 2, len(mask)),
        }


FULL_ROWS, PADDED_ROWS = (16, 9, 7, 4, 12, 16), (15, 9, 6, 1, 12, 7, 2)


@pytest.mark.parametrize("lengths", [FULL_ROWS, PADDED_ROWS])
@pytest.mark.parametrize("hidden_column", [None, "attention_mask", "position_ids", "firsts", "target_positions"])
def test_packed_logits_and_gradients_are_those_of_the_sequences_alone(
    architecture: Any, vocabulary: Vocabulary, lengths: Sequence[int], hidden_column: str | None
) -> None:
    """In training mode without dropout, with all columns of a packed batch and without those that only save time."""
    if "packable" not in architecture.abilities:
        pytest.skip("it does not pack")
    torch.manual_seed(0)
    config = smallest(architecture, vocabulary)
    encoder = architecture.build(config, pooled=True)
    heads = [architecture.head(name, encoder) for name in ("language_model", "pair")]
    for module in [module for part in (encoder, *heads) for module in part.modules()]:
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    objectives = make_default_objectives(["mlm", "nsp"])
    data, numbers = Given(lengths, vocabulary.size), np.arange(len(lengths))

    def run(batch: Batch) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
        """Logits of pieces by (example, position), those of pairs by example, and gradients."""
        encoder.train()
        for part in (encoder, *heads):
            part.zero_grad()
        encoded = encoder(batch)
        predicted = batch["labels"] != IGNORED
        if "targets" in encoded.streams:
            hidden = encoded.streams["targets"].flatten(0, 1)[batch["mlm:targets"]]
        else:
            hidden = encoded.streams["last"][predicted]
        pieces, pairs = heads[0](hidden), heads[1](encoded.pooled)
        (pieces.square().sum() + pairs.square().sum()).backward()
        ids = batch.get("sequence_ids")
        ids = torch.ones_like(batch["input_ids"]) if ids is None else ids
        before = ids.amax(dim=1).cumsum(0) - ids.amax(dim=1)
        owners = torch.as_tensor(batch.example_ids)[(before[:, None] + ids - 1)[predicted]]
        order = owners.argsort(stable=True)
        gradients = [parameter.grad.clone() for part in (encoder, *heads) for parameter in part.parameters()]
        return pieces[order], pairs[torch.as_tensor(batch.example_ids).argsort()], gradients

    cpu = torch.device("cpu")
    alone = run(make_batch(data, objectives, 0, numbers).to(cpu))
    batch = make_batch(data, objectives, 0, numbers, packing=Packing(16, vocabulary.pad_id)).to(cpu)
    assert len(batch["input_ids"]) == 4
    assert (batch.get("attention_mask") is None) == (lengths == FULL_ROWS)
    packed = run(
        Batch({name: kept for name, kept in batch.columns.items() if name != hidden_column}, batch.example_ids)
    )
    torch.testing.assert_close(packed[0], alone[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(packed[1], alone[1], atol=1e-5, rtol=0)
    for ours, theirs in zip(packed[2], alone[2], strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    check_packing({"main": encoder}, batch, vocabulary.ordinary_ids, where="cpu")


def test_a_checkpoint_names_its_architecture(architecture: Any, vocabulary: Vocabulary) -> None:
    config = smallest(architecture, vocabulary)
    assert config.model_type == architecture.model_type
    assert architecture_of({"model_type": config.model_type}, Path("config.json")) is architecture
    assert config.vocab_size == vocabulary.size
    assert config.pad_token_id == vocabulary.pad_id


def test_parts_cover_every_parameter_once(architecture: Any, vocabulary: Vocabulary) -> None:
    import re

    with torch.device("meta"):
        encoder = architecture.build(smallest(architecture, vocabulary), pooled=True)
    for name, _ in encoder.named_parameters():
        assert len([part for part, pattern in architecture.parts.items() if re.search(pattern, name)]) == 1, name


def test_every_parameter_has_a_depth_and_every_depth_a_parameter(architecture: Any, vocabulary: Vocabulary) -> None:
    config = smallest(architecture, vocabulary)
    with torch.device("meta"):
        encoder = architecture.build(config, pooled=True)
    depths = {name: architecture.depth_of(name, config) for name, _ in encoder.named_parameters()}
    assert set(depths.values()) == set(range(config.num_hidden_layers + 2))
    assert {depth for name, depth in depths.items() if "embeddings" in name} == {0}
    with pytest.raises(ValueError, match="no depth is known"):
        architecture.depth_of("something.else.weight", config)


def test_what_lies_deeper_needs_a_longer_way_back(architecture: Any, vocabulary: Vocabulary, batch: Batch) -> None:
    """Without a gradient below depth d, the parameters from d on get theirs as before."""
    config = smallest(architecture, vocabulary)
    for lowest in range(config.num_hidden_layers + 2):
        encoder = architecture.build(config, pooled=True)
        for name, parameter in encoder.named_parameters():
            parameter.requires_grad_(architecture.depth_of(name, config) >= lowest)
        encoder(batch).pooled.sum().backward()
        got = {name for name, parameter in encoder.named_parameters() if parameter.grad is not None}
        asked = {name for name, parameter in encoder.named_parameters() if parameter.requires_grad}
        assert got == asked


def test_an_unknown_size_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown architecture 'bert-bse'") as caught:
        find_size("bert-bse")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("did you mean 'bert-base'?")


def test_naming_architectures_imports_neither_torch_nor_transformers() -> None:
    code = (
        "import sys\n"
        "from bertcli.contracts.architecture import ARCHITECTURES\n"
        "for name in ARCHITECTURES.names(): ARCHITECTURES.load(name).Settings()\n"
        "sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
