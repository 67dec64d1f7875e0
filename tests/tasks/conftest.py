"""What the tests of tasks share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from bertcli.contracts.vocabulary import Vocabulary


class Letters:
    """A tokenizer with one piece a letter."""

    vocabulary = Vocabulary(300, 0, 1, 2, 3, 4, (0, 1, 2, 3, 4), True, "letters")

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        return [np.asarray([ord(letter) % 250 + 10 for letter in text], dtype=np.int32) for text in texts]


@pytest.fixture
def letters() -> Letters:
    return Letters()
