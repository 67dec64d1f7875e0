"""Everything that bertcli raises on purpose.

BertcliError
├── UserError             exit 2: what the user gave is wrong
│   ├── ConfigError       a flag, a line of YAML, a --set
│   ├── InputFileError    a corpus, a table, a list of texts
│   │   └── EmptyTableError   a table without a single row
│   ├── VocabularyError   a vocabulary that does not open or does not fit
│   ├── DataError         a data set on disk that does not open or does not fit
│   ├── ModelError        a checkpoint that does not open or does not fit
│   ├── OutputError       an output that is in the way or cannot be written
│   └── DeviceError       a device or precision that is not there
├── RunError              exit 1: the run itself failed
│   ├── NonFiniteLossError
│   └── AuditError        a data audit found something outside its tolerance
├── ThresholdMissedError  exit 3: a --fail-under was not reached
└── InterruptedRunError   exit 130 or 143: stopped by a signal, checkpoint saved
"""

from __future__ import annotations

import copyreg
from typing import Any


class BertcliError(Exception):
    """Base of all. ``message`` is one line; ``hint`` says what to do next.

    Location comes first in the printed line, as compilers write it: ``corpus.txt:12: message``; ``path`` is a path or
    an address, anything whose ``str()`` names the place.
    """

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        path: object = None,
        line: int | None = None,
    ) -> None:
        self.message = message
        self.hint = hint
        self.path = str(path) if path is not None else None
        self.line = line
        super().__init__(str(self))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as it is, from a worker process: ``__init__`` has arguments that ``args`` does not tell."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]

    def __str__(self) -> str:
        where = self.path or ""
        if self.path and self.line is not None:
            where += f":{self.line}"
        return f"{where}: {self.message}" if where else self.message


class UserError(BertcliError):
    """What the user gave is wrong: a flag, a file, a configuration."""

    exit_code = 2


class ConfigError(UserError):
    """A flag, a line of YAML or a ``--set`` that does not hold.

    ``faults`` are all of them, one line each, when there is more than one.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        path: object = None,
        line: int | None = None,
        faults: tuple[str, ...] = (),
    ) -> None:
        self.faults = faults
        super().__init__(message, hint=hint, path=path, line=line)


class InputFileError(UserError):
    """A corpus, a table or a list of texts that cannot be read as asked."""


class EmptyTableError(InputFileError):
    """A table of examples without a single row."""


class VocabularyError(UserError):
    """A vocabulary that does not open, or does not fit the data or the casing."""


class DataError(UserError):
    """A data set on disk that does not open, or does not fit what is asked of it."""


class ModelError(UserError):
    """A checkpoint that does not open, or does not fit what is asked of it."""


class OutputError(UserError):
    """An output that is in the way or cannot be written."""


class DeviceError(UserError):
    """A device or a precision that was asked for and is not there."""


class RunError(BertcliError):
    """The run itself failed, through no fault of the input's form."""


class NonFiniteLossError(RunError):
    """The loss or a gradient became NaN or infinite; names the step and the batch."""


class AuditError(RunError):
    """An audit of data found something outside its tolerance."""


class ThresholdMissedError(BertcliError):
    """A metric did not reach the bound that ``--fail-under`` set."""

    exit_code = 3


class InterruptedRunError(BertcliError):
    """A signal stopped the run after its checkpoint was saved.

    Exit code 130 (SIGINT) or 143 (SIGTERM), as shells expect.
    """

    def __init__(self, message: str, *, signal_number: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.exit_code = 128 + signal_number
