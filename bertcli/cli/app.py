"""The application: finds commands in their folder, runs one, and turns errors into one clear line.

Listing the commands imports none of them, so that ``bertcli --help`` stays quick.
"""

from __future__ import annotations

import errno
import importlib
import sys
from typing import Any

import typer
from typer import _click
from typer.core import TyperCommand, TyperGroup

from bertcli import __version__
from bertcli.cli import console
from bertcli.core.component_folder import Folder, did_you_mean
from bertcli.errors import BertcliError

_INTERRUPTED = 130

COMMANDS = Folder("bertcli.cli.commands", "command")

# The order of the main job comes first, as a reader would run it; what is new goes to the end.
ORDER = ("vocab", "mask", "pretrain", "doctor", "finetune", "significance", "extract-features", "count-params")


class _Commands(TyperGroup):
    """A group whose commands are the files of ``cli/commands``."""

    _listing = False

    def format_commands(self, ctx: _click.Context, formatter: _click.HelpFormatter) -> None:
        """List the commands by the first lines of their files, importing none of them."""
        self._listing = True
        try:
            super().format_commands(ctx, formatter)
        finally:
            self._listing = False

    def list_commands(self, ctx: _click.Context) -> list[str]:
        names = [name.replace("_", "-") for name in COMMANDS.names()]
        return sorted(names, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))

    def get_command(self, ctx: _click.Context, cmd_name: str) -> _click.Command | None:
        name = cmd_name.replace("-", "_")
        if name not in COMMANDS.names():
            return None
        if self._listing:
            return TyperCommand(name=cmd_name, help=COMMANDS.summary(name))
        module = importlib.import_module(f"{COMMANDS.package}.{name}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"bertcli {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Try it: bertcli demo",
)


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Print the version."),
) -> None:
    """From raw text to a fine-tuned encoder: vocabulary, masking, pretraining, fine-tuning, features."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong input, 3 below a threshold, 130/143 interrupted."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    command = typer.main.get_command(app)
    try:
        result: Any = command.main(args=arguments, prog_name="bertcli", standalone_mode=False)
        sys.stdout.flush()
    except BertcliError as error:
        console.show_error(error)
        return error.exit_code
    except _click.exceptions.NoArgsIsHelpError as error:
        typer.echo(error.format_message())
        return 0
    except _click.exceptions.UsageError as error:
        console.show_usage_error(error.format_message(), _usage_hint(error))
        return 2
    except (typer.Abort, KeyboardInterrupt):
        console.show_usage_error("interrupted", None)
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: that is no failure of ours.
        sys.stdout = None
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        console.show_usage_error(f"cannot write: {error.strerror}", "free some space, or write elsewhere")
        sys.stdout = None  # what is left in its buffer has no place either
        return 1
    except SystemExit as error:
        # typer ends with 1 when the reader of our output has gone; to a pipeline that is no failure.
        if isinstance(sys.exc_info()[1].__context__, BrokenPipeError):  # type: ignore[union-attr]
            return 0
        return error.code if isinstance(error.code, int) else 1
    if result == _INTERRUPTED:  # typer catches Ctrl-C without a word
        console.show_usage_error("interrupted", None)
    return result if isinstance(result, int) else 0


def _usage_hint(error: _click.exceptions.UsageError) -> str:
    path = error.ctx.command_path if error.ctx else "bertcli"
    message = error.format_message()
    if error.ctx and isinstance(error.ctx.command, _Commands) and "'" in message:
        near = did_you_mean(message.split("'")[1], error.ctx.command.list_commands(error.ctx))
        if near:
            return f"did you mean `{path} {near}`?"
    return f"`{path} --help` lists what it takes"
