"""How many processes a command that works through text may use."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bertcli.core.settings import Flag, Settings
from bertcli.core.workers import available_cores


class Workers(Settings):
    """Processes that work through text."""

    workers: Annotated[int | None, Field(ge=1), Flag("--workers")] = None
    """Processes that work through the text (default: the cores of the machine). The result does not depend on them."""

    @property
    def worker_processes(self) -> int:
        """The processes to use."""
        return self.workers or available_cores()
