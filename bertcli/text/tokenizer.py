"""The tokenizer: text to piece ids and back, with the facts of its vocabulary.

It stands on the ``tokenizers`` library alone: importing transformers costs seconds. A special piece that is written
out in a text is text like any other, so that no corpus can smuggle in a ``[SEP]``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tokenizers
from numpy.typing import NDArray

from bertcli.contracts.vocabulary import Vocabulary
from bertcli.core import atomic, fingerprints
from bertcli.errors import VocabularyError
from bertcli.text import vocabulary_files
from bertcli.text.byte_pieces import SPACE_OF_BYTES, bytes_of_piece
from bertcli.text.casing import casing_of, check_casing
from bertcli.text.ideographs import are_side_by_side, is_all_ideographs
from bertcli.text.long_texts import LONGEST_TEXT, cut_long
from bertcli.text.normalization import WordRules, normalization_of
from bertcli.text.pieces import CONTINUATION, LONGEST_SEQUENCE, LONGEST_WORD, SPACE_MARK, WORD_END
from bertcli.text.word_cache import EncodedTexts, WordCache

_TEXTS_PER_CALL = 4096
_PLACED_TEXTS_PER_CALL = 512  # places take hundreds of bytes for each byte of a text
_CHARACTERS_PER_CALL = 4_000_000


WordMarks = Literal["continuation", "end", "bytes", "space", "words", "none"]


class Tokenizer:
    """A vocabulary with the rules that cut text into its pieces."""

    def __init__(
        self, backend: tokenizers.Tokenizer, *, specials: dict[str, str], path: Path | None, config: dict[str, Any]
    ) -> None:
        backend.no_truncation()
        backend.no_padding()
        backend.encode_special_tokens = True
        self._backend = backend
        self._model = backend.model
        self._specials = specials
        self._path = path
        self._config = config
        self._parts = json.loads(backend.to_str())
        self._pieces = _pieces_in_order(backend, path)
        self.casing = casing_of(self._parts["normalizer"])
        self.normalization = normalization_of(self._parts["normalizer"])
        self.vocabulary = self._facts()
        self._words = WordCache(self.word_rules, self._cut_word) if self._is_by_word() else None
        self._words_with: dict[tuple[bool, bool], WordCache] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy for another process; what was encoded here is not taken along."""
        return _rebuilt, (self._backend, self._specials, self._path, self._config)

    @property
    def is_wordpiece(self) -> bool:
        """Whether the pieces are WordPiece's; BPE's otherwise."""
        return bool(self._parts["model"]["type"] == "WordPiece")

    @property
    def takes_words(self) -> bool:
        """Whether a word that joins the pieces is found in a text: WordPiece over BERT's cleaning and splitting."""
        model = self._parts["model"]
        usual = {"continuing_subword_prefix": CONTINUATION, "max_input_chars_per_word": LONGEST_WORD}
        return bool(
            self.is_wordpiece and self.cuts_as_bert and all(model[name] == value for name, value in usual.items())
        )

    def with_pieces(self, pieces: Sequence[str]) -> Tokenizer:
        """The same rules over other WordPiece pieces in the order of their ids; special pieces keep theirs."""
        model = self._parts["model"] | {"vocab": {piece: number for number, piece in enumerate(pieces)}}
        backend = tokenizers.Tokenizer.from_str(json.dumps(self._parts | {"model": model}))
        return Tokenizer(backend, specials=self._specials, path=None, config=self._config)

    @property
    def word_rules(self) -> WordRules:
        """How text becomes words; where it is not as in BERT, what comes nearest."""
        return WordRules(normalization=self.normalization or "none", **self.casing)

    @property
    def algorithm(self) -> str:
        """The kind of model that cuts words, in small letters: ``wordpiece``, ``bpe``, ``unigram``, ``wordlevel``."""
        return str(self._parts["model"]["type"]).lower()

    @property
    def cuts_as_bert(self) -> bool:
        """Whether text is cleaned and split into words as in BERT, so that every word is cut alone."""
        return self._words is not None

    @property
    def strips_accents(self) -> bool:
        """Whether letters lose their accents: where nothing is said of it, with their capitals."""
        said = self.casing["strip_accents"]
        return bool(self.casing["lowercase"] if said is None else said)

    @property
    def text_rules(self) -> str:
        """What is done to text before it is cut, in words."""
        letters = "lower-cases" if self.casing["lowercase"] else "keeps capitals"
        ideographs = "" if self.casing["tokenize_chinese_chars"] else ", joins ideographs"
        return f"{letters}, {'strips' if self.strips_accents else 'keeps'} accents{ideographs}"

    @cached_property
    def marks_word_ends(self) -> bool:
        """Whether a piece that ends a word carries ``</w>``, as in classical BPE."""
        return bool(self._parts["model"].get("end_of_word_suffix") == WORD_END)

    @cached_property
    def word_marks(self) -> WordMarks:
        """By what a piece tells where words begin; ``none`` where it does not."""
        before = json.dumps([self._parts["normalizer"], self._parts["pre_tokenizer"]], ensure_ascii=False)
        if self.is_wordpiece:
            return "continuation"
        if self.marks_word_ends:
            return "end"
        if '"ByteLevel"' in before:
            return "bytes"
        if '"Metaspace"' in before or f'"{SPACE_MARK}"' in before:
            return "space"
        return "words" if self.algorithm == "wordlevel" else "none"

    @property
    def reads_spaces(self) -> bool:
        """Whether a word is cut otherwise where a space stands before it."""
        return self.word_marks in ("bytes", "space")

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Piece ids of each text, without special pieces and uncut."""
        return self.encode_all(texts).split()

    def encode_all(self, texts: Sequence[str]) -> EncodedTexts:
        """The same in one array: the quickest way for many texts."""
        if self._words is None:
            return EncodedTexts.of([np.array(ids, dtype=np.int32) for ids in self._encode_plainly(texts)])
        return self._encode_by_word(texts, self._words)

    def encode_utf8(self, data: bytes, starts: NDArray[np.int64]) -> EncodedTexts:
        """The same for texts in UTF-8, of which each goes to where the next one begins.

        Only where text is cut as by BERT: white space at the ends of a text changes nothing.
        """
        assert self._words is not None
        lengths = np.diff(starts, append=len(data))
        if len(data) > _CHARACTERS_PER_CALL or (len(lengths) and lengths.max() > LONGEST_TEXT):
            ends = starts + lengths
            return self.encode_all(
                [data[begin:end].decode() for begin, end in zip(starts.tolist(), ends.tolist(), strict=True)]
            )
        return self._words.encode_utf8(data, starts)

    def encode_with(self, texts: Sequence[str], *, word_starts: bool = False, capitals: bool = False) -> EncodedTexts:
        """The same with ``word_starts``, ``cased`` or both. Only where text is cut as by BERT.

        A word is what BERT cuts out, in ``word_starts`` also ideographs that stand side by side.
        """
        assert self.cuts_as_bert
        asked = (word_starts, capitals)
        if asked not in self._words_with:
            self._words_with[asked] = WordCache(
                self.word_rules, self._cut_word, word_starts=word_starts, capitals=capitals
            )
        return self._encode_by_word(texts, self._words_with[asked])

    def _encode_by_word(self, texts: Sequence[str], words: WordCache) -> EncodedTexts:
        calls = [
            self._encode_long(some[0], words) if len(some[0]) > LONGEST_TEXT else words.encode(some)
            for some in _calls(texts)
        ]
        return EncodedTexts.joined(calls) if calls else words.encode([])

    def forget(self) -> None:
        """Free what is remembered of the texts so far, some hundred bytes for each word; new ones are slower then."""
        self._words_with.clear()
        if self._words is not None:
            self._words.clear()

    def encode_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Piece ids of one text, and where in it each piece begins and ends, in characters."""
        encoding = self._backend.encode(text, add_special_tokens=False)
        return encoding.ids, encoding.offsets

    def encode_with_places(self, texts: Sequence[str]) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int64]]]:
        """The same of many texts: piece ids of each, and (pieces, 2) the places of its pieces."""
        for at in range(0, len(texts), _PLACED_TEXTS_PER_CALL):
            some = texts[at : at + _PLACED_TEXTS_PER_CALL]
            for encoding in self._backend.encode_batch(some, add_special_tokens=False):
                places = np.fromiter(chain.from_iterable(encoding.offsets), np.int64, 2 * len(encoding.ids))
                yield np.array(encoding.ids, dtype=np.int32), places.reshape(-1, 2)

    def offsets(self, texts: Sequence[str]) -> Iterator[list[tuple[int, int]]]:
        """Where each piece of each text begins and ends in it, in characters."""
        for at in range(0, len(texts), _TEXTS_PER_CALL):
            some = self._backend.encode_batch(texts[at : at + _TEXTS_PER_CALL], add_special_tokens=False)
            yield from (encoding.offsets for encoding in some)

    def _encode_long(self, text: str, words: WordCache) -> EncodedTexts:
        parts = cut_long(
            text,
            at_ideographs=self.casing["tokenize_chinese_chars"],
            longest_word=self._parts["model"]["max_input_chars_per_word"] if self.is_wordpiece else None,
        )
        encoded: list[EncodedTexts] = []
        before = ""
        for part in parts:
            encoded.append(words.encode([part]))
            starts = encoded[-1].word_starts
            if starts is not None and are_side_by_side(before, part):
                starts[0] = False
            before = part
        whole = EncodedTexts.joined(encoded)
        return replace(whole, ends=whole.ends[-1:])

    def _cut_word(self, word: str) -> list[int]:
        return [token.id for token in self._model.tokenize(word)]

    def _encode_plainly(self, texts: Sequence[str]) -> list[list[int]]:
        encode = self._backend.encode_batch_fast
        ids: list[list[int]] = []
        for at in range(0, len(texts), _TEXTS_PER_CALL):
            ids += [encoding.ids for encoding in encode(texts[at : at + _TEXTS_PER_CALL], add_special_tokens=False)]
        return ids

    def pieces(self, ids: Iterable[int]) -> list[str]:
        """The pieces of ids."""
        return [self._pieces[number] for number in ids]

    def piece(self, number: int) -> str:
        """The piece of one id."""
        return self._pieces[number]

    def text_of(self, ids: Iterable[int]) -> str:
        """The words that pieces make, a space between two; what a tokenizer drops (case, spaces) does not come back."""
        pieces = self.pieces(ids)
        if self.is_wordpiece:
            return " ".join(pieces).replace(f" {CONTINUATION}", "")
        if self.marks_word_ends:
            return "".join(piece.replace(WORD_END, " ") for piece in pieces).strip()
        return str(self._backend.decode(list(map(int, ids)), skip_special_tokens=False))

    @cached_property
    def continuation(self) -> NDArray[np.bool_]:
        """(vocab,) True for ``##`` pieces, which never begin a word. All False for BPE, where a piece does not tell."""
        return np.array([self.is_wordpiece and piece.startswith(CONTINUATION) for piece in self._pieces])

    @cached_property
    def piece_lengths(self) -> NDArray[np.int64]:
        """Characters of each piece, (vocab,), without what marks the beginning, the end or the rest of a word.

        A character that is spread over several pieces counts in the first of them.
        """
        if self.word_marks == "bytes":
            beginnings = (sum(byte & 0xC0 != 0x80 for byte in bytes_of_piece(piece)) for piece in self._pieces)
            spaces = (piece.startswith(SPACE_OF_BYTES) for piece in self._pieces)
            lengths = (count - is_spaced for count, is_spaced in zip(beginnings, spaces, strict=True))
            return np.fromiter(lengths, np.int64, self.vocabulary.size)
        return np.fromiter(map(len, self._unmarked), dtype=np.int64, count=self.vocabulary.size)

    @cached_property
    def ideographs(self) -> NDArray[np.int64]:
        """Ideographs of each piece that has nothing else, (vocab,); 0 for all others."""
        return np.array([len(text) if is_all_ideographs(text) else 0 for text in self._unmarked], dtype=np.int64)

    @cached_property
    def _unmarked(self) -> list[str]:
        """The text of each piece without marks; of bytes what is whole characters."""
        match self.word_marks:
            case "continuation":
                return [piece.removeprefix(CONTINUATION) for piece in self._pieces]
            case "end":
                return [piece.removesuffix(WORD_END) for piece in self._pieces]
            case "bytes":
                return [bytes_of_piece(piece).decode("utf-8", "ignore").removeprefix(" ") for piece in self._pieces]
            case "space":
                return [piece.removeprefix(SPACE_MARK) for piece in self._pieces]
        return self._pieces

    def check_casing(self) -> None:
        """Raise ``VocabularyError`` where the pieces contradict the lower-casing."""
        directory = self._path.parent if self._path and self._path.is_file() else self._path
        config = directory / vocabulary_files.CONFIG if directory else Path(vocabulary_files.CONFIG)
        if self.word_marks == "bytes":  # whose alphabet has capitals that mean other bytes, and lacks no letter
            return
        check_casing(self._pieces, lowercase=self.vocabulary.lowercase, path=self._path, config=config)

    def save(self, directory: Path) -> None:
        """Write the files that transformers' ``AutoTokenizer`` opens; the directory is made where it is not there."""
        directory.mkdir(parents=True, exist_ok=True)
        self._backend.save(str(directory / vocabulary_files.TOKENIZER))
        if self.is_wordpiece:
            atomic.write_text(directory / vocabulary_files.VOCAB, "".join(f"{piece}\n" for piece in self._pieces))
        else:
            self._backend.model.save(str(directory))
        atomic.write_json(directory / vocabulary_files.CONFIG, self._saved_config())

    def _saved_config(self) -> dict[str, Any]:
        if not self.is_wordpiece:
            usual = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": LONGEST_SEQUENCE}
            return usual | self._specials | self._config
        # transformers' BertTokenizer would build BERT's own normalizer in place of any other.
        is_berts = self.normalization == "none"
        return {
            "tokenizer_class": "BertTokenizer" if is_berts else "PreTrainedTokenizerFast",
            "do_lower_case": self.casing["lowercase"],
            "tokenize_chinese_chars": self.casing["tokenize_chinese_chars"],
            "strip_accents": self.casing["strip_accents"],
            "model_max_length": self._config.get("model_max_length", LONGEST_SEQUENCE),
            **self._normal_form,
            **self._specials,
        }

    @property
    def _normal_form(self) -> dict[str, str]:
        return {"normalization": self.normalization} if self.normalization in ("nfc", "nfkc") else {}

    def _facts(self) -> Vocabulary:
        numbers = {piece: number for number, piece in enumerate(self._pieces)}
        missing = [piece for piece in self._specials.values() if piece not in numbers]
        if missing:
            raise VocabularyError(
                f"the vocabulary lacks {', '.join(missing)}", path=self._path, hint=vocabulary_files.HINT
            )
        marked = {token["id"] for token in self._parts["added_tokens"] if token["special"]}
        roles = {role: numbers[piece] for role, piece in self._specials.items()}
        return Vocabulary(
            size=len(self._pieces),
            pad_id=roles["pad_token"],
            unk_id=roles["unk_token"],
            cls_id=roles["cls_token"],
            sep_id=roles["sep_token"],
            mask_id=roles["mask_token"],
            special_ids=tuple(sorted(marked | set(roles.values()))),
            lowercase=self.casing["lowercase"],
            fingerprint=fingerprints.of_value({"pieces": self._pieces, **self.casing, **self._normal_form}),
        )

    def _is_by_word(self) -> bool:
        splitter = self._parts["pre_tokenizer"]
        return (
            self.normalization is not None
            and splitter is not None
            and splitter["type"] == "BertPreTokenizer"
            and all(token["special"] for token in self._parts["added_tokens"])
        )


def _rebuilt(
    backend: tokenizers.Tokenizer, specials: dict[str, str], path: Path | None, config: dict[str, Any]
) -> Tokenizer:
    return Tokenizer(backend, specials=specials, path=path, config=config)


def _calls(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Texts that are encoded at a time: some million characters of them, and a long one alone."""
    lengths = list(map(len, texts))
    if sum(lengths) <= _CHARACTERS_PER_CALL and max(lengths, default=0) <= LONGEST_TEXT:
        if texts:
            yield texts
        return
    begin = characters = 0
    for at, text in enumerate(texts):
        if begin < at and (
            characters > _CHARACTERS_PER_CALL or len(text) > LONGEST_TEXT or len(texts[begin]) > LONGEST_TEXT
        ):
            yield texts[begin:at]
            begin, characters = at, 0
        characters += len(text)
    if begin < len(texts):
        yield texts[begin:]


def _pieces_in_order(backend: tokenizers.Tokenizer, path: Path | None) -> list[str]:
    numbers = backend.get_vocab(with_added_tokens=True)
    pieces = sorted(numbers, key=numbers.__getitem__)
    if sorted(numbers.values()) != list(range(len(numbers))):
        raise VocabularyError("the ids of the pieces have gaps or repeat", path=path, hint=vocabulary_files.HINT)
    return pieces
