"""Docstrings of installed libraries as text: read from their sources without importing them, library names masked."""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path, PurePosixPath

FEWEST_WORDS = 8
"""Shorter docstrings ("Return a copy.") say too little to be told apart."""
MASK = "library"
"""What stands for every name that would give the library away."""
SKIPPED_FOLDERS = frozenset({"test", "tests", "testing", "_vendor", "vendored", "externals", "third_party"})
SHORTEST_SUBSTRING = 5
"""From so many letters on a name is masked inside longer words too (``from_numpy``); below, it would hit words."""
ALIAS_OCCURRENCES = 3

_ALIAS = re.compile(r"\bimport\s+(\w+)(?:\.\w+)*\s+as\s+(\w+)")
_FENCE = re.compile(r"^\s*(```|~~~)")
_DOTTED_PATH = re.compile(r"\w+(?:\.\w+)*")
_TWO_LETTERS = re.compile(r"[^\W\d_]{2}")


@dataclass(frozen=True)
class Source:
    """One source file of a library; ``name`` is its path below the installation, the same on every machine."""

    library: str
    distribution: str
    name: str
    path: Path


@dataclass(frozen=True)
class Docstring:
    """The prose of one docstring: a paragraph a line. ``source`` is the file's name."""

    library: str
    source: str
    text: str


@dataclass(frozen=True)
class Collected:
    """Docstrings without duplicates, and the import aliases (``np``) that their examples use, by library."""

    docstrings: list[Docstring]
    aliases: dict[str, frozenset[str]]
    distributions: dict[str, str]


def find_sources(distribution: str) -> list[Source]:
    """The source files of everything that a distribution requires, directly or not; its own are left out.

    The order does not depend on the machine: libraries by name, the files of each by a hash of theirs.
    """
    found = [source for name in sorted(_requirements(distribution)) for source in _sources_of(name)]
    return sorted(found, key=lambda source: (source.library, _hash(source.name)))


def _requirements(distribution: str) -> set[str]:
    """Names of all distributions that are needed and installed; extras do not count."""
    found: set[str] = set()
    waiting = [distribution]
    while waiting:
        name = waiting.pop()
        try:
            required = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        needed = {re.split(r"[^\w.-]", line, maxsplit=1)[0].lower() for line in required if "extra ==" not in line}
        waiting += sorted(needed - found - set(waiting))
    return found - {distribution}


def _sources_of(distribution: str) -> Iterator[Source]:
    for file in metadata.files(distribution) or ():
        parts = PurePosixPath(file).parts
        if file.suffix != ".py" or len(parts) < 2 or not parts[0].isidentifier() or SKIPPED_FOLDERS & set(parts):
            continue
        yield Source(parts[0], distribution, str(PurePosixPath(file)), Path(str(file.locate())))


def collect(sources: Iterable[Source], *, limit: int) -> Collected:
    """The docstrings of the sources, at most ``limit`` of a library; a text that occurs twice is taken once.

    A file is read whole or not at all, so that every library's share stays a set of whole files.
    """
    docstrings: list[Docstring] = []
    counts: Counter[str] = Counter()
    aliases: Counter[tuple[str, str]] = Counter()
    distributions: dict[str, str] = {}
    seen: set[str] = set()
    for source in sources:
        if counts[source.library] >= limit:
            continue
        for raw in read_docstrings(source.path):
            aliases.update(_ALIAS.findall(raw))
            text = prose(raw)
            if len(text.split()) < FEWEST_WORDS or text in seen:
                continue
            seen.add(text)
            docstrings.append(Docstring(source.library, source.name, text))
            counts[source.library] += 1
            distributions[source.library] = source.distribution
    common: dict[str, set[str]] = {}
    for (library, alias), count in aliases.items():
        if count >= ALIAS_OCCURRENCES:
            common.setdefault(library, set()).add(alias)
    return Collected(docstrings, {library: frozenset(names) for library, names in common.items()}, distributions)


def read_docstrings(path: Path) -> list[str]:
    """Docstrings of a file's module, classes and functions, in the order of the file; none where it does not parse."""
    try:
        code = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    if '"""' not in code and "'''" not in code:
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's invalid escapes
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return []
    return list(_docstrings_in(tree))


def _docstrings_in(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        text = ast.get_docstring(node)
        if text:
            yield text
    if isinstance(node, ast.Module | ast.ClassDef | ast.If | ast.Try):
        for child in ast.iter_child_nodes(node):
            yield from _docstrings_in(child)


def prose(docstring: str) -> str:
    """The paragraphs of a docstring, a line each, without examples of code, their output, and rulers."""
    paragraphs: list[list[str]] = [[]]
    fenced = in_example = False
    for line in docstring.splitlines():
        bare = line.strip()
        if _FENCE.match(line):
            fenced = not fenced
            continue
        if not bare:
            paragraphs.append([])
            in_example = False
            continue
        in_example = in_example or bare.startswith(">>>")
        if fenced or in_example or not _TWO_LETTERS.search(bare):
            continue
        paragraphs[-1].append(" ".join(bare.split()))
    return "\n".join(" ".join(lines) for lines in paragraphs if lines)


class NameMask:
    """Replaces what names a library: words that contain its name, dotted paths through it, its import aliases.

    Words are looked at one by one and remembered: a single pattern for all of it backtracks at every word.
    """

    def __init__(self, libraries: Iterable[str], aliases: dict[str, frozenset[str]], names: dict[str, str]) -> None:
        """``names`` gives the distribution of each library: ``scikit-learn`` for ``sklearn``."""
        libraries = sorted(libraries)
        spoken = {name.lower() for library in libraries for name in (library, names.get(library, library))}
        joined = sorted(name for name in spoken if "-" in name)
        self._inside = sorted(name for name in spoken if len(name) >= SHORTEST_SUBSTRING and "-" not in name)
        self._whole = frozenset(spoken)
        self._aliases = frozenset(alias for library in libraries for alias in aliases.get(library, ()))
        in_two_words = "|".join(re.escape(name).replace(r"\-", "[-_ ]?") for name in joined)
        self._joined = re.compile(in_two_words or r"(?!)", re.IGNORECASE)
        self._known: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        """The text with every such name replaced by one neutral word."""
        return _DOTTED_PATH.sub(self._replacement, self._joined.sub(MASK, text))

    def apply(self, docstring: Docstring) -> Docstring:
        """The docstring with its names masked."""
        return replace(docstring, text=self(docstring.text))

    def _replacement(self, match: re.Match[str]) -> str:
        word = match[0]
        known = self._known.get(word)
        if known is None:
            known = self._known[word] = MASK if self._tells(word) else word
        return known

    def _tells(self, word: str) -> bool:
        parts = word.split(".")
        lower = word.lower()
        return (
            any(name in lower for name in self._inside)
            or not self._whole.isdisjoint(lower.split("."))
            or (len(parts) > 1 and parts[0] in self._aliases)
        )


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
