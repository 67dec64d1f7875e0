"""Settings: closed, frozen, and choices of components."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import Field, ValidationError

from bertcli.config.sequences import OBJECTIVES, Sequences
from bertcli.core.settings import ChoiceOf, ComponentChoice, Settings, Share


class Example(Settings):
    """An example."""

    share: Annotated[Share, Field(ge=0, le=1)] = 0.01
    """A share."""
    name: str | None = None
    """A name."""


def test_settings_are_frozen_and_closed():
    with pytest.raises(ValidationError, match="frozen"):
        Example().name = "x"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="extra_forbidden"):
        Example.model_validate({"nmae": "x"})


def test_the_sentence_below_a_field_is_its_description():
    assert Example.model_fields["share"].description == "A share."


def test_a_dump_leaves_out_what_is_not_set():
    assert Example().dump() == {"share": 0.01}


@pytest.mark.parametrize(
    ("given", "share"), [("1%", 0.01), (" 12.5 % ", 0.125), ("0.2", 0.2), (0.3, 0.3), ("100%", 1.0)]
)
def test_a_share_may_be_a_percentage(given: object, share: float):
    assert Example.model_validate({"share": given}).share == share


@pytest.mark.parametrize("given", ["101%", "%", "1.2.3%", "-1%", 2])
def test_what_is_no_share_is_refused(given: object):
    with pytest.raises(ValidationError) as error:
        Example.model_validate({"share": given})
    assert [details["loc"] for details in error.value.errors()] == [("share",)]


def test_a_choice_holds_what_was_named_in_the_order_of_names():
    choice = ChoiceOf(OBJECTIVES).model().model_validate(["nsp", "mlm"])
    assert list(choice.chosen()) == ["mlm", "nsp"]
    assert ComponentChoice().chosen() == {}


def test_a_dumped_choice_gives_the_same_choice():
    config = Sequences.model_validate({"objectives": {"mlm": {"probability": 0.3}}})
    again = Sequences.model_validate(config.dump())
    assert again == config
    assert list(again.objectives.chosen()) == ["mlm"]


def test_a_component_that_is_taken_back_is_not_chosen():
    config = Sequences.model_validate({"objectives": {"mlm": {}, "nsp": False}})
    assert list(config.objectives.chosen()) == ["mlm"]
