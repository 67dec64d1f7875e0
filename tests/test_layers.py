"""The picture of the layers, held against the imports."""

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bertcli

PACKAGE = Path(bertcli.__file__).parent
# Each layer imports only what stands before it; layers in one set are siblings and do not import each other.
LAYERS = (
    {"errors"},
    {"core"},
    {"config"},
    {"text"},
    {"contracts"},
    {"data"},
    {"architectures", "objectives", "tasks"},
    {"models"},
    {"training"},
    {"stages"},
    {"cli"},
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
# ``text`` gives the facts of a vocabulary in the form that contracts fix; a plain record, no protocol.
ALLOWED = {("text", "bertcli.contracts.vocabulary")}
LIBRARIES = {
    "typer": {"cli"},
    "rich": {"cli"},
    "tokenizers": {"text"},
    "fsspec": {"text"},
    "accelerate": {"training", "stages"},
    "dask": {"core"},
    "distributed": {"core"},
}


def imports(path: Path) -> list[tuple[str, bool]]:
    """Every imported module, and whether it is imported for typing only."""
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in typing_only) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.module, id(node) in typing_only))
            if node.module == "bertcli":
                found += [(f"bertcli.{alias.name}", id(node) in typing_only) for alias in node.names]
    return found


FILES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem == "errors")


def layer_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path):
    layer = layer_of(path)
    for module, _ in imports(path):
        if not module.startswith("bertcli.") or (layer, module) in ALLOWED:
            continue
        target = module.split(".")[1]
        if target == "__version__" or target == layer:
            continue
        assert RANK[target] < RANK[layer], f"{path.relative_to(PACKAGE)} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_library_has_its_layer(path: Path):
    for module, typing_only in imports(path):
        library = module.split(".")[0]
        if library in LIBRARIES and not typing_only:
            assert layer_of(path) in LIBRARIES[library], f"{path.relative_to(PACKAGE)} imports {module}"


def test_components_and_contracts_import_torch_for_typing_only():
    code = (
        "import sys, importlib, pathlib, bertcli;"
        "root = pathlib.Path(bertcli.__file__).parent;"
        "[importlib.import_module('bertcli.%s.%s' % (folder, path.stem))"
        " for folder in ('contracts', 'objectives', 'architectures', 'data')"
        " for path in (root / folder).glob('[a-z]*.py')];"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout.strip() == "[]"


def test_help_loads_neither_torch_nor_transformers():
    code = (
        "import sys; from bertcli.cli.app import run; run(['--help']);"
        "print(sorted({'torch', 'transformers', 'numpy', 'pydantic', 'fsspec'} & set(sys.modules)), file=sys.stderr)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stderr.strip() == "[]"
    assert "pretrain" in output.stdout


def test_work_on_this_machine_does_not_load_what_works_on_a_cluster():
    code = "import sys, bertcli.core.workers; print(sorted({'bertcli.core.cluster', 'distributed'} & set(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert output.stdout.strip() == "[]"


@pytest.mark.slow
def test_help_is_quick():
    times = []
    for _ in range(5):
        started_at = time.perf_counter()
        subprocess.run([sys.executable, "-m", "bertcli", "--help"], capture_output=True, check=True)
        times.append(time.perf_counter() - started_at)
    assert min(times) < 0.35
