"""Errors that are raised on purpose."""

from __future__ import annotations

import pickle

import pytest

from bertcli.errors import BertcliError, ConfigError, InputFileError, InterruptedRunError


@pytest.mark.parametrize(
    "error",
    [
        InputFileError("no good", hint="mend it", path="a.txt", line=3),
        ConfigError("two faults", faults=("one", "two")),
        InterruptedRunError("stopped", signal_number=15, hint="go on"),
    ],
)
def test_an_error_comes_out_of_another_process_as_it_is(error: BertcliError):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.args == error.args
    assert vars(again) == vars(error)
    assert again.exit_code == error.exit_code
