import pytest
import torch
from torch.nn import functional

from bertcli.architectures import _vocabulary_cross_entropy as module
from bertcli.architectures._vocabulary_cross_entropy import LinearCrossEntropy, vocabulary_cross_entropy


@pytest.mark.parametrize(("chunk", "block"), [(2048, 2048), (2048, 7), (16, 7), (7, 16)])
def test_the_fused_loss_and_its_gradients_equal_torch_in_float64(monkeypatch, chunk, block):
    monkeypatch.setattr(module, "_TARGETS_PER_CHUNK", chunk)
    monkeypatch.setattr(module, "_LOGITS_PER_BLOCK_ON_CPU", block * 300)
    torch.manual_seed(0)
    hidden, weight, bias = torch.randn(50, 16), torch.randn(300, 16), torch.randn(300)
    labels = torch.randint(0, 300, (50,))
    for tensor in (hidden, weight, bias):
        tensor.requires_grad_()
    total, correct = LinearCrossEntropy.apply(hidden, weight, bias, labels)
    (total * 0.37).backward()

    exact = [tensor.detach().double().requires_grad_() for tensor in (hidden, weight, bias)]
    logits = exact[0] @ exact[1].T + exact[2]
    reference = functional.cross_entropy(logits, labels, reduction="sum")
    (reference * 0.37).backward()

    assert total.item() == pytest.approx(reference.item(), rel=1e-5)
    assert correct.item() == (logits.argmax(1) == labels).sum().item()
    for ours, theirs in zip((hidden, weight, bias), exact, strict=True):
        assert torch.allclose(ours.grad.double(), theirs.grad, rtol=1e-4, atol=1e-5)


def test_an_improbable_label_has_a_finite_loss():
    hidden, weight = torch.tensor([[200.0]]), torch.tensor([[1.0], [-1.0]])
    total, _ = LinearCrossEntropy.apply(hidden, weight, torch.zeros(2), torch.tensor([1]))
    assert total.item() == pytest.approx(400.0)


def test_without_gradients_nothing_is_kept():
    total, correct = LinearCrossEntropy.apply(
        torch.randn(3, 4), torch.randn(9, 4), torch.zeros(9), torch.tensor([1, 2, 3])
    )
    assert not total.requires_grad
    assert 0 <= correct.item() <= 3


def test_under_bf16_autocast_the_loss_stays_near_and_gradients_keep_their_precision():
    torch.manual_seed(0)
    hidden, weight = torch.randn(40, 16, requires_grad=True), torch.randn(90, 16, requires_grad=True)
    bias, labels = torch.zeros(90, requires_grad=True), torch.randint(0, 90, (40,))
    exact, _ = LinearCrossEntropy.apply(hidden, weight, bias, labels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        total, _ = LinearCrossEntropy.apply(hidden, weight, bias, labels)
    total.backward()
    assert total.dtype == torch.float32
    assert total.item() == pytest.approx(exact.item(), rel=0.02)
    assert hidden.grad.dtype == weight.grad.dtype == bias.grad.dtype == torch.float32


def test_an_evaluation_computes_no_gradients(monkeypatch):
    def product(*unused, **more):
        raise AssertionError("a gradient was computed")

    monkeypatch.setattr(module.torch, "mm", product)
    weight, bias = torch.randn(9, 4, requires_grad=True), torch.zeros(9, requires_grad=True)
    labels = torch.tensor([1, 2, 3])
    with torch.no_grad():
        assert vocabulary_cross_entropy(torch.randn(3, 4), weight, bias, labels).count == 3
    with pytest.raises(AssertionError, match="a gradient was computed"):
        vocabulary_cross_entropy(torch.randn(3, 4), weight, bias, labels)


def test_bf16_gradients_are_within_the_rounding_of_bf16(monkeypatch):
    """Eight bits of mantissa: each product is within 2**-8 of its operands' sizes, sums average out."""
    monkeypatch.setattr(module, "_TARGETS_PER_CHUNK", 16)
    torch.manual_seed(0)
    hidden, weight, bias = torch.randn(50, 16), torch.randn(300, 16) * 0.3, torch.randn(300)
    labels = torch.randint(0, 300, (50,))
    ours = [tensor.clone().requires_grad_() for tensor in (hidden, weight, bias)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        LinearCrossEntropy.apply(*ours, labels)[0].backward()
    exact = [tensor.double().requires_grad_() for tensor in (hidden, weight, bias)]
    functional.cross_entropy(exact[0] @ exact[1].T + exact[2], labels, reduction="sum").backward()
    for mine, theirs in zip(ours, exact, strict=True):
        assert (mine.grad - theirs.grad).norm() < 0.02 * theirs.grad.norm()
