"""A model and a vocabulary fit each other where every piece has an embedding, and nearly every embedding a piece."""

from __future__ import annotations

from pathlib import Path

import pytest

from bertcli.errors import VocabularyError
from bertcli.stages.model_room import check_room
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_loading import load_tokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def tokenizer_of(folder: Path, size: int) -> Tokenizer:
    pieces = [*SPECIAL, *(f"w{number}" for number in range(size - len(SPECIAL)))]
    path = folder / "vocab.txt"
    path.write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    return load_tokenizer(str(path))


@pytest.mark.parametrize(
    ("size", "pieces"),
    [
        (60, 60),
        (60, 188),  # 128 of 188
        (60, 128),
        (29700, 30000),  # 300 of 30,000
        (30522, 30528),  # bert-base-uncased, padded to a multiple of 64
        (50280, 50368),  # ModernBERT
    ],
)
def test_an_embedding_may_be_padded(tmp_path: Path, size: int, pieces: int) -> None:
    check_room(tokenizer_of(tmp_path, size), 8, model="M", positions=8, pieces=pieces)


@pytest.mark.parametrize(("size", "pieces"), [(60, 189), (60, 30522), (29699, 30000), (61, 60)])
def test_a_vocabulary_of_another_size_is_refused(tmp_path: Path, size: int, pieces: int) -> None:
    message = f"M: the vocabulary has {size:,} pieces, the model {pieces:,}"
    with pytest.raises(VocabularyError, match=message) as caught:
        check_room(tokenizer_of(tmp_path, size), 8, model="M", positions=8, pieces=pieces)
    assert caught.value.hint == "the vocabulary is not this model's; take both from the same place"
