"""The alphabet of a vocabulary: the characters that are frequent enough to be pieces."""

from __future__ import annotations

from bertcli.text.words import WordCounts, count_characters

CHARACTER_COVERAGE = 0.9999
"""Share of all characters in the corpus that the alphabet covers. Each costs up to two pieces: English Wikipedia has
2,570 characters, and 450 of them make up this share. SentencePiece (Kudo & Richardson 2018) has 0.9995."""


def choose_alphabet(
    words: WordCounts, *, coverage: float = CHARACTER_COVERAGE, size: int | None = None
) -> frozenset[str]:
    """The most frequent characters that make up ``coverage`` of all; equally frequent ones are in or out together.

    With a ``size``, that many of them at most instead, and among the equally frequent those that were seen first.
    """
    counts = count_characters(words)
    if size is not None:
        first_seen = {character: at for at, character in enumerate(dict.fromkeys("".join(words)))}
        by_count = sorted(counts, key=lambda character: (-counts[character], first_seen[character]))
        return frozenset(by_count[:size])
    needed = coverage * counts.total()
    alphabet: set[str] = set()
    covered, rarest = 0, 0
    for character, count in counts.most_common():
        if covered >= needed and count < rarest:
            break
        alphabet.add(character)
        covered, rarest = covered + count, count
    return frozenset(alphabet)
