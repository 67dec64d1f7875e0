"""What is written down is run, or at least looked up."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from bertcli.cli.app import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = (
    "vocab",
    "mask",
    "pretrain",
    "finetune",
    "significance",
    "doctor",
    "extract-features",
    "count-params",
    "config",
    "demo",
)


def leaves(command, words=()):
    """Every command at the end of the tree, with its words."""
    names = command.list_commands(typer.Context(command)) if hasattr(command, "list_commands") else []
    if not names:
        yield words, command
    for name in names:
        yield from leaves(command.get_command(typer.Context(command), name), (*words, name))


TREE = dict(leaves(typer.main.get_command(app)))


def test_the_tree_of_commands_is_the_one_the_readme_tells():
    assert {words[0] for words in TREE} == set(COMMANDS)
    for name in COMMANDS:
        assert f"bertcli {name}" in README or name == "demo", name


def test_every_flag_in_the_readme_exists():
    known = {option for command in TREE.values() for parameter in command.params for option in parameter.opts}
    known |= {"--help", "--version"}
    others = ("benchmarks/", "`dask worker ")
    ours = "\n".join(line for line in README.splitlines() if not any(other in line for other in others))
    for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", ours):
        assert flag in known, flag


@pytest.mark.parametrize("words", sorted(TREE), ids=" ".join)
def test_help_ends_with_an_example_of_this_very_command(words):
    epilog = TREE[words].epilog or ""
    assert epilog.startswith(f"Example: bertcli {' '.join(words)}"), epilog
    known = {option for parameter in TREE[words].params for option in parameter.opts}
    for flag in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", epilog):
        assert flag in known, flag


@pytest.mark.parametrize("words", sorted(TREE), ids=" ".join)
def test_every_option_has_a_sentence(words):
    for parameter in TREE[words].params:
        assert getattr(parameter, "help", None), f"{' '.join(words)}: {parameter.name}"


@pytest.mark.slow
def test_the_session_of_the_readme_runs_as_pasted(tmp_path):
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    (session,) = [block for block in blocks if "bertcli vocab build" in block]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(
        ["bash", "-euc", session], cwd=tmp_path, env=environment, text=True, capture_output=True, timeout=600
    )
    assert result.returncode == 0, result.stderr
    assert "108,770,304" in result.stdout
    assert "109,482,240" in result.stdout
    assert sorted(path.name for path in (tmp_path / "bertcli-out").iterdir()) == ["data", "runs", "vocab"]
    assert (tmp_path / "features.npz").is_file()


def test_nothing_that_is_tracked_speaks_of_the_machine_it_was_written_on():
    result = subprocess.run(["git", "ls-files"], cwd=ROOT, text=True, capture_output=True)
    if result.returncode:
        pytest.skip("not a git checkout")
    own = Path(__file__).relative_to(ROOT).as_posix()
    for name in result.stdout.splitlines():
        path = ROOT / name
        if name == own or not path.is_file() or path.suffix in (".png",):
            continue
        assert not re.search(r"(?<![\w.])/(home|root|Users)/\w", path.read_text("utf-8", "replace")), name
