"""Four objectives that come with their architectures, sketched: the protocol carries them as it stands.

Each runs through the data layer, the pretraining model and a step of the training loop, on an encoder of a few lines.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from bertcli.architectures.bert import Bert
from bertcli.contracts.batch import IGNORED, StepBatches
from bertcli.contracts.encoder import Encoded
from bertcli.contracts.loss import Loss, cross_entropy
from bertcli.contracts.objective import Corruption, Head
from bertcli.core.randomness import hash64
from bertcli.data.batches import evaluation_batches, make_batch
from bertcli.data.examples import DynamicExamples
from bertcli.errors import ConfigError
from bertcli.models.pretraining import PretrainingModel, check_objectives
from bertcli.objectives.mlm import MaskedLanguageModel
from bertcli.training.accelerators import open_accelerator
from bertcli.training.loop import train

SIZE, HIDDEN = 200, 16


class ToyEncoder(nn.Module):
    """Embeddings, 0 at padding, and one linear layer over whatever context they are given."""

    def __init__(self):
        super().__init__()
        self.embedding, self.linear = nn.Embedding(SIZE, HIDDEN), nn.Linear(HIDDEN, HIDDEN)

    def embedded(self, batch):
        hidden, mask = self.embedding(batch["input_ids"]), batch.get("attention_mask")
        return hidden if mask is None else hidden * mask[:, :, None]

    def at_targets(self, hidden, batch):
        positions = batch["target_positions"][:, :, None].expand(-1, -1, HIDDEN)
        return torch.tanh(self.linear(hidden)).gather(1, positions)


class CausalEncoder(ToyEncoder):
    def forward(self, batch):
        return Encoded({"targets": self.at_targets(self.embedded(batch).cumsum(1), batch)})


class BidirectionalEncoder(ToyEncoder):
    def forward(self, batch):
        hidden = self.embedded(batch)
        backward = hidden.flip(1).cumsum(1).flip(1)
        streams = {"forward": hidden.cumsum(1), "backward": backward}
        return Encoded({name: torch.tanh(self.linear(stream)) for name, stream in streams.items()})


class TwoStreamEncoder(ToyEncoder):
    """The query stream: what stands before a target in the order, and the target's place, but never the target."""

    def __init__(self):
        super().__init__()
        self.positions = nn.Embedding(64, HIDDEN)

    def forward(self, batch):
        targets = batch["target_positions"]
        seen = visible(batch["ranks"], targets).float() @ self.embedded(batch)  # (batch, targets, hidden)
        return Encoded({"query": torch.tanh(self.linear(seen + self.positions(targets)))})


def visible(ranks, targets):
    """(batch, targets, seq) whether a target may look at a position."""
    return ranks[:, None, :] < ranks.gather(1, targets)[:, :, None]


class ContextEncoder(ToyEncoder):
    def forward(self, batch):
        hidden = self.embedded(batch)
        return Encoded({"targets": self.at_targets(hidden + hidden.sum(1, keepdim=True) / 32, batch)})


class ToyLanguageModelHead(nn.Linear):
    def loss(self, hidden, labels):
        return cross_entropy(self(hidden), labels)


class ToyArchitecture:
    @classmethod
    def head(cls, name, encoder, *, outputs=2):
        return ToyLanguageModelHead(HIDDEN, SIZE) if name == "language_model" else nn.Linear(HIDDEN, outputs)


class Sketch:
    """What is the same in all four."""

    writes = frozenset({"labels"})
    reads = frozenset()
    needs = frozenset()
    encoders = ("main",)
    heads = {"language_model": Head("language_model")}  # noqa: RUF012
    relations = ()
    label_column = None
    name = ""

    def for_evaluation(self):
        return self

    def targets(self, columns):
        return columns["labels"] != IGNORED

    def count(self, columns):
        return {self.name: int(self.targets(columns).sum())}

    def weights(self, progress):
        return {self.name: 1.0}

    def labels(self, batch):
        """(own targets,)"""
        labels = batch["labels"].gather(1, batch["target_positions"]).flatten()
        return labels.index_select(0, batch[f"{self.name}:targets"])

    def own(self, hidden, batch):
        """(batch, targets, hidden) → (own targets, hidden)"""
        return hidden.flatten(0, 1).index_select(0, batch[f"{self.name}:targets"])


class CausalLanguageModel(Sketch):
    name = "clm"
    needs = frozenset({"causal"})

    def corrupt(self, columns, corruption):
        following = np.roll(columns["input_ids"], -1, axis=1)  # the last ordinary piece is followed by [SEP]
        return {"labels": np.where(columns["special_tokens_mask"] == 0, following, IGNORED)}

    def loss(self, heads, encode, batch):
        hidden = self.own(encode("main", batch).streams["targets"], batch)
        return {"clm": heads["language_model"].loss(hidden, self.labels(batch))}


class BidirectionalLanguageModel(Sketch):
    name = "bilm"

    def corrupt(self, columns, corruption):
        return {"labels": np.where(columns["special_tokens_mask"] == 0, columns["input_ids"], IGNORED)}

    def count(self, columns):
        return {"bilm": 2 * int(self.targets(columns).sum())}

    def loss(self, heads, encode, batch):
        streams = encode("main", batch).streams
        both = []
        for name, step in (("forward", -1), ("backward", 1)):  # what stands before a piece, and what behind it
            asked = (batch["target_positions"] + step).clamp(min=0)[:, :, None].expand(-1, -1, HIDDEN)
            hidden = self.own(streams[name].gather(1, asked), batch)
            both.append(heads["language_model"].loss(hidden, self.labels(batch)))
        one, other = both
        return {"bilm": Loss(one.total + other.total, one.count + other.count, one.correct + other.correct)}


class PermutationLanguageModel(Sketch):
    name = "plm"
    writes = frozenset({"labels", "ranks"})
    needs = frozenset({"two_stream"})

    def corrupt(self, columns, corruption):
        ordinary = columns["special_tokens_mask"] == 0
        at = (corruption.epoch, columns["example_ids"][:, None], np.arange(ordinary.shape[1]))
        draws = np.where(ordinary, hash64(corruption.seed, "plm: order", *at), np.uint64(2**64 - 1))
        order = np.argsort(np.argsort(draws, axis=1), axis=1)
        counts = ordinary.sum(axis=1, keepdims=True)
        last = ordinary & (order >= counts - np.maximum(1, counts // 6))
        return {"labels": np.where(last, columns["input_ids"], IGNORED), "ranks": np.where(ordinary, order, -1)}

    def loss(self, heads, encode, batch):
        hidden = self.own(encode("main", batch).streams["query"], batch)
        return {"plm": heads["language_model"].loss(hidden, self.labels(batch))}


class ReplacedTokenDetection(Sketch):
    name = "rtd"
    writes = frozenset({"input_ids", "labels", "rtd_keys"})
    encoders = ("main", "generator")
    heads = {"rtd": Head("token", 2), "rtd_generator": Head("language_model", encoder="generator")}  # noqa: RUF012
    masking = MaskedLanguageModel(MaskedLanguageModel.Settings(mask_share=1, random_share=0))

    def corrupt(self, columns, corruption):
        ordinary = columns["special_tokens_mask"] == 0
        at = (corruption.epoch, columns["example_ids"][:, None], np.arange(ordinary.shape[1]))
        keys = hash64(corruption.seed, "rtd: sample", *at).view(np.int64)
        return self.masking.corrupt(columns, corruption) | {"rtd_keys": np.where(ordinary, keys, 0)}

    def targets(self, columns):
        return columns["rtd_keys"] != 0

    def count(self, columns):
        return {"rtd": int(self.targets(columns).sum()), "rtd_generator": int((columns["labels"] != IGNORED).sum())}

    def weights(self, progress):
        return {"rtd": 50.0, "rtd_generator": 1.0}

    def loss(self, heads, encode, batch):
        hidden = self.own(encode("generator", batch).streams["targets"], batch)
        labels = self.labels(batch)
        masked = labels != IGNORED
        generator = heads["rtd_generator"].loss(hidden[masked], labels[masked])
        rows = torch.arange(len(batch["input_ids"]))[:, None] * batch["input_ids"].shape[1]
        places = (batch["target_positions"] + rows).flatten().index_select(0, batch["rtd:targets"])[masked]
        with torch.no_grad():
            drawn = sampled(heads["rtd_generator"](hidden[masked]), batch["rtd_keys"].flatten()[places])
        ids = batch["input_ids"].flatten().index_put((places,), drawn).view_as(batch["input_ids"])
        replaced = replace(batch, columns=batch.columns | {"input_ids": ids})
        is_replaced = torch.zeros_like(labels).masked_scatter(masked, (drawn != labels[masked]).long())
        hidden = self.own(encode("main", replaced).streams["targets"], replaced)
        return {"rtd": cross_entropy(heads["rtd"](hidden), is_replaced), "rtd_generator": generator}


def sampled(logits, keys):
    """A piece for each row of logits (targets, vocab), by the Gumbel trick with a hash for every piece."""
    bits = mixed(keys[:, None], torch.arange(logits.shape[1]))
    uniform = ((bits >> 11) & (2**53 - 1)).double() * 2.0**-53
    return (logits - (-(uniform + 1e-12).log()).log()).argmax(dim=1)


def mixed(state, counter):
    """One round of ``core.randomness.hash64``, on int64 tensors that stand for uint64."""
    state = (state ^ counter) + signed(0x9E3779B97F4A7C15)
    state = (state ^ ((state >> 30) & (2**34 - 1))) * signed(0xBF58476D1CE4E5B9)
    state = (state ^ ((state >> 27) & (2**37 - 1))) * signed(0x94D049BB133111EB)
    return state ^ ((state >> 31) & (2**33 - 1))


def signed(number):
    return number - 2**64


SKETCHES = {
    "clm": (CausalLanguageModel, {"main": CausalEncoder}),
    "bilm": (BidirectionalLanguageModel, {"main": BidirectionalEncoder}),
    "plm": (PermutationLanguageModel, {"main": TwoStreamEncoder}),
    "rtd": (ReplacedTokenDetection, {"main": ContextEncoder, "generator": ContextEncoder}),
}


@pytest.fixture(params=SKETCHES)
def sketch(request, make_store, vocabulary):
    """The objective by its name, examples of it, and how to make its model."""
    kind, encoders = SKETCHES[request.param]
    objectives = {request.param: kind()}
    store = make_store(documents=20)
    examples = DynamicExamples(store, vocabulary, objectives, kind="document-sentences", seq_length=32, seed=0)

    def make_model():
        torch.manual_seed(0)
        return PretrainingModel(ToyArchitecture, {name: encoder() for name, encoder in encoders.items()}, objectives)

    return objectives, examples, make_model


def one_step(objectives, examples, model, size, limit=24):
    micro = tuple(evaluation_batches(examples, objectives, batch_size=size, limit=limit))
    steps = train(
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
    return next(steps)


def test_a_step_trains_every_parameter_by_every_loss(sketch):
    objectives, examples, make_model = sketch
    model = make_model()
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    result = one_step(objectives, examples, model, 24)
    (objective,) = objectives.values()
    columns = examples.columns(0, np.arange(24))
    assert result.counts == objective.count(columns)
    assert result.losses.keys() == result.weights.keys() == result.counts.keys()
    chance = {"rtd": np.log(2)}
    for name, loss in result.losses.items():
        assert loss.item() / result.counts[name] == pytest.approx(chance.get(name, np.log(SIZE)), rel=0.25)
    assert [name for name, value in model.named_parameters() if torch.equal(value, before[name])] == []


def test_the_gradient_does_not_depend_on_how_a_batch_is_cut(sketch):
    """So nothing that is drawn, in the data or inside of the model, depends on a batch."""
    objectives, examples, make_model = sketch
    whole, cut = (one_step(objectives, examples, make_model(), size) for size in (24, 7))
    assert whole.counts == cut.counts
    assert cut.gradient_norm.item() == pytest.approx(whole.gradient_norm.item(), rel=1e-4)
    for name, loss in whole.losses.items():
        assert cut.losses[name].item() == pytest.approx(loss.item(), rel=1e-5)


def test_the_next_piece_is_predicted_at_every_ordinary_one(vocabulary):
    columns = {"input_ids": np.array([[2, 10, 11, 3, 0]]), "special_tokens_mask": np.array([[1, 0, 0, 1, 1]])}
    finished = CausalLanguageModel().corrupt(columns, Corruption(0, 0, vocabulary))
    assert finished["labels"].tolist() == [[IGNORED, 11, 3, IGNORED, IGNORED]]


def test_an_architecture_without_the_ability_is_refused():
    with pytest.raises(ConfigError, match="clm needs causal, which bert does not have"):
        check_objectives(Bert, {"clm": CausalLanguageModel()})


def test_what_a_position_sees_follows_the_order_of_factorisation():
    """Yang et al. 2019, figure 4: the order 3, 2, 4, 1."""
    ranks = torch.tensor([[[3, 2, 4, 1].index(position) for position in (1, 2, 3, 4)]])
    seen = visible(ranks, torch.arange(4)[None])[0]
    assert [[int(at) + 1 for at in row.nonzero()] for row in seen] == [[2, 3, 4], [3], [], [2, 3]]


def test_the_generator_draws_by_the_same_hash_as_the_data():
    at = (3, np.array([[7], [8]]), np.arange(4))
    keys = hash64(5, "rtd: sample", *at)
    expected = hash64(5, "rtd: sample", *(np.expand_dims(value, -1) for value in at), np.arange(SIZE))
    found = mixed(torch.from_numpy(keys.view(np.int64))[:, :, None], torch.arange(SIZE))
    assert np.array_equal(found.numpy().view(np.uint64), expected)


def test_the_generator_draws_as_its_logits_say():
    keys = torch.from_numpy(hash64(0, "keys", np.arange(20_000)).view(np.int64))
    shares = torch.tensor([0.5, 0.3, 0.15, 0.05])
    drawn = torch.bincount(sampled(shares.log().expand(len(keys), -1), keys), minlength=4) / len(keys)
    assert (drawn - shares).abs().max() < 5 * (0.25 / len(keys)) ** 0.5


def test_each_encoder_makes_one_pass_over_each_batch_however_many_ask(make_store, vocabulary):
    """Also where an objective lets go of a batch before it makes the next: its place in memory is used again."""
    passes = []

    class Counting(ContextEncoder):
        def forward(self, batch):
            passes.append(batch["input_ids"])
            return super().forward(batch)

    class Asking(CausalLanguageModel):
        def loss(self, heads, encode, batch):
            for number in range(20):
                other = replace(batch, columns=batch.columns | {"input_ids": batch["input_ids"] * 0 + number})
                hidden = encode("main", other).streams["targets"]
                assert torch.equal(hidden, encode("main", other).streams["targets"])
                assert (passes[-1] == number).all()
                del other
            return super().loss(heads, encode, batch)

    objectives = {"clm": CausalLanguageModel(), "asking": Asking()}
    examples = DynamicExamples(make_store(), vocabulary, objectives, kind="document-sentences", seq_length=32, seed=0)
    batch = make_batch(examples, objectives, 0, np.arange(4)).to(torch.device("cpu"))
    model = PretrainingModel(ToyArchitecture, {"main": Counting()}, objectives)
    assert model(batch).keys() == {"clm"}
    assert len(passes) == 1 + 20
