"""Docstrings as text: what is read, what is left out, which names are masked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bertcli.text.docstrings import NameMask, Source, collect, find_sources, prose, read_docstrings

MODULE = '''"""The module says what it is for, at length."""
if True:
    def conditional():
        """A function below a condition."""


class Thing:
    """A class."""

    def method(self):
        """A method."""

        def inner():
            """Not read: inside a function."""

    def bare(self): ...


raise SystemExit("a module that is imported instead of parsed ends the tests")
'''


def test_modules_classes_and_functions_are_read_without_being_imported(tmp_path: Path):
    file = tmp_path / "module.py"
    file.write_text(MODULE)
    assert read_docstrings(file) == [
        "The module says what it is for, at length.",
        "A function below a condition.",
        "A class.",
        "A method.",
    ]


@pytest.mark.parametrize("content", [b'"""Latin: \xe9"""', b'"""open', b'def f(:\n  """x"""', b'"""nul"""\0', b""])
def test_a_file_that_does_not_parse_gives_nothing(tmp_path: Path, content: bytes):
    file = tmp_path / "broken.py"
    file.write_bytes(content)
    assert read_docstrings(file) == []


def test_a_missing_file_gives_nothing(tmp_path: Path):
    assert read_docstrings(tmp_path / "none.py") == []


def test_prose_leaves_out_examples_their_output_fences_and_rulers():
    docstring = """Add two numbers,
    slowly.

    Examples
    --------
    >>> import numpy as np
    >>> np.add(1, 2)
    array of three

    ```python
    x = some_code()
    ```

    1 2 3
    After the example."""
    assert prose(docstring) == "Add two numbers, slowly.\nExamples\nAfter the example."


def _mask() -> NameMask:
    return NameMask(
        ["numpy", "sklearn", "torch", "rich"],
        {"numpy": frozenset({"np"}), "torch": frozenset({"nn"})},
        {"sklearn": "scikit-learn"},
    )


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("A NumPy array", "A library array"),
        ("see numpy.linalg.norm.", "see library."),
        ("`~sklearn.svm.SVC`", "`~library`"),
        ("from scikit-learn or Scikit Learn", "from library or library"),
        ("PyTorch and from_numpy and TORCH_LOGS", "library and library and library"),
        ("np.array(x), nn.Linear", "library(x), library"),
        ("the nn module; x.np.y", "the nn module; x.np.y"),
        ("rich text, enriched", "library text, enriched"),
        ("a plain sentence.", "a plain sentence."),
    ],
)
def test_names_paths_and_aliases_are_masked(text: str, masked: str):
    assert _mask()(text) == masked


def test_no_name_leaves_the_text_alone():
    assert NameMask([], {}, {})("numpy stays") == "numpy stays"


def _source(tmp_path: Path, library: str, name: str, *docstrings: str) -> Source:
    file = tmp_path / f"{library}-{name}.py"
    functions = (f'def f{number}():\n    """{text}"""\n' for number, text in enumerate(docstrings))
    file.write_text("\n".join(functions))
    return Source(library, library, f"{library}/{name}.py", file)


def test_short_and_repeated_docstrings_are_left_out(tmp_path: Path):
    long = "one two three four five six seven eight"
    sources = [_source(tmp_path, "alpha", "a", long, "too short"), _source(tmp_path, "beta", "b", long, long + " nine")]
    found = collect(sources, limit=100).docstrings
    assert [(docstring.library, docstring.text) for docstring in found] == [("alpha", long), ("beta", long + " nine")]


def test_the_limit_counts_by_library_and_keeps_files_whole(tmp_path: Path):
    def texts(word: str) -> list[str]:
        return [f"{word} {number} two three four five six seven eight" for number in range(3)]

    sources = [_source(tmp_path, "alpha", name, *texts(name)) for name in "abc"]
    sources.append(_source(tmp_path, "beta", "d", *texts("d")))
    found = collect(sources, limit=2).docstrings
    assert [docstring.source for docstring in found] == ["alpha/a.py"] * 3 + ["beta/d.py"] * 3


def test_import_aliases_are_found_where_they_are_usual(tmp_path: Path):
    usual = [f"Example {number}: import alpha as al and so on for a while" for number in range(3)]
    rare = "Example: import alpha.beta as ab and so on for a while"
    found = collect([_source(tmp_path, "alpha", "a", *usual, rare)], limit=100)
    assert found.aliases == {"alpha": frozenset({"al"})}


@pytest.mark.slow
def test_sources_are_those_of_what_bertcli_needs_without_tests_and_without_its_own():
    sources = find_sources("bertcli")
    libraries = {source.library for source in sources}
    assert {"torch", "transformers", "numpy", "sklearn", "scipy", "networkx", "sympy"} <= libraries
    assert "bertcli" not in libraries
    assert not [source for source in sources if "tests" in Path(source.name).parts]
    assert sources == find_sources("bertcli")


@pytest.mark.slow
def test_finding_sources_imports_no_library():
    code = (
        "import sys, json; from bertcli.text.docstrings import find_sources; find_sources('bertcli');"
        "print(json.dumps(sorted({'torch', 'numpy', 'transformers', 'scipy'} & set(sys.modules))))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(output.stdout) == []


def test_an_unknown_distribution_has_no_sources():
    assert find_sources("no-such-distribution-anywhere") == []
