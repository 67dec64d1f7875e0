"""Text of any size, whose words are drawn by Zipf's law from some ten million."""

from __future__ import annotations

from pathlib import Path

import numpy as np

LETTERS = np.frombuffer(b"etaoinshrdlcumwfgypbvkjxqz", np.uint8)
DISTINCT_WORDS = 10_000_000
EXPONENT = 1.05
WORDS_PER_BLOCK = 2_000_000


def write_words(path: Path, size: int) -> None:
    """Lines of words drawn by Zipf's law; frequent words are short."""
    draw = np.random.default_rng(0)
    letters, lengths = spell_words(draw)
    # Inverse of the continuous law with density x^-EXPONENT on [1, DISTINCT_WORDS + 1].
    power = 1 - EXPONENT
    span = (DISTINCT_WORDS + 1) ** power - 1
    written = 0
    with path.open("wb") as file:
        while written < size:
            ranks = ((1 + draw.random(WORDS_PER_BLOCK) * span) ** (1 / power)).astype(np.int64) - 1
            ranks = np.minimum(ranks, DISTINCT_WORDS - 1)
            words = letters[ranks]
            words[np.arange(len(ranks)), lengths[ranks]] = ord(" ")
            ends = np.arange(19, len(ranks), 20)
            words[ends, lengths[ranks[ends]]] = ord("\n")
            shown = np.arange(words.shape[1]) <= lengths[ranks][:, None]
            block = words[shown].tobytes()[: size - written]
            file.write(block)
            written += len(block)


def spell_words(draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(words, 15) letters and (words,) lengths: the number of a word to base 26, and some random letters."""
    ranks = np.arange(DISTINCT_WORDS)
    lengths = np.clip(2 + np.log(ranks + 1) / np.log(26) * 1.4 + draw.normal(0, 0.7, DISTINCT_WORDS), 1, 13).astype(int)
    needed = np.ceil(np.log(ranks + 2) / np.log(26)).astype(int)
    lengths = np.maximum(lengths, needed)
    letters = LETTERS[np.minimum(draw.geometric(0.13, (DISTINCT_WORDS, 15)) - 1, 25)].copy()
    rest = ranks.copy()
    for place in range(int(needed.max())):
        has_digit = place < needed
        letters[has_digit, place] = LETTERS[rest[has_digit] % 26]
        rest //= 26
    return letters, lengths
