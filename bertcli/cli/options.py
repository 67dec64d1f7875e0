"""Turns a configuration model into the options of a command.

``configured_command(app, "pretrain", PretrainConfig, body)`` adds a command whose arguments and options are
the fields marked with ``Argument`` or ``Flag``, each component of a choice as a flag of its own with the
flags of its settings, and the options that every command has. The body gets the validated configuration.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from bertcli.cli import console
from bertcli.config.loader import ComponentFlag, FlagValue, load_config
from bertcli.core.ramps import Ramp
from bertcli.core.settings import Argument, ChoiceOf, Flag, Settings
from bertcli.core.yaml_files import KeyPath

SettingsType = TypeVar("SettingsType", bound=Settings)

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}

_METAVARS = {int: "INTEGER", float: "NUMBER", Ramp: "NUMBER", Path: "PATH", bool: "", str: "TEXT"}


@dataclass(frozen=True)
class _Option:
    """One parameter of the command's function, and the configuration key that it fills."""

    parameter: inspect.Parameter
    key: KeyPath
    flag: str
    component: str | None = None


def configured_command(
    app: typer.Typer,
    name: str,
    model: type[SettingsType],
    body: Callable[[SettingsType, bool], None],
    *,
    example: str,
    config_file: bool = False,
) -> None:
    """Add command ``name``; ``body(config, as_json)`` runs it. ``example`` ends the help and runs as it stands.

    With ``config_file`` the first argument is an optional YAML file.
    """
    options = list(_options(model, (), "Options"))

    def command(**given: Any) -> None:
        console.set_verbosity(quiet=given.pop("quiet"))
        as_json = given.pop("as_json")
        sets = given.pop("set_values") or []
        file = given.pop("config_file", None)
        flags = [flag for option in options if (flag := _flag_value(option, given[option.parameter.name])) is not None]
        body(load_config(model, file=file, flags=flags, sets=sets), as_json)

    parameters = [option.parameter for option in options] + _shared_parameters()
    if config_file:
        parameters.insert(0, _config_parameter())
    parameters.sort(
        key=lambda parameter: not isinstance(parameter.annotation.__metadata__[0], typer.models.ArgumentInfo)
    )
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = inspect.getdoc(body)
    app.command(name, epilog=f"Example: {example}", context_settings=HELP_OPTIONS)(command)


def command_app(help: str | None = None) -> typer.Typer:
    """The application of one command file; with ``help`` it is a group of commands, and alone it prints its help."""
    house: dict[str, Any] = {"add_completion": False, "rich_markup_mode": None}
    if help is None:
        return typer.Typer(**house)
    group = typer.Typer(help=help, no_args_is_help=True, context_settings=HELP_OPTIONS, **house)
    group.callback()(lambda: None)  # without one, typer takes a single command for the whole group
    return group


def _flag_value(option: _Option, value: Any) -> FlagValue | None:
    if value is None or value == []:
        return None
    if option.component is not None:
        return FlagValue(option.key, ComponentFlag(option.component), option.flag) if value else None
    return FlagValue(option.key, value, option.flag)


def _options(model: type[BaseModel], prefix: KeyPath, panel: str) -> Iterator[_Option]:
    for name, field in model.model_fields.items():
        key = (*prefix, name)
        markers = field.metadata
        choice = next((marker for marker in markers if isinstance(marker, ChoiceOf)), None)
        flag = next((marker for marker in markers if isinstance(marker, Flag)), None)
        argument = next((marker for marker in markers if isinstance(marker, Argument)), None)
        if choice is not None:
            yield from _component_options(choice, key)
        elif flag is not None:
            yield _option(key, field, flag)
        elif argument is not None:
            yield _argument(key, field, argument)
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _options(field.annotation, key, name)


def _option(key: KeyPath, field: FieldInfo, flag: Flag) -> _Option:
    kind, many = _kind(field.annotation)
    declarations = [flag.name, *([flag.short] if flag.short else [])]
    if kind is bool and not flag.name.count("/"):
        declarations[0] = f"{flag.name}/--no-{flag.name.removeprefix('--')}"
    info = typer.Option(
        *declarations,
        help=_help(field),
        show_default=False,
        metavar=_metavar(kind) if kind is not bool else None,
    )
    annotation: Any = list[str] if many else bool if kind is bool else str
    return _Option(_parameter(key, annotation, info), key, flag.name.split("/")[0])


def _argument(key: KeyPath, field: FieldInfo, argument: Argument) -> _Option:
    _, many = _kind(field.annotation)
    required = field.is_required()
    info = typer.Argument(
        help=_help(field), show_default=False, metavar=argument.metavar.rstrip(".") if many else argument.metavar
    )
    annotation: Any = list[str] if many else str
    return _Option(_parameter(key, annotation, info, required=required), key, argument.metavar.rstrip("."))


def _component_options(choice: ChoiceOf, key: KeyPath) -> Iterator[_Option]:
    for name in choice.folder.names():
        flag = f"--{name.replace('_', '-')}"
        info = typer.Option(flag, help=_sentence(choice.folder.summary(name)), show_default=False)
        yield _Option(_parameter((*key, name), bool, info), (*key, name), flag, component=name)
        yield from _options(choice.folder.load(name).Settings, (*key, name), name)


def _sentence(text: str) -> str:
    return text if text.endswith(("?", ".")) else f"{text}."


def _parameter(key: KeyPath, annotation: Any, info: Any, *, required: bool = False) -> inspect.Parameter:
    optional = annotation if required else annotation | None
    return inspect.Parameter(
        "__".join(key),
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if required else None,
        annotation=Annotated[optional, info],
    )


def _kind(annotation: Any) -> tuple[Any, bool]:
    """The scalar type behind an annotation, and whether many are taken."""
    if get_origin(annotation) in (list, tuple):
        return get_args(annotation)[0], True
    if get_origin(annotation) is Literal:
        return annotation, False
    for inner in get_args(annotation):
        if inner is not type(None):
            return _kind(inner)
    return annotation, False


def _metavar(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return "[" + "|".join(map(str, get_args(kind))) + "]"
    return _METAVARS.get(kind, "TEXT")


def _help(field: FieldInfo) -> str:
    text = " ".join((field.description or "").split())
    default = field.default
    if field.is_required() or default is None or default in ((), [], False) or field.default_factory:
        return text
    if isinstance(default, bool):
        default = _flag_of_truth(field, default)
    if isinstance(default, Ramp):
        default = default.model_dump()
    return f"{text} [default: {default}]"


def _flag_of_truth(field: FieldInfo, default: bool) -> str:
    """How a default of true or false is said: by the half of the flag that gives it."""
    flag = next(marker for marker in field.metadata if isinstance(marker, Flag))
    yes, _, no = flag.name.partition("/")
    return (yes if default else no or f"--no-{yes.removeprefix('--')}").removeprefix("--")


def _config_parameter() -> inspect.Parameter:
    info = typer.Argument(help="A YAML file; flags and --set override it.", metavar="[CONFIG]", show_default=False)
    return inspect.Parameter(
        "config_file", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[Path | None, info]
    )


def _shared_parameters() -> list[inspect.Parameter]:
    set_values = typer.Option(
        "--set", metavar="KEY=VALUE", help="Set any key of the configuration.", show_default=False
    )
    as_json = typer.Option("--json", help="Print one JSON object instead of a table.")
    quiet = typer.Option("--quiet", "-q", help="No notices and no progress.")
    return [
        inspect.Parameter(
            "set_values",
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[list[str] | None, set_values],
        ),
        inspect.Parameter(
            "as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, as_json]
        ),
        inspect.Parameter("quiet", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, quiet]),
    ]
