"""One vocabulary recognised as another one grown: which ids are new, and how the old one cut the new pieces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bertcli.contracts.vocabulary import Vocabulary
from bertcli.text.longest_match import LongestMatch
from bertcli.text.pieces import CONTINUATION, is_unused
from bertcli.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class GrownVocabulary:
    """``sources`` holds for each new id the old ids, one or more, that the old vocabulary made of the piece's text."""

    size: int
    old_size: int
    sources: Mapping[int, list[int]]

    @property
    def replaced(self) -> int:
        """How many of the new pieces stand in the place of an ``[unusedN]``."""
        return sum(number < self.old_size for number in self.sources)


def grown_from(old: Tokenizer, new: Tokenizer) -> GrownVocabulary | None:
    """How ``new`` grew from ``old``; None where it did not.

    It did where all old pieces stand at their ids, but for ``[unusedN]``, which others may have replaced, and where
    text becomes words in the same way and special pieces are the same.
    """
    if not (old.is_wordpiece and new.is_wordpiece) or old.word_rules != new.word_rules:
        return None
    if _roles(old.vocabulary) != _roles(new.vocabulary) or old.vocabulary.size > new.vocabulary.size:
        return None
    old_pieces, new_pieces = (tokenizer.pieces(range(tokenizer.vocabulary.size)) for tokenizer in (old, new))
    different = [number for number, piece in enumerate(new_pieces) if piece not in old_pieces[number : number + 1]]
    if any(number < len(old_pieces) and not is_unused(old_pieces[number]) for number in different):
        return None
    return GrownVocabulary(len(new_pieces), len(old_pieces), _sources(old, [(n, new_pieces[n]) for n in different]))


def _roles(vocabulary: Vocabulary) -> tuple[int, ...]:
    ids = (vocabulary.pad_id, vocabulary.unk_id, vocabulary.cls_id, vocabulary.sep_id, vocabulary.mask_id)
    return (*ids, *vocabulary.special_ids)


def _sources(old: Tokenizer, numbered: list[tuple[int, str]]) -> dict[int, list[int]]:
    """The old ids of each new piece's text; where it was unknown, or nothing, the id of ``[UNK]``."""
    pieces = old.pieces(range(old.vocabulary.size))
    ids, match = {piece: number for number, piece in enumerate(pieces)}, LongestMatch(pieces)
    sources = {}
    for number, piece in numbered:
        if piece.startswith(CONTINUATION):
            inside = match.further(piece.removeprefix(CONTINUATION)) or []
            sources[number] = [ids[part] for part in inside]
        else:
            sources[number] = old.encode([piece])[0].tolist()
    return {number: found or [old.vocabulary.unk_id] for number, found in sources.items()}
