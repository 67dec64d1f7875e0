"""Configurations from defaults, a YAML file, flags and --set: precedence, and every fault at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, model_validator

from bertcli.config.loader import ComponentFlag, FlagValue, known_keys, load_config
from bertcli.config.sequences import OBJECTIVES
from bertcli.core.settings import ChoiceOf, ComponentChoice, Flag, Settings, Share
from bertcli.errors import ConfigError


class Inner(Settings):
    weight_decay: Annotated[float, Field(ge=0), Flag("--weight-decay")] = 0.01
    """Decay."""
    shape: Literal["linear", "cosine"] = "linear"
    """Shape."""


class Example(Settings):
    steps: Annotated[int, Field(ge=1), Flag("--steps")] = 10
    """Steps."""
    learning_rate: float = 1e-3
    """Rate."""
    held_out: Share = 0.01
    """Share."""
    name: str | None = None
    """Name."""
    inner: Inner = Inner()
    """Section."""
    objectives: Annotated[ComponentChoice, ChoiceOf(OBJECTIVES)] = ComponentChoice()
    """Objectives."""

    @model_validator(mode="after")
    def _name_is_not_bad(self) -> Example:
        if self.name == "bad":
            raise ValueError("the name is bad | hint: take another")
        return self


class Needy(Settings):
    needed: str
    """Needed."""


def yaml(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    return path


def steps(value: object) -> FlagValue:
    return FlagValue(("steps",), value, "--steps")


def choose(*names: str) -> list[FlagValue]:
    return [FlagValue(("objectives", name), ComponentFlag(name), f"--{name}") for name in names]


def refused(**sources: object) -> ConfigError:
    with pytest.raises(ConfigError) as error:
        load_config(sources.pop("model", Example), **sources)  # type: ignore[arg-type]
    return error.value


# -- precedence


def test_later_sources_win(tmp_path: Path):
    file = yaml(tmp_path, "steps: 20\n")
    assert load_config(Example).steps == 10
    assert load_config(Example, file=file).steps == 20
    assert load_config(Example, file=file, flags=[steps("30")]).steps == 30
    assert load_config(Example, file=file, flags=[steps("30")], sets=["steps=40", "steps=50"]).steps == 50


def test_a_nested_key_changes_alone(tmp_path: Path):
    file = yaml(tmp_path, "inner:\n  weight_decay: 0.5\n  shape: cosine\n")
    decay = FlagValue(("inner", "weight_decay"), "0.1", "--weight-decay")
    assert load_config(Example, file=file, flags=[decay]).inner == Inner(weight_decay=0.1, shape="cosine")
    assert load_config(Example, file=file, sets=["inner.shape=linear"]).inner == Inner(weight_decay=0.5)


def test_numbers_are_read_as_people_write_them(tmp_path: Path):
    config = load_config(Example, file=yaml(tmp_path, "learning_rate: 1e-4\nheld_out: 5%\nname: 1e-4x\n"))
    assert (config.learning_rate, config.held_out, config.name) == (1e-4, 0.05, "1e-4x")
    assert load_config(Example, sets=["learning_rate=2e-5", "held_out= 1.5 %"]).held_out == 0.015


def test_null_takes_a_value_back(tmp_path: Path):
    assert load_config(Example, file=yaml(tmp_path, "name: x\n"), sets=["name=null"]).name is None


# -- components


def test_component_flags_replace_the_set_and_keep_the_settings_of_what_stays(tmp_path: Path):
    file = yaml(tmp_path, "objectives:\n  mlm: {probability: 0.3}\n")
    assert load_config(Example, file=file).objectives.chosen()["mlm"].dump()["probability"] == 0.3
    both = load_config(Example, file=file, flags=choose("mlm", "nsp")).objectives.chosen()
    assert list(both) == ["mlm", "nsp"]
    assert both["mlm"].dump()["probability"] == 0.3
    assert list(load_config(Example, file=file, flags=choose("nsp")).objectives.chosen()) == ["nsp"]


@pytest.mark.parametrize(
    "text", ["objectives: mlm", "objectives: [mlm]", "objectives: {mlm: }", "objectives: {mlm: true}"]
)
def test_a_name_alone_means_its_defaults(text: str, tmp_path: Path):
    file = yaml(tmp_path, text)
    for config in (load_config(Example, file=file), load_config(Example, file=file, flags=choose("mlm"))):
        assert config.objectives.chosen()["mlm"].dump()["probability"] == 0.15
    changed = load_config(Example, file=file, sets=["objectives.mlm.probability=0.4"])
    assert changed.objectives.chosen()["mlm"].dump()["probability"] == 0.4


def test_set_comes_after_component_flags():
    config = load_config(Example, flags=choose("mlm"), sets=["objectives.mlm.probability=0.4"])
    assert config.objectives.chosen()["mlm"].dump()["probability"] == 0.4


def unit(value: object = "word") -> FlagValue:
    return FlagValue(("objectives", "mlm", "unit"), value, "--mask-unit")


def units_of(config: Example) -> dict[str, object]:
    return {name: settings.dump().get("unit") for name, settings in config.objectives.chosen().items()}


def test_a_flag_of_a_setting_chooses_its_component_too():
    assert units_of(load_config(Example, flags=[unit()])) == {"mlm": "word"}
    assert units_of(load_config(Example, flags=[*choose("nsp"), unit()])) == {"mlm": "word", "nsp": None}


@pytest.mark.parametrize(
    "text", ["objectives: [mlm, nsp]", "objectives: {nsp: , mlm: true}", "objectives: nsp", "objectives: {nsp: {}}"]
)
def test_a_flag_of_a_setting_drops_nothing_of_the_file(text: str, tmp_path: Path):
    assert units_of(load_config(Example, file=yaml(tmp_path, text), flags=[unit()])) == {"mlm": "word", "nsp": None}


def test_a_flag_of_a_setting_brings_back_what_the_file_took_away(tmp_path: Path):
    file = yaml(tmp_path, "objectives: {mlm: false, nsp: }")
    assert units_of(load_config(Example, file=file, flags=[unit()])) == {"mlm": "word", "nsp": None}


def test_a_component_that_a_flag_sets_something_of_keeps_its_other_settings(tmp_path: Path):
    file = yaml(tmp_path, "objectives: {mlm: {probability: 0.3}}")
    for flags in ([unit()], [*choose("nsp"), unit()]):
        mlm = load_config(Example, file=file, flags=flags).objectives.chosen()["mlm"].dump()
        assert (mlm["unit"], mlm["probability"]) == ("word", 0.3)


def test_a_flag_of_a_setting_is_named_in_its_faults():
    rate = FlagValue(("objectives", "mlm", "probability"), "1", "--mask-rate")
    assert set(refused(flags=[unit("wrd"), rate]).faults) == {
        "--mask-unit: input should be 'token', 'word', 'span', 'ngram' or 'entity', got 'wrd'",
        "--mask-rate: expected a share above 0 and below 1, got 1",
    }


# -- faults


def test_all_faults_are_told_at_once_with_their_places(tmp_path: Path):
    file = yaml(tmp_path, "stesp: 5\ninner:\n  weight_decay: -1\n  shpe: linear\nheld_out: much\n")
    error = refused(file=file, flags=[steps("0")], sets=["learning_rate=fast"])
    assert set(error.faults) == {
        f"{file}:1: unknown key 'stesp'",
        f"{file}:3: inner.weight_decay: input should be greater than or equal to 0, got -1",
        f"{file}:4: unknown key 'inner.shpe'",
        f"{file}:5: held_out: input should be a valid number, unable to parse string as a number, got 'much'",
        "--steps: input should be greater than or equal to 1, got '0'",
        "--set learning_rate=fast: learning_rate: input should be a valid number, unable to parse string as a number, "
        "got 'fast'",
    }
    assert error.hint is not None
    assert "did you mean 'steps'?" in error.hint
    assert "did you mean 'inner.shape'?" in error.hint


def test_a_key_that_is_near_to_none_lists_those_there_are(tmp_path: Path):
    error = refused(file=yaml(tmp_path, "inner: {zzz: 1}\n"))
    assert error.hint == "known keys: shape, weight_decay"


def test_an_unknown_component_and_an_unknown_setting_are_located(tmp_path: Path):
    file = yaml(tmp_path, "objectives:\n  mlmm: {}\n  mlm:\n    probabilty: 0.1\n")
    error = refused(file=file)
    assert set(error.faults) == {
        f"{file}:2: unknown key 'objectives.mlmm'",
        f"{file}:4: unknown key 'objectives.mlm.probabilty'",
    }
    assert error.hint is not None
    assert "did you mean 'objectives.mlm'?" in error.hint
    assert "did you mean 'objectives.mlm.probability'?" in error.hint


def test_the_flag_of_a_setting_is_no_key_but_leads_to_it(tmp_path: Path):
    error = refused(file=yaml(tmp_path, "mask_unit: word\n"))
    assert error.hint == "did you mean 'objectives.mlm.unit'?"


def test_a_rule_over_several_keys_brings_its_hint(tmp_path: Path):
    file = yaml(tmp_path, "name: bad\n")
    error = refused(file=file)
    assert (str(error), error.hint) == (f"{file}: the name is bad", "take another")
    assert str(refused(sets=["name=bad"])) == "the name is bad"


def test_what_is_needed_and_not_given_is_said(tmp_path: Path):
    assert str(refused(model=Needy)) == "needed is needed and not given"
    file = yaml(tmp_path, "other: 1\n")
    assert f"{file}: needed is needed and not given" in refused(model=Needy, file=file).faults


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps", "--set steps: expected KEY=VALUE"),
        ("=5", "--set =5: expected KEY=VALUE"),
        ("a..b=5", "--set a..b=5: expected KEY=VALUE"),
        ("steps=[1", "--set steps=[1: not a value as YAML writes it: expected ',' or ']', but got '<stream end>'"),
    ],
)
def test_a_set_that_is_no_assignment_is_refused(text: str, message: str):
    assert str(refused(sets=[text])) == message


def test_repeated_keys_are_refused_with_both_lines(tmp_path: Path):
    file = yaml(tmp_path, "steps: 1\nname: x\nsteps: 2\n")
    assert str(refused(file=file)) == f"{file}:3: the key 'steps' stands here again; it was first on line 1"


def test_a_key_that_is_a_number_is_unknown(tmp_path: Path):
    file = yaml(tmp_path, "1: x\n")
    assert str(refused(file=file)).startswith(f"{file}:1: ")


def test_a_section_that_is_no_mapping_is_refused(tmp_path: Path):
    file = yaml(tmp_path, "inner: 5\n")
    assert str(refused(file=file)).startswith(
        f"{file}:1: inner: input should be a valid dictionary or instance of Inner"
    )


def test_known_keys_are_found_below_components():
    assert "probability" in known_keys(Example, ("objectives", "mlm"))
    assert known_keys(Example, ("nowhere",)) == []
