"""Who works through text: processes of this machine, or a cluster."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from bertcli.core.settings import Flag, Settings
from bertcli.core.workers import DaskCluster, Pool, Processes, available_cores

_ADDRESS = re.compile(r"(?:(?:tcp|tls|wss?)://)?(?:[\w.-]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}")


def _check_address(address: str) -> str:
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"expected the address of a Dask scheduler such as tcp://host:8786, got {address!r}")
    return address


_Address = Annotated[str, AfterValidator(_check_address)]


class Workers(Settings):
    """Who works through text."""

    workers: Annotated[int | None, Field(ge=1), Flag("--workers")] = None
    """Processes that work through the text (default: the cores of the machine). The result does not depend on them."""
    dask: Annotated[_Address | None, Flag("--dask")] = None
    """Address of a Dask scheduler whose workers work through the text, for example tcp://host:8786."""

    @model_validator(mode="after")
    def _one_pool(self) -> Self:
        if self.workers is not None and self.dask is not None:
            raise ValueError(
                "--workers is a number of processes of this machine, and with --dask the cluster's do the work | "
                "hint: leave one out; `dask worker --nworkers` says how many a machine of the cluster has"
            )
        return self

    @property
    def pool(self) -> Pool:
        """Who works."""
        return DaskCluster(self.dask) if self.dask is not None else Processes(self.workers or available_cores())
