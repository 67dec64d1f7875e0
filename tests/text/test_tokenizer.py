"""The tokenizer against transformers' own, and a clear word on vocabularies that cannot be used."""

from __future__ import annotations

import json
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from bertcli.errors import VocabularyError
from bertcli.text import word_cache
from bertcli.text.bpe import learn_bpe
from bertcli.text.learning import LearningRules
from bertcli.text.normalization import Normalization, WordRules
from bertcli.text.pieces import SPECIALS
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_loading import load_tokenizer
from bertcli.text.tokenizer_making import bpe_tokenizer, wordpiece_tokenizer
from bertcli.text.wordpiece import learn_wordpiece
from bertcli.text.words import count_words

TEXTS = [
    "The Quick brown fox jumps over the lazy dog. Größe, naïve café; Ünïcödé — Straße İstanbul ΑΒΓσς",
    "Walking, talking, barking: unaffable people like walking. 中文字符 日本語テキスト 한국어 русский Текст",
    "numbers 123 4567! and $ymbols #hash @at [MASK] [SEP]",
] * 3

# Joiners, variation selectors, skin tones, tags and flags; ideographs of extensions and compatible ones; private use;
# marks that combine or enclose, in whatever order; Hangul letters; ligatures and half-width letters.
RARE = "👩👍❤\u200d\ufe0f\U0001f3fd\U000e0067\U000e007f🇩🇪𠀀𰀀豈\U0002f800\ue000\U000f0000"
RARE += "\u0327\u0323\u0301\u20dd\u0488\u0338=<각ᄀ\u1161\u11a8ﬁ①℡ÅắがカヴｶﾞÅ\u3099"
UNICODE = st.text(
    alphabet=st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from(list(" \t\n\r\u00a0\u3000\x00\x1c\u200b\ufeff\ufffdaBcZéÜßİςσ中文한カ'-,.!#\u0301")),
        st.sampled_from(RARE),
    ),
    max_size=40,
).filter(lambda text: not any(piece in text for piece in SPECIALS))  # those are text for us alone


def build(lowercase: bool = True, **rules: Any) -> Tokenizer:
    return wordpiece_tokenizer(
        learn_wordpiece(count_words(TEXTS, WordRules(lowercase)).counts, size=400), lowercase=lowercase, **rules
    )


def build_bpe(normalization: Normalization = "none") -> Tokenizer:
    learned = learn_bpe(count_words(TEXTS, WordRules(True, normalization)).counts, size=300)
    return bpe_tokenizer(learned.pieces, learned.merges, lowercase=True, normalization=normalization)


@pytest.fixture(scope="module", params=["uncased", "cased", "accents kept", "ideographs joined"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tokenizer, Any]:
    """Ours, and transformers' from the vocabulary alone."""
    rules: dict[str, dict[str, Any]] = {
        "uncased": {},
        "cased": {"lowercase": False},
        "accents kept": {"strip_accents": False},
        "ideographs joined": {"tokenize_chinese_chars": False},
    }
    ours = build(**rules[request.param])
    names = {"lowercase": "do_lower_case"}
    flags = {names.get(name, name): value for name, value in rules[request.param].items()}
    vocabulary = {piece: number for number, piece in enumerate(ours.pieces(range(ours.vocabulary.size)))}
    return ours, transformers.BertTokenizerFast(vocab=vocabulary, **flags)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(UNICODE, max_size=4))
def test_places_are_those_of_transformers_beside_the_same_ids(pair: tuple[Tokenizer, Any], texts: list[str]):
    ours, theirs = pair
    found = list(ours.encode_with_places(texts))
    assert [ids.tolist() for ids, _ in found] == [ids.tolist() for ids in ours.encode(texts)]
    expected = [theirs(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"] for text in texts]
    assert [list(map(tuple, places.tolist())) for _, places in found] == expected


@settings(max_examples=120, deadline=None)
@given(texts=st.lists(UNICODE, max_size=4))
def test_ids_are_those_of_transformers(pair: tuple[Tokenizer, Any], texts: list[str]):
    ours, theirs = pair
    expected = [theirs(text, add_special_tokens=False)["input_ids"] for text in texts]
    assert [ids.tolist() for ids in ours.encode(texts)] == expected


@settings(max_examples=200, deadline=None)
@given(text=UNICODE)
@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("form", ["NFC", "NFKC"])
def test_a_normal_form_comes_before_all_else_and_words_are_still_met_once(form: Any, lowercase: bool, text: str):
    """``unicodedata`` may know a later Unicode than the library: only characters that both know are compared."""
    normalized = build_with_form(form.lower(), lowercase)
    plain = build_with_form("none", lowercase)
    assert normalized._words is not None
    text = "".join(character for character in text if unicodedata.category(character) != "Cn")
    expected = plain.encode([unicodedata.normalize(form, text)])[0].tolist()
    assert normalized.encode([text])[0].tolist() == expected
    assert normalized._encode_plainly([text])[0] == expected


@cache
def build_with_form(normalization: Normalization, lowercase: bool) -> Tokenizer:
    """The same pieces whatever the normal form."""
    pieces = learn_wordpiece(
        count_words([*TEXTS, RARE, RARE], WordRules(lowercase)).counts, size=600, rules=LearningRules(min_count=1)
    )
    return wordpiece_tokenizer(pieces, lowercase=lowercase, normalization=normalization)


def test_a_normal_form_is_part_of_what_a_vocabulary_is(tmp_path: Path):
    ours = {form: build_with_form(form, True) for form in ("none", "nfc", "nfkc")}
    assert len({tokenizer.vocabulary.fingerprint for tokenizer in ours.values()}) == 3
    ours["nfkc"].save(tmp_path)
    assert load_tokenizer(str(tmp_path)).normalization == "nfkc"
    assert load_tokenizer(str(tmp_path / "vocab.txt")).vocabulary == ours["nfkc"].vocabulary
    assert ours["nfkc"].encode(["ﬂow"])[0].tolist() == ours["none"].encode(["flow"])[0].tolist()
    assert ours["nfc"].encode(["ﬂow"])[0].tolist() == ours["none"].encode(["ﬂow"])[0].tolist()


def test_a_model_directory_keeps_the_normal_form_in_transformers(tmp_path: Path):
    build(normalization="nfkc").save(tmp_path)
    transformers.BertConfig().save_pretrained(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
    again = tmp_path / "again"
    theirs.save_pretrained(again)
    assert theirs("ｗａｌｋ", add_special_tokens=False)["input_ids"] == build().encode(["walk"])[0].tolist()
    assert load_tokenizer(str(again)).vocabulary == build(normalization="nfkc").vocabulary


def test_a_normal_form_that_is_none_is_refused(tmp_path: Path):
    (tmp_path / "vocab.txt").write_text("\n".join(SPECIALS))
    (tmp_path / "tokenizer_config.json").write_text('{"normalization": "nfd"}')
    assert refused(tmp_path) == (
        f"{tmp_path / 'tokenizer_config.json'}: normalization 'nfd' is not known",
        "expected none, nfc or nfkc",
    )


def test_ids_are_settled_types_and_empty_texts_have_none():
    encoded = build().encode(["the dog", "", " \n"])
    assert [ids.dtype for ids in encoded] == [np.int32] * 3
    assert [len(ids) for ids in encoded] == [2, 0, 0]
    assert build().encode([]) == []


@pytest.mark.parametrize("limit", ["_MOST_PARTS", "_MOST_CHARACTERS", "_MOST_PIECES"])
def test_words_met_before_are_encoded_as_at_first(limit: str, monkeypatch: pytest.MonkeyPatch):
    tokenizer = build()
    first = [ids.tolist() for ids in tokenizer.encode(TEXTS)]
    monkeypatch.setattr(word_cache, limit, 10)
    for _ in range(3):
        assert [ids.tolist() for ids in tokenizer.encode(TEXTS)] == first


def test_special_pieces_written_out_in_a_text_are_text():
    tokenizer = build()
    ids = tokenizer.encode(["a [MASK] b [SEP]"])[0]
    assert not np.isin(ids, tokenizer.vocabulary.special_ids).any()


def test_words_that_no_pieces_make_and_words_over_100_characters_are_unknown():
    tokenizer = build()
    ids = tokenizer.encode(["☃ " + "t" * 101])[0]
    assert ids.tolist() == [tokenizer.vocabulary.unk_id] * 2


def test_pieces_make_words_again():
    tokenizer = build()
    ids = tokenizer.encode(["Unaffable people, walking!"])[0]
    assert tokenizer.text_of(ids) == "unaffable people , walking !"
    assert tokenizer.pieces(ids) == [tokenizer.piece(number) for number in ids]
    assert tokenizer.continuation.shape == (tokenizer.vocabulary.size,)
    assert tokenizer.continuation[tokenizer.pieces(range(tokenizer.vocabulary.size)).index("##a")]


def test_byte_pairs_make_words_again():
    tokenizer = build_bpe()
    ids = tokenizer.encode(["Unaffable people, walking!"])[0]
    assert tokenizer.text_of(ids) == "unaffable people , walking !"


def test_the_facts_of_a_vocabulary():
    vocabulary = build().vocabulary
    assert (vocabulary.pad_id, vocabulary.unk_id, vocabulary.cls_id, vocabulary.sep_id, vocabulary.mask_id) == (
        0,
        1,
        2,
        3,
        4,
    )
    assert vocabulary.special_ids == (0, 1, 2, 3, 4)
    assert vocabulary.fingerprint == build().vocabulary.fingerprint
    assert vocabulary.fingerprint != build(strip_accents=False).vocabulary.fingerprint


@pytest.mark.parametrize(
    "make",
    [
        build,
        lambda: build(lowercase=False),
        build_bpe,
        lambda: build(normalization="nfc"),
        lambda: build(normalization="nfkc", lowercase=False),
        lambda: build_bpe(normalization="nfkc"),
    ],
)
def test_what_is_saved_opens_here_and_in_transformers(make: Any, tmp_path: Path):
    tokenizer = make()
    tokenizer.save(tmp_path)
    again = load_tokenizer(str(tmp_path))
    assert again.vocabulary == tokenizer.vocabulary
    theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
    texts = ["Walking the Lazy dog, naïve 中文!", "☃ numbers", "ﬂoﬀ ｗａｌｋ Ⅻ² cafe\u0301 字豈 がか\u3099"]
    expected = [[2, *ids.tolist(), 3] for ids in tokenizer.encode(texts)]
    assert [theirs(text)["input_ids"] for text in texts] == expected
    assert [ids.tolist() for ids in again.encode(texts)] == [ids[1:-1] for ids in expected]
    assert theirs.model_max_length == 512
    assert [theirs.pad_token_id, theirs.unk_token_id, theirs.mask_token_id] == [0, 1, 4]
    assert theirs("a", "b")["input_ids"].count(3) == 2
    second = tmp_path / "second"
    again.save(second)
    for file in second.iterdir():
        assert file.read_bytes() == (tmp_path / file.name).read_bytes(), file.name


def test_transformers_own_directory_opens_here(tmp_path: Path):
    ours = build(lowercase=False)
    vocabulary = {piece: number for number, piece in enumerate(ours.pieces(range(ours.vocabulary.size)))}
    transformers.BertTokenizerFast(vocab=vocabulary, do_lower_case=False).save_pretrained(tmp_path)
    assert load_tokenizer(str(tmp_path)).vocabulary == ours.vocabulary


def test_a_vocabulary_file_alone_is_lower_cased_unless_its_folder_says_otherwise(tmp_path: Path):
    pieces = build().pieces(range(build().vocabulary.size))
    (tmp_path / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces))
    for where in (tmp_path, tmp_path / "vocab.txt"):
        assert load_tokenizer(str(where)).vocabulary == build().vocabulary
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false, "strip_accents": false}')
    assert not load_tokenizer(str(tmp_path)).vocabulary.lowercase


# -- what cannot be used

HINT = "`bertcli vocab build CORPUS` makes a vocabulary; -o says where"


def refused(where: Path) -> tuple[str, str]:
    with pytest.raises(VocabularyError) as error:
        load_tokenizer(str(where))
    return str(error.value), error.value.hint or ""


def test_a_place_without_a_vocabulary_is_said(tmp_path: Path):
    assert refused(tmp_path / "nowhere") == (f"{tmp_path / 'nowhere'}: no such directory", HINT)
    assert refused(tmp_path) == (f"{tmp_path}: no vocabulary here: neither tokenizer.json nor vocab.txt", HINT)
    (tmp_path / "config.json").write_text("{}")
    assert refused(tmp_path)[1] == "a model is read with its own: copy it from where the model came from"


@pytest.mark.parametrize(
    ("data", "place", "message", "hint"),
    [
        (
            b"[PAD]\n[UNK]\na\n[CLS]\na\n",
            ":5",
            "the piece 'a' stands here again; it was first on line 3",
            "every piece stands once; its line is its id",
        ),
        (b"[PAD]\n\na\n", ":2", "an empty piece", "every line holds one piece"),
        (b"\n\n", "", "the vocabulary is empty", HINT),
        (b"[PAD]\n\xff\n", "", "not UTF-8: byte 0xff at offset 6", HINT),
    ],
)
def test_a_vocabulary_file_that_is_wrong_is_located(data: bytes, place: str, message: str, hint: str, tmp_path: Path):
    (tmp_path / "vocab.txt").write_bytes(data)
    assert refused(tmp_path) == (f"{tmp_path / 'vocab.txt'}{place}: {message}", hint)


def test_missing_specials_are_named(tmp_path: Path):
    (tmp_path / "vocab.txt").write_text("[UNK]\n[CLS]\n[SEP]\na\n")
    assert refused(tmp_path) == (f"{tmp_path}: the vocabulary lacks [PAD], [MASK]", HINT)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("tokenizer.json", "{}", "not a tokenizer: "),
        ("tokenizer_config.json", "{", "not JSON: "),
        ("tokenizer_config.json", "[]", "expected a JSON object"),
    ],
)
def test_files_that_are_not_what_they_are_named_are_said(name: str, text: str, message: str, tmp_path: Path):
    (tmp_path / "vocab.txt").write_text("\n".join(SPECIALS))
    (tmp_path / name).write_text(text)
    assert refused(tmp_path)[0].startswith(f"{tmp_path / name}: {message}")


def test_a_cased_vocabulary_with_lower_casing_is_refused():
    tokenizer = wordpiece_tokenizer([*SPECIALS, "a", "A", "B", "b"], lowercase=True)
    with pytest.raises(VocabularyError) as error:
        tokenizer.check_casing()
    assert str(error.value) == (
        "a cased vocabulary with lower-casing: 2 of its pieces have a capital letter, "
        "and lower-cased text never reaches them"
    )
    assert error.value.hint == 'set "do_lower_case": false in tokenizer_config.json'


def test_an_uncased_vocabulary_without_lower_casing_is_refused():
    with pytest.raises(VocabularyError) as error:
        wordpiece_tokenizer([*SPECIALS, "a", "b"], lowercase=False).check_casing()
    assert str(error.value) == (
        "an uncased vocabulary without lower-casing: none of its pieces has a capital letter, "
        "and every capital would be unknown"
    )
    assert error.value.hint == (
        'set "do_lower_case": true in tokenizer_config.json, or build the vocabulary without --cased'
    )


def test_vocabularies_that_fit_their_casing_pass():
    build().check_casing()
    build(lowercase=False).check_casing()
    wordpiece_tokenizer([*SPECIALS, "中", "文"], lowercase=False).check_casing()


def test_files_that_contradict_each_other_about_casing_are_refused(tmp_path: Path):
    build().save(tmp_path)
    config = tmp_path / "tokenizer_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"do_lower_case": False}))
    assert refused(tmp_path) == (
        f"{tmp_path}: tokenizer_config.json says do_lower_case false, tokenizer.json does lower-case",
        "remove tokenizer.json, or correct tokenizer_config.json",
    )


def test_piece_lengths_count_characters_without_marks(tmp_path):
    from bertcli.text.bpe import learn_bpe
    from bertcli.text.tokenizer_making import bpe_tokenizer, wordpiece_tokenizer

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##bc", "##", "word"]
    assert wordpiece_tokenizer(pieces, lowercase=True).piece_lengths[5:].tolist() == [1, 2, 0, 4]
    learned = learn_bpe({"lower": 9, "low": 9}, size=30)
    tokenizer = bpe_tokenizer(learned.pieces, learned.merges, lowercase=True)
    lengths = dict(zip(tokenizer.pieces(range(tokenizer.vocabulary.size)), tokenizer.piece_lengths, strict=True))
    assert lengths["low</w>"] == 3


def test_what_was_forgotten_is_cut_as_before():
    ours = wordpiece_tokenizer([*SPECIALS, "a", "##b"], lowercase=True)
    before = ours.encode(["ab a", "b"])
    ours.forget()
    assert ours._words is not None and len(ours._words._parts) == 0
    assert [ids.tolist() for ids in ours.encode(["ab a", "b"])] == [ids.tolist() for ids in before]
