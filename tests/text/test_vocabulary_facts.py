"""What a vocabulary consists of, counted by hand."""

from __future__ import annotations

import tokenizers
from tokenizers import decoders, models, pre_tokenizers

from bertcli.text.pieces import SPECIALS
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_making import bpe_tokenizer, wordpiece_tokenizer
from bertcli.text.vocabulary_facts import Alphabet, describe_vocabulary, sample_pieces

PIECES = [*SPECIALS, "[unused0]", "[unused1]", "a", "b", "##b", "word", "##ing", "слово", "7", "中", "!"]


def wordpiece() -> Tokenizer:
    return wordpiece_tokenizer(PIECES, lowercase=True)


def test_pieces_are_counted_by_kind_length_and_script():
    facts = describe_vocabulary(wordpiece(), longest=3)
    assert facts.specials == {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}
    assert (facts.placeholders, facts.initial, facts.continuation, facts.word_ends) == (2, 7, 2, None)
    assert facts.alphabet == Alphabet(characters=5, begins=5, continues=1)  # a b 7 中 !, and ##b
    assert facts.longest == ["слово", "word", "##ing"]
    assert facts.by_length == {1: 6, 3: 1, 4: 1, 5: 1}
    assert facts.by_script == {
        "Latin": 5,
        "Cyrillic": 1,
        "digits": 1,
        "Han": 1,
        "punctuation and symbols": 1,
    }


def test_byte_pairs_tell_which_pieces_end_words_and_no_more():
    pieces = [*SPECIALS, "a", "b", "a</w>", "ba</w>"]
    facts = describe_vocabulary(bpe_tokenizer(pieces, [("b", "a</w>")], lowercase=True))
    assert (facts.initial, facts.continuation, facts.word_ends) == (None, None, 2)
    assert facts.alphabet == Alphabet(characters=2, begins=None, continues=None)
    assert facts.by_length == {1: 3, 2: 1}


def test_pieces_of_bytes_are_shown_as_the_text_they_stand_for():
    numbers = {piece: number for number, piece in enumerate([*SPECIALS, "a", "Ġa", "Ã©"])}
    backend = tokenizers.Tokenizer(models.BPE(vocab=numbers, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    roles = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    tokenizer = Tokenizer(backend, specials=dict(zip(roles, SPECIALS, strict=True)), path=None, config={})
    facts = describe_vocabulary(tokenizer)
    assert (facts.initial, facts.continuation, facts.word_ends) == (None, None, None)
    assert facts.by_length == {1: 3}  # a, a after a space, é
    assert facts.by_script == {"Latin": 3}
    assert facts.alphabet.characters == 2


def test_a_sample_is_spread_over_the_ids_and_moves_with_the_seed():
    pieces = [*SPECIALS, *(f"p{number:03d}" for number in range(100))]
    tokenizer = wordpiece_tokenizer(pieces, lowercase=True)
    sample = sample_pieces(tokenizer, 10, seed=0)
    assert [(number - 5) // 10 for number in sample] == list(range(10))
    assert all(tokenizer.piece(number) == piece for number, piece in sample.items())
    assert sample == sample_pieces(tokenizer, 10, seed=0)
    assert sample != sample_pieces(tokenizer, 10, seed=1)


def test_a_sample_is_never_more_than_there_is():
    assert list(sample_pieces(wordpiece(), 1000, seed=0)) == list(range(5, 16))
    assert sample_pieces(wordpiece(), 0, seed=0) == {}
    assert sample_pieces(wordpiece_tokenizer(SPECIALS, lowercase=True), 5, seed=0) == {}
