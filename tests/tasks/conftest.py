"""What the tests of tasks share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from bertcli.contracts.vocabulary import Vocabulary


class Letters:
    """A tokenizer with one piece a letter."""

    vocabulary = Vocabulary(300, 0, 1, 2, 3, 4, (0, 1, 2, 3, 4), True, "letters")

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        return [np.asarray([ord(letter) % 250 + 10 for letter in text], dtype=np.int32) for text in texts]

    def encode_with_places(self, texts: Sequence[str]) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int64]]]:
        for text, ids in zip(texts, self.encode(texts), strict=True):
            yield ids, np.stack([np.arange(len(text)), np.arange(len(text)) + 1], axis=1)


@pytest.fixture(scope="session")
def letters() -> Letters:
    return Letters()
