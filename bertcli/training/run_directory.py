"""A run's directory: what was asked, what was resolved, where it ran, what was measured, and its checkpoints."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

import bertcli
from bertcli.config.loader import load_config
from bertcli.core import atomic
from bertcli.core.manifest import MANIFEST_NAME, read_manifest, write_manifest
from bertcli.core.messages import notice
from bertcli.core.settings import Settings
from bertcli.core.yaml_files import write_yaml
from bertcli.errors import ConfigError, DataError

SettingsType = TypeVar("SettingsType", bound=Settings)

# What may differ between a run and its resume: where it runs, how it is fed, how it talks, and more of the same.
_WHERE_AND_HOW = ("device", "workers", "output", "resume", "overwrite", "dry_run", "text", "fail_under")
_INTERVALS = ("keep", "save_every", "eval_every", "log_every")
MAY_DIFFER = frozenset((*_WHERE_AND_HOW, *_INTERVALS))
"""What does not change the weights of a run, and may differ between it and its resume."""


class RunDirectory:
    """``runs/NAME``. It is live: only checkpoints and ``model/`` are renamed into place."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.model = path / "model"
        self.metrics = path / "metrics.jsonl"

    def taken_up(self, command: str, requested: SettingsType) -> SettingsType:
        """The configuration with which the run here goes on: its own, but for what may differ; else ``requested``.

        Raises ``ConfigError`` where what was asked for explicitly contradicts the run.
        """
        if not self.exists():
            return requested
        manifest = read_manifest(self.path, kind="run", made_by=f"bertcli {command}")
        if manifest["command"] != command:
            raise DataError(
                f"this run was made by `bertcli {manifest['command']}`, not by `bertcli {command}`",
                path=self.path,
                hint="-o DIR names another run",
            )
        resolved = load_config(type(requested), file=self.path / "config.yaml")
        _check_same_request(manifest["config"], resolved.dump(), requested, self.path)
        given = requested.model_fields_set & (MAY_DIFFER | {"steps"})
        return resolved.model_copy(update={name: getattr(requested, name) for name in given})

    def exists(self) -> bool:
        """Whether a run was begun here, far enough to be taken up."""
        return (self.path / MANIFEST_NAME).is_file() and (self.path / "config.yaml").is_file()

    def begin(self, *, overwrite: bool, resume: bool, inputs: Iterable[str | Path] = ()) -> bool:
        """Make the directory, or take up the run that is there; returns whether one is taken up.

        Raises ``OutputError`` where something is in the way.
        """
        if resume and self.exists():
            return True
        if resume:
            notice(f"there is no run in {self.path} to continue: a new one begins")
        # A run that was killed while it described itself has nothing to resume: it is begun anew.
        overwrite = overwrite or (resume and (self.path / MANIFEST_NAME).is_file())
        atomic.check_output_dir(self.path, overwrite=overwrite, resumable=True, inputs=inputs)
        if overwrite:
            shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir(parents=True, exist_ok=True)
        return False

    def discard(self) -> None:
        """Remove a run that could not begin."""
        shutil.rmtree(self.path, ignore_errors=True)

    def check_facts(self, **facts: Any) -> None:
        """Refuse to go on with other inputs than the run began with. Raises ``DataError``."""
        manifest = read_manifest(self.path, kind="run", made_by="bertcli")
        for name, value in facts.items():
            before = str(manifest.get(name, value))
            if before != value:
                raise DataError(
                    f"the {name} have changed since this run began ({before[:8]} then, {value[:8]} now)",
                    path=self.path,
                    hint="--overwrite or -o DIR starts a new run",
                )

    def describe(self, command: str, requested: Settings, resolved: Settings, **facts: Any) -> None:
        """Write the manifest, ``environment.json`` and, last, ``config.yaml``: with it the run can be taken up."""
        write_manifest(self.path, kind="run", command=command, config=requested.dump(), **facts)
        atomic.write_json(self.path / "environment.json", environment())
        self.write_config(command, resolved)

    def write_config(self, command: str, resolved: Settings) -> None:
        """Write ``config.yaml``; written again when a resume goes on for longer."""
        first_line = f"# Repeats this run: bertcli {command} config.yaml -o DIR\n"
        atomic.write_text(self.path / "config.yaml", first_line + write_yaml(_repeatable(resolved)))

    def log(self, metrics: dict[str, Any]) -> None:
        """Append a line to ``metrics.jsonl``."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(metrics, allow_nan=False) + "\n")

    def forget_after(self, step: int) -> None:
        """Drop the metrics of steps that a resume will do again, and a line that a crash cut short."""
        if not self.metrics.is_file():
            return
        kept = []
        for line in self.metrics.read_text("utf-8").splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if record["step"] <= step:
                kept.append(line)
        atomic.write_text(self.metrics, "".join(f"{line}\n" for line in kept))


def _repeatable(resolved: Settings) -> dict[str, Any]:
    """The configuration without what belongs to one invocation."""
    return {name: value for name, value in resolved.dump().items() if name not in ("overwrite", "resume", "dry_run")}


def environment() -> dict[str, Any]:
    """The machine and the versions under which a run happened."""
    import os
    import platform

    import torch
    import transformers

    return {
        "bertcli": bertcli.__version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "transformers": str(transformers.__version__),
        "platform": platform.platform(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _check_same_request(
    asked_before: dict[str, Any], resolved: dict[str, Any], requested: Settings, path: Path
) -> None:
    """Raise ``ConfigError`` where something was asked for that is neither what the run was asked for nor has."""
    given = requested.dump()
    for name in sorted(requested.model_fields_set & given.keys()):
        value, before = given[name], resolved.get(name)
        if name in MAY_DIFFER or value == before:
            continue
        more_steps = name == "steps" and before is not None and value > before
        if more_steps or (name != "steps" and value == asked_before.get(name)):
            continue
        stands = f"was run with {name} = {before}" if before is not None else f"was run without {name}"
        raise ConfigError(
            f"{path} {stands}, now {value} is asked for",
            hint="a resume takes the run's own configuration; only more steps, and where and how it runs, may differ. "
            "--overwrite or -o DIR starts a new run",
        )
