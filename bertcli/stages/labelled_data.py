"""The task and the tables that a command is told of, opened."""

from __future__ import annotations

from bertcli.config.labelled_data import LabelledData
from bertcli.config.loader import FlagValue, load_config
from bertcli.contracts.task import TASKS, Task
from bertcli.core.messages import notice
from bertcli.data.splits import SplitTables, WhenUnreadable, find_files, load_hub_tables, read_tables
from bertcli.errors import ConfigError
from bertcli.tasks import FoundTask, find_task

MAX_LENGTH = 128
"""Pieces of the longest sequence, special ones included."""


def open_task(config: LabelledData) -> tuple[FoundTask, Task]:
    """The task that the configuration names, with its settings. Raises ``ConfigError`` with every fault."""
    found = find_task(config.task)
    of_flags = config.flags_of_the_task()
    for name in of_flags:
        if name not in found.kind.Settings.model_fields:
            raise _not_of_this_kind(found, name)
    flags = [FlagValue((key,), value, f"task_settings.{key}") for key, value in config.task_settings.items()]
    flags += [FlagValue((key,), value, _flag(key)) for key, value in of_flags.items()]
    preset = [FlagValue((key,), value, f"{found.name}.yaml") for key, value in found.settings.items()]
    return found, found.kind(load_config(found.kind.Settings, flags=[*preset, *flags]))


def _flag(setting: str) -> str:
    return "--" + setting.replace("_", "-")


def _not_of_this_kind(found: FoundTask, setting: str) -> ConfigError:
    kinds = [name for name in TASKS.names() if setting in TASKS.load(name).Settings.model_fields]
    kind = found.preset.kind if found.preset else found.name
    named = kind if kind == found.name else f"{found.name} ({kind})"
    return ConfigError(
        f"{_flag(setting)}: the task {named} has no such setting",
        hint=f"kinds of task that have it: {', '.join(kinds)}",
    )


def max_length_of(asked: int | None, found: FoundTask, positions: int | None = None) -> int:
    """The longest sequence: the flag says it; else the preset, or what is usual, as far as a model has positions."""
    usual = (found.preset and found.preset.max_length) or MAX_LENGTH
    return asked or min(usual, positions or usual)


def read_labelled(
    config: LabelledData,
    found: FoundTask,
    task: Task,
    *,
    when_unreadable: WhenUnreadable | None = None,
) -> tuple[SplitTables, str]:
    """The tables of every split, from files or from the Hub, and their fingerprint.

    Files that cannot be read are left out where ``when_unreadable`` is there to be told of them; otherwise the first is
    an error.
    """
    names = found.preset.files if found.preset else {}
    if config.data or config.train:
        files = find_files(
            data=config.data,
            given={"train": config.train, "dev": config.dev, "test": config.test},
            names=names,
            suffixes=task.suffixes,
        )
        return read_tables(task, files, when_unreadable=when_unreadable)
    if found.preset is None:
        raise ConfigError(
            f"{config.task} needs data",
            hint=f"give a folder by {config.data_argument}, or files by --train and --dev",
        )
    notice(
        f"no {config.data_argument.split()[0]}: taking {found.preset.hub.dataset} ({found.preset.hub.config}) "
        "from the Hub"
    )
    return load_hub_tables(found.preset.hub, names)
