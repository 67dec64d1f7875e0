import pytest
import torch

from bertcli.architectures._bert_modules import ClassificationHead
from bertcli.errors import ModelError
from bertcli.models.checkpoint import LabelledRows
from bertcli.models.label_reuse import reuse_labels


class Config:
    hidden_size, hidden_dropout_prob, classifier_dropout = 2, 0.1, None


SOURCE = LabelledRows(
    ("a", "b", "c"), torch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]), torch.tensor([1.0, 2.0, 3.0])
)


def test_rows_go_where_the_label_stands_now_and_others_stay_as_they_were():
    head = ClassificationHead(Config(), outputs=3)
    before = head.classifier.weight.detach().clone()
    assert reuse_labels(head, ["c", "x", "a"], SOURCE, where="m") == ("c", "a")
    assert head.classifier.weight[[0, 2]].tolist() == [[3.0, 3.0], [1.0, 1.0]]
    assert head.classifier.bias[[0, 2]].tolist() == [3.0, 1.0]
    assert torch.equal(head.classifier.weight[1], before[1])
    assert head.classifier.weight.requires_grad


@pytest.mark.parametrize(
    ("names", "source", "outputs", "message"),
    [
        ([], SOURCE, 1, "the task has no named labels whose rows could be reused"),
        (["a"], None, 1, "m: it has no head with named labels"),
        (["x", "y"], SOURCE, 2, "m: its head knows the labels a, b, c, and none of the task's: x, y"),
    ],
)
def test_what_has_no_rows_to_reuse_is_refused(names, source, outputs, message):
    with pytest.raises(ModelError, match=message):
        reuse_labels(ClassificationHead(Config(), outputs), names, source, where="m")


def test_long_lists_of_labels_are_cut():
    many = tuple(f"l{number}" for number in range(12))
    source = LabelledRows(many, torch.zeros(12, 2), torch.zeros(12))
    with pytest.raises(ModelError, match="l9 and 2 more, and none"):
        reuse_labels(ClassificationHead(Config(), 1), ["x"], source, where="m")
