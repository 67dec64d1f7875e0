"""Schemes by which tags of words spell entities: detection, entities from tags, tags from entities, faults.

=============  ==========================================================================================
``io``         I on every word of an entity; entities of one type that touch are one
``iob1``       I on every word, B on the first of an entity that touches another of its type
``iob2``       B on the first word, I on the others (BIO)
``bilou``      B first, I between, L last, U alone
``iobes``      the same with E for L and S for U
``bmes``       the same with M for I
=============  ==========================================================================================

Within this module tags are read as pairs (letter, type) with the letters of ``iobes``: O, B, I, E and S.

*Source*: Ramshaw and Marcus 1995 (iob1); Tjong Kim Sang and Veenstra 1999 (iob2); Ratinov and Roth 2009 (bilou).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

EntityScheme = Literal["io", "iob1", "iob2", "bilou", "iobes", "bmes"]

OUTSIDE = "O"

_LETTERS: dict[EntityScheme, dict[str, str]] = {
    "io": {"I": "I"},
    "iob1": {"B": "B", "I": "I"},
    "iob2": {"B": "B", "I": "I"},
    "bilou": {"B": "B", "I": "I", "E": "L", "S": "U"},
    "iobes": {"B": "B", "I": "I", "E": "E", "S": "S"},
    "bmes": {"B": "B", "I": "M", "E": "E", "S": "S"},
}
"""How each scheme writes the letters."""
_READ = {written: letter for letters in _LETTERS.values() for letter, written in letters.items()}


class Tag(NamedTuple):
    """A tag as it is read; ``type`` is empty where tags have none."""

    letter: str
    type: str


class Entity(NamedTuple):
    """An entity over the words from ``begin`` to before ``end``."""

    type: str
    begin: int
    end: int


_NONE = Tag(OUTSIDE, "")


def read_tag(tag: str) -> Tag | None:
    """``B-creative-work`` as (B, creative-work); None where it is of no scheme."""
    if tag == OUTSIDE:
        return _NONE
    letter = _READ.get(tag[:1])
    if letter is None or tag[1:2] not in ("", "-") or tag[1:] == "-":
        return None
    return Tag(letter, tag[2:])


def tags_of_types(types: Iterable[str], scheme: EntityScheme) -> list[str]:
    """Every tag of a scheme: O, then those of each type."""
    return [OUTSIDE, *(_written(letter, kind, scheme) for kind in types for letter in _LETTERS[scheme])]


def detect(sentences: Iterable[Sequence[str]]) -> EntityScheme | None:
    """The scheme of the sentences' tags; None where they are of none, as parts of speech.

    B and I alone are ``iob1`` where more of them break the rule of ``iob2`` than break its own. Tags without any B are
    read alike as ``io`` and as ``iob1``, and taken for ``iob1``.
    """
    written: set[str] = set()
    break_iob1 = break_iob2 = 0
    for tags in sentences:
        before: Tag | None = _NONE
        for text in tags:
            tag = read_tag(text)
            if tag is None:
                return None
            assert before is not None
            break_iob1 += not _may_follow(before, tag, "iob1")
            break_iob2 += not _may_follow(before, tag, "iob2")
            written.add(text[0])
            before = tag
    if written <= {"O", "B", "I"}:
        return "iob1" if break_iob1 < break_iob2 else "iob2"
    return next((scheme for scheme in ("iobes", "bilou", "bmes") if written <= {"O", *_LETTERS[scheme].values()}), None)


def entities(tags: Sequence[str]) -> list[Entity]:
    """The entities of a sentence as ``conlleval`` reads them, whatever the scheme: nothing is illegal.

    An entity begins with B or S, after E or S, and where the type changes; so ``O I-PER`` begins one.
    """
    found: list[Entity] = []
    before, begin = _NONE, 0
    for at, after in enumerate([*map(_read, tags), _NONE]):
        if before.letter != OUTSIDE and _parts(before, after):
            found.append(Entity(before.type, begin, at))
        if after.letter != OUTSIDE and (before.letter == OUTSIDE or _parts(before, after)):
            begin = at
        before = after
    return found


def strict_entities(tags: Sequence[str], scheme: EntityScheme) -> list[Entity]:
    """The entities of a sentence that the scheme spells in full; what it does not know is no entity."""
    read = [*map(_read, tags), _NONE]
    found: list[Entity] = []
    at, before = 0, _NONE
    while at < len(tags):
        end = at + 1
        if _may_begin(before, read[at], scheme):
            while _goes_on(read[end - 1], read[end], scheme):
                end += 1
            if _may_end(read[end - 1], read[end], scheme):
                found.append(Entity(read[at].type, at, end))
        before = read[end - 1]
        at = end
    return found


def spell(found: Iterable[Entity], words: int, scheme: EntityScheme) -> list[str]:
    """The tags of a sentence of so many words with these entities, which do not overlap."""
    tags = [OUTSIDE] * words
    before: Entity | None = None
    for entity in sorted(found, key=lambda entity: entity.begin):
        touches = before is not None and before.end == entity.begin and before.type == entity.type
        for at, letter in enumerate(_spelled(entity.end - entity.begin, scheme, touches=touches), start=entity.begin):
            tags[at] = _written(letter, entity.type, scheme)
        before = entity
    return tags


def faults(tags: Sequence[str], scheme: EntityScheme) -> Iterator[tuple[int, str]]:
    """Each word whose tag may not stand where it does, and why."""
    read = [*map(_read, tags), _NONE]
    before = _NONE
    for at, after in enumerate(read):
        if not _may_follow(before, after, scheme):
            if at == len(tags):
                yield at - 1, f"the tag {tags[-1]!r} may not end a sentence in {scheme}"
            elif at == 0:
                yield at, f"the tag {tags[0]!r} may not begin a sentence in {scheme}"
            else:
                yield at, f"the tag {tags[at]!r} may not follow {tags[at - 1]!r} in {scheme}"
        before = after


def is_written_in(tag: str, scheme: EntityScheme) -> bool:
    """Whether a tag has a letter of the scheme, or is ``O``."""
    return tag[:1] in (OUTSIDE, *_LETTERS[scheme].values())


def may_follow(before: str, after: str, scheme: EntityScheme) -> bool:
    """Whether a tag may stand behind another; ``O`` stands for the end of a sentence and for its beginning."""
    return _may_follow(_read(before), _read(after), scheme)


def _read(tag: str) -> Tag:
    return read_tag(tag) or _NONE


def _written(letter: str, kind: str, scheme: EntityScheme) -> str:
    form = _LETTERS[scheme][letter]
    return f"{form}-{kind}" if kind else form


def _spelled(words: int, scheme: EntityScheme, *, touches: bool) -> str:
    match scheme:
        case "io":
            return "I" * words
        case "iob1":
            return ("B" if touches else "I") + "I" * (words - 1)
        case "iob2":
            return "B" + "I" * (words - 1)
    return "S" if words == 1 else "B" + "I" * (words - 2) + "E"


def _parts(before: Tag, after: Tag) -> bool:
    """Whether an entity ends between two tags, of which the first is within one (``conlleval``'s ``endOfChunk``)."""
    return before.letter in "ES" or after.letter in "OBS" or before.type != after.type


def _may_follow(before: Tag, after: Tag, scheme: EntityScheme) -> bool:
    same = before.letter in "BI" and before.type == after.type
    match scheme:
        case "io":
            return True
        case "iob1":
            return after.letter != "B" or same
        case "iob2":
            return after.letter != "I" or same
    return same if after.letter in "IE" else before.letter not in "BI"


def _may_begin(before: Tag, after: Tag, scheme: EntityScheme) -> bool:
    match scheme:
        case "io":
            return after.letter == "I"
        case "iob1":
            same = before.letter in "BI" and before.type == after.type
            return after.letter == "I" or (after.letter == "B" and same)
    return after.letter in "BS"


def _goes_on(before: Tag, after: Tag, scheme: EntityScheme) -> bool:
    return before.letter in "BI" and after.letter in "IE" and before.type == after.type


def _may_end(last: Tag, after: Tag, scheme: EntityScheme) -> bool:
    match scheme:
        case "io" | "iob2":
            return True
        case "iob1":  # a B of another type does not end what a B has begun
            return not (last.letter == after.letter == "B" and last.type != after.type)
    return last.letter in "ES"
