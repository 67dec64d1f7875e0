"""``bertcli vocab show``: its table, its JSON object, and a clear word on what is no vocabulary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bertcli.text.pieces import SPECIALS
from bertcli.text.tokenizer_loading import load_tokenizer

PIECES = [*SPECIALS, "[unused0]", "a", "b", "##b", "word", "##ing", "слово"]


@pytest.fixture(autouse=True)
def _in_a_folder_with_a_vocabulary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write("bertcli-out/vocab", PIECES)


def write(directory: str, pieces: list[str], **config: object) -> None:
    Path(directory).mkdir(parents=True)
    Path(directory, "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    if config:
        Path(directory, "tokenizer_config.json").write_text(json.dumps(config))


def test_the_vocabulary_that_was_built_last_is_shown(bertcli):
    shown = bertcli("vocab", "show")
    assert shown.code == 0
    assert shown.err == ""
    lines = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert lines[0] == "vocabulary: bertcli-out/vocab"
    for line in (
        "size 12 pieces",
        "algorithm wordpiece",
        "text lower-cases, strips accents",
        "specials [PAD] 0, [UNK] 1, [CLS] 2, [SEP] 3, [MASK] 4",
        "begin words 4",
        "continue 2",
        "placeholders 1",
        "alphabet 2 characters; 2 begin words, 1 continue them",
        "longest слово, word, ##ing, a, b",
        f"fingerprint {load_tokenizer('bertcli-out/vocab').vocabulary.fingerprint}",
        "1 3 50.00%",  # a b ##b, of six
        "Latin 5 83.33%",
    ):
        assert line in lines
    assert "10 ##ing" in shown.out


def test_one_object_holds_all_of_it(bertcli):
    values = bertcli("vocab", "show", "bertcli-out/vocab", "--json", "--limit", "2", "--seed", "3").json()
    assert (values["size"], values["algorithm"], values["lowercase"]) == (12, "wordpiece", True)
    assert (values["strip_accents"], values["tokenize_chinese_chars"]) == (True, True)
    assert values["specials"]["[MASK]"] == 4
    assert values["by_length"] == {"1": 3, "3": 1, "4": 1, "5": 1}
    assert values["alphabet"] == {"characters": 2, "begins": 2, "continues": 1}
    assert len(values["sample"]) == 2


def test_a_file_a_cased_vocabulary_and_byte_pairs_are_shown(bertcli):
    write("cased", [*PIECES, "A", "É"], do_lower_case=False, tokenize_chinese_chars=False)
    assert "keeps capitals, keeps accents, joins ideographs" in bertcli("vocab", "show", "cased").out
    assert bertcli("vocab", "show", "bertcli-out/vocab/vocab.txt", "--json").json()["size"] == 12
    Path("corpus.txt").write_text("low lower lowest\n\nnew newer newest\n")
    bertcli("vocab", "build", "corpus.txt", "--algorithm", "bpe", "-o", "bpe")
    shown = bertcli("vocab", "show", "bpe", "--limit", "0")
    assert "algorithm    bpe" in shown.out
    assert "end words" in shown.out
    assert "begin words" not in shown.out
    assert "a sample" not in shown.out


def test_control_characters_of_a_piece_do_not_reach_the_terminal(bertcli):
    write("odd", [*PIECES, "long\x1b[31mpiece"])
    shown = bertcli("vocab", "show", "odd")
    assert "\x1b" not in shown.out
    assert "long\\x1b[31mpiece" in shown.out


def test_a_vocabulary_that_contradicts_its_casing_is_shown_with_a_notice(bertcli):
    write("wrong", [*PIECES, "Aa", "Bb", "Cc"])
    Path("wrong/tokenizer_config.json").write_text('{"do_lower_case": true}')
    shown = bertcli("vocab", "show", "wrong", "--json")
    assert shown.json()["size"] == 15
    assert "note: wrong: a cased vocabulary with lower-casing: 3 of its pieces have a capital letter" in shown.err
    assert '(set "do_lower_case": false in wrong/tokenizer_config.json)' in shown.err


@pytest.mark.parametrize(
    ("vocabulary", "error", "hint"),
    [
        ("./nowhere", "./nowhere: no such directory", "`bertcli vocab build CORPUS` makes a vocabulary"),
        (
            "nothing",
            "nothing: no vocabulary here: neither tokenizer.json nor vocab.txt",
            "`bertcli vocab build CORPUS`",
        ),
        ("twice", "twice/vocab.txt:13: the piece 'a' stands here again; it was first on line 7", "its line is its id"),
        ("empty", "empty/vocab.txt:3: an empty piece", "every line holds one piece"),
        ("maskless", "maskless: the vocabulary lacks [MASK]", "`bertcli vocab build CORPUS`"),
    ],
)
def test_what_is_no_vocabulary_is_said(bertcli, vocabulary: str, error: str, hint: str):
    Path("nothing").mkdir()
    write("twice", [*PIECES, "a"])
    write("empty", [*PIECES[:2], "", *PIECES[2:]])
    write("maskless", [piece for piece in PIECES if piece != "[MASK]"])
    shown = bertcli("vocab", "show", vocabulary)
    assert shown.code == 2
    assert shown.out == ""
    assert shown.err.startswith(f"error: {error}\nhint: ")
    assert hint in shown.err
