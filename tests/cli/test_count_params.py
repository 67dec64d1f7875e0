"""``bertcli count-params``: published counts, the calculation by hand, and clear answers to what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import transformers

from bertcli.cli.app import run
from bertcli.core.chatter import quiet_transformers

PUBLISHED = {
    "bert-tiny": 4_385_920,
    "bert-mini": 11_170_560,
    "bert-small": 28_763_648,
    "bert-medium": 41_373_184,
    "bert-base": 109_482_240,
    "bert-base-uncased": 109_482_240,
    "bert-base-cased": 108_310_272,
    "bert-large": 335_141_888,
    "bert-large-uncased": 335_141_888,
}


def counted(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert run(["count-params", *arguments, "--json"]) == 0
    values: dict[str, object] = json.loads(capsys.readouterr().out)
    return values


@pytest.mark.parametrize("name", PUBLISHED)
def test_named_sizes_have_their_published_counts(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = counted(capsys, name)
    assert report["parameters"] == PUBLISHED[name]
    assert report["by_hand"]["exact"] == PUBLISHED[name]
    assert sum(part["parameters"] for part in report["parts"]) == PUBLISHED[name]


def test_the_table_shows_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["count-params", "bert-base-uncased"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "," in line]
    rows = {line.split("  ")[1].strip(): line.split()[-2:] for line in lines}
    assert rows["word embeddings"][-1] == "23,440,896"
    assert rows["attention"] == ["2,362,368", "28,348,416"]
    assert rows["feed-forward"] == ["4,722,432", "56,669,184"]
    assert rows["layer norms"] == ["3,072", "36,864"]
    assert rows["pooler"][-1] == "590,592"
    assert rows["total"][-1] == "109,482,240"


def test_the_calculation_by_hand_of_bert_base(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["count-params", "bert-base-uncased", "--by-hand"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "embeddings (30522 + 512 + 2) · 768 = 23,835,648" in lines
    assert "attention, one layer 768 · 64 · 3 · 12 + 768 · 768 = 2,359,296" in lines
    assert "feed-forward, one layer 768 · 3072 · 2 = 4,718,592" in lines
    assert "weights only 23,835,648 + 12 · (2,359,296 + 4,718,592) = 108,770,304" in lines
    assert lines[-1].endswith("= 109,482,240")


@pytest.mark.parametrize("line", ["weights only", "exact", "pooler", "attention, one layer"])
def test_every_printed_formula_gives_its_printed_result(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = counted(capsys, "bert-small", "--vocab-size", "1234")
    term = next(term for term in report["by_hand"]["terms"] if term["name"] == line)
    assert eval(term["formula"].replace(",", "").replace("·", "*")) == term["count"]


def test_a_vocabulary_size_changes_the_embeddings_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert counted(capsys, "bert-mini", "--vocab-size", "8000")["parameters"] == 11_170_560 - (30_522 - 8_000) * 256


@pytest.mark.parametrize(("class_name", "pooled"), [("BertForPreTraining", True), ("BertForMaskedLM", False)])
def test_a_checkpoint_and_its_config_count_with_the_pooler_of_their_class(
    class_name: str, pooled: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = transformers.BertConfig(
        vocab_size=50, hidden_size=32, num_hidden_layers=3, num_attention_heads=2, intermediate_size=72
    )
    model = getattr(transformers, class_name)(config)
    with quiet_transformers():
        model.save_pretrained(tmp_path)
    expected = sum(parameter.numel() for parameter in model.bert.parameters())
    for named in (tmp_path, tmp_path / "config.json"):
        report = counted(capsys, str(named))
        assert (report["parameters"], report["pooled"], report["layers"]) == (expected, pooled, 3)
        assert report["by_hand"]["exact"] == expected


def test_a_pretraining_file_counts_its_architecture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pretrain.yaml"
    file.write_text("arch: bert-small\n")
    assert counted(capsys, str(file))["parameters"] == PUBLISHED["bert-small"]


@pytest.mark.parametrize(
    ("named", "message", "hint"),
    [
        ("bert-bass", "unknown architecture 'bert-bass'", "did you mean 'bert-base'?"),
        ("nowhere.json", "nowhere.json: no such file", "name a config.json"),
        ("nowhere.yaml", "nowhere.yaml: no such file", ""),
        ("./nowhere", "./nowhere: no such directory", "name a size such as bert-base"),
    ],
)
def test_what_is_not_there_is_said(named: str, message: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["count-params", named]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"error: {message}" in captured.err
    assert hint in captured.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"model_type": "gpt2"}', "unknown model_type 'gpt2'"),
        ("{}", "it does not say its model_type"),
        ('{"model_type": "bert", "hidden_size": "wide"}', "not a configuration of bert"),
        ('{"model_type": "bert", "hidden_size": 10, "num_attention_heads": 3}', "not a configuration of bert"),
        ("nothing", "not readable as JSON"),
    ],
)
def test_a_config_that_cannot_be_is_said(
    text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.json"
    file.write_text(text)
    assert run(["count-params", str(file)]) == 2
    error = capsys.readouterr().err
    assert f"error: {file}: {message}" in error
    assert "Traceback" not in error


def test_a_vocabulary_without_pieces_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["count-params", "bert-mini", "--vocab-size", "0"]) == 2
    assert "--vocab-size: input should be greater than or equal to 1" in capsys.readouterr().err
