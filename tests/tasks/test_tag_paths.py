"""The likeliest legal tags: as good as the best of all paths, tried one by one."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from bertcli.tasks._tag_paths import Steps, likeliest
from bertcli.tasks._tag_schemes import faults, tags_of_types


@pytest.mark.parametrize("scheme", ["iob1", "iob2", "bilou"])
@pytest.mark.parametrize("words", [1, 2, 4])
def test_no_legal_path_is_likelier(scheme: Any, words: int) -> None:
    tags = tags_of_types("a", scheme)
    steps = Steps.of(tags, scheme)
    for seed in range(20):
        logits = np.random.default_rng(seed).normal(size=(words, len(tags))).astype(np.float32)
        paths = [
            path
            for path in product(range(len(tags)), repeat=words)
            if not list(faults([tags[n] for n in path], scheme))
        ]
        best = max(paths, key=lambda path: sum(logits[at, n] for at, n in enumerate(path)))
        assert likeliest(logits, steps) == list(best)
