import json
from pathlib import Path

import pytest

from bertcli.cli.commands.config import CONFIGURATIONS


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_schema_is_printed_for_every_configuration(bertcli, name):
    outcome = bertcli("config", "schema", name)
    assert outcome.code == 0
    schema = outcome.json()
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert schema["additionalProperties"] is False
    assert "description" in next(iter(schema["properties"].values())) or "$ref" in str(schema["properties"])


def test_the_schema_of_pretraining_knows_every_objective_and_its_settings(bertcli):
    text = json.dumps(bertcli("config", "schema", "pretrain").json())
    for word in ("mlm", "nsp", "probability", "warmup", "weight_decay", "Peak learning rate"):
        assert word in text


def test_a_schema_can_be_written_once(bertcli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert bertcli("config", "schema", "finetune", "-o", "schema.json").code == 0
    assert "max_length" in json.loads(Path("schema.json").read_text())["properties"]
    outcome = bertcli("config", "schema", "finetune", "-o", "schema.json")
    assert outcome.code == 2
    assert "schema.json: the file is there already" in outcome.err


def test_an_unknown_configuration_suggests_the_nearest(bertcli):
    outcome = bertcli("config", "schema", "pretrian")
    assert outcome.code == 2
    assert "did you mean 'pretrain'?" in outcome.err


def test_bounds_of_shares_are_json_schema(bertcli):
    schema = bertcli("config", "schema", "pretrain").json()
    probability = schema["$defs"]["MaskedLanguageModelSettings"]["properties"]["probability"]["anyOf"][0]
    assert probability["exclusiveMinimum"] == 0
    assert probability["exclusiveMaximum"] == 1
    assert not {"gt", "lt", "ge", "le"} & {key for part in schema["$defs"].values() for key in str(part).split("'")}
