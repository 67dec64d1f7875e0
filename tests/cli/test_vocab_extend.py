"""``bertcli vocab extend``: which words join a vocabulary, what it says of them, and what it refuses."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from pathlib import Path

import pytest
import transformers

from bertcli.text.pieces import SPECIALS
from bertcli.text.tokenizer_loading import load_tokenizer
from bertcli.text.tokenizer_making import bpe_tokenizer, wordpiece_tokenizer

LETTERS = [*"abcdefghijklmnopqrstuvwxyz", *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")]
OLD = ["[PAD]", "[unused1]", "[unused2]", *SPECIALS[1:], *LETTERS, "ten", "##don", ".", "a", "b"]
OLD = list(dict.fromkeys(OLD))
TEXT = "Tendon tendons tendon.\n\nThe tendon, the tendinitis ☃ ☃ ☃\n\nOnce\n"
# "tendon" is cut "ten ##don" 3 times, and once more in "tendons": saves 1 each. "the", "t ##h ##e" twice, saves 2 each.
# "☃" was unknown 3 times, which counts 2 pieces each; so was the comma, once.
WORDS, BASE_PIECES, PIECES = 13, 32, 24


@pytest.fixture(autouse=True)
def _a_base_and_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("base").mkdir()
    Path("base/vocab.txt").write_text("".join(f"{piece}\n" for piece in OLD))
    Path("text.txt").write_text(TEXT)


def extend(bertcli, *arguments: object, base: str = "base"):
    outcome = bertcli("vocab", "extend", base, "--on", "text.txt", *arguments)
    assert outcome.code == 0, outcome.err
    return outcome


def refusal(bertcli, *arguments: object) -> str:
    outcome = bertcli("vocab", "extend", *arguments)
    assert outcome.code == 2, outcome.err
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    return outcome.err


def test_the_most_saving_words_stand_behind_the_old_pieces(bertcli):
    report = extend(bertcli, "-o", "new", "--json").json()
    pieces = Path("new/vocab.txt").read_text().splitlines()
    assert pieces == [*OLD, "tendon", "the", "☃"]
    assert report["most_saving"] == [
        {"word": "tendon", "base_pieces": ["ten", "##don"], "count": 3, "saved": 4},
        {"word": "the", "base_pieces": ["t", "##h", "##e"], "count": 2, "saved": 4},
        {"word": "☃", "base_pieces": ["[UNK]"], "count": 3, "saved": 3},
    ]
    assert (report["size"], report["base_size"], report["added"], report["filled"]) == (len(OLD) + 3, len(OLD), 3, 0)


def test_the_report_is_what_both_tokenizers_make_of_the_text(bertcli):
    outcome = extend(bertcli, "-o", "new", "--json")
    report = outcome.json()
    counts = {}
    for directory in ("base", "new"):
        ids = load_tokenizer(directory).encode([TEXT])[0].tolist()
        counts[directory] = (len(ids), ids.count(OLD.index("[UNK]")))
    assert (counts["base"][0], counts["new"][0]) == (BASE_PIECES, PIECES)
    assert (report["documents"], report["words"]) == (3, WORDS)
    for prefix, directory in (("base_", "base"), ("", "new")):
        tokens, unknown = counts[directory]
        assert report[f"{prefix}fit"]["pieces_per_word"] == tokens / WORDS
        assert report[f"{prefix}fit"]["unknown_pieces"] == unknown / tokens
        assert report[f"{prefix}fingerprint"] == load_tokenizer(directory).vocabulary.fingerprint
    assert "note: 3 words of the text save pieces, fewer than the 1,000 asked for (--add)\n" in outcome.err
    assert outcome.err.endswith("note: next: bertcli mask build text.txt --vocab new -o bertcli-out/data-extended\n")


def test_a_terminal_gets_a_table(bertcli):
    outcome = extend(bertcli, "--add", 2)
    assert outcome.out.startswith("vocabulary: bertcli-out/vocab-extended\n")
    assert f"{len(OLD) + 2} (wordpiece, uncased), {len(OLD)} before" in outcome.out
    assert "added            2 words\n" in outcome.out
    assert "pieces per word  1.846, 2.462 before\n" in outcome.out
    assert "unknown          30.769% of the words, 30.769% before\n" in outcome.out
    assert Counter(outcome.out.split())["##don"] == 1
    assert "asked for" not in outcome.err


def test_transformers_opens_it_with_the_same_casing(bertcli):
    Path("base/tokenizer_config.json").write_text('{"do_lower_case": true, "strip_accents": false}')
    Path("text.txt").write_text("tendön Tendön tendon")
    extend(bertcli, "-o", "new")
    theirs = transformers.AutoTokenizer.from_pretrained("new")
    assert theirs.tokenize("TENDÖN tendon") == ["tendön", "ten", "##don"]
    manifest = json.loads(Path("new/manifest.json").read_text())
    assert (manifest["kind"], manifest["command"]) == ("vocabulary", "vocab extend")
    assert manifest["base"]["fingerprint"] == load_tokenizer("base").vocabulary.fingerprint
    assert manifest["vocabulary"]["fingerprint"] == load_tokenizer("new").vocabulary.fingerprint
    assert manifest["config"]["base"] == "base"
    assert len(manifest["corpus"]) == 64


def test_ideographs_that_the_base_leaves_together_are_counted_together(bertcli):
    Path("base/tokenizer_config.json").write_text('{"tokenize_chinese_chars": false}')
    Path("text.txt").write_text("中文 中文 " + "中" * 101)
    report = extend(bertcli, "-o", "new", "--json").json()
    assert [(new["word"], new["saved"]) for new in report["most_saving"]] == [("中文", 4)]
    assert report["words"] == 2


def test_unused_places_are_filled_first(bertcli):
    outcome = extend(bertcli, "--fill-unused", "-o", "new")
    pieces = Path("new/vocab.txt").read_text().splitlines()
    assert pieces == ["[PAD]", "tendon", "the", *OLD[3:], "☃"]
    assert "added            3 words, 2 of them in [unusedN] places\n" in outcome.out
    outcome = extend(bertcli, "--fill-unused", "--min-count", 1, "-o", "newer", base="new")
    assert "note: new has no [unusedN] place: all words stand behind its pieces\n" in outcome.err
    assert Path("newer/vocab.txt").read_text().splitlines()[: len(pieces)] == pieces


def test_a_vocabulary_file_alone_can_be_extended(bertcli):
    extend(bertcli, "-o", "new", base="base/vocab.txt")
    assert load_tokenizer("new").vocabulary.size == len(OLD) + 3


def test_the_next_command_reads_the_text_alike_and_a_model_is_continued(bertcli):
    Path("table.csv").write_text("body\ntendon tendon\n")
    Path("base/config.json").write_text("{}")
    outcome = bertcli("vocab", "extend", "base", "--on", "table.csv", "--on", "more.csv", "--text-column", "body")
    assert "more.csv: no such file or folder" in outcome.err
    outcome = bertcli("vocab", "extend", "base", "--on", "table.csv", "--text-column", "body")
    assert outcome.err.endswith(
        "note: next: bertcli mask build table.csv --text-column body --vocab bertcli-out/vocab-extended "
        "-o bertcli-out/data-extended\n"
        "note: then: bertcli pretrain --mlm --init base --data bertcli-out/data-extended "
        "-o bertcli-out/runs/pretrain-extended\n"
    )


def test_the_help_ends_with_a_line_that_runs(bertcli):
    output = bertcli("vocab", "extend", "--help").out
    example = output.strip().splitlines()[-1].strip()
    assert example == "Example: bertcli vocab extend bertcli-out/vocab --on more.txt"
    Path("text.txt").rename("more.txt")
    Path("bertcli-out").mkdir()
    Path("base").rename("bertcli-out/vocab")
    assert bertcli(*shlex.split(example)[2:]).code == 0


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["nowhere", "--on", "text.txt"], "nowhere", "hint: `bertcli vocab build CORPUS` makes a vocabulary"),
        (["base", "--on", "nowhere.txt"], "error: nowhere.txt: no such file or folder\n", ""),
        (["base"], "error: no text is given whose words are to be added\n", "hint: for example --on corpus.txt\n"),
        (
            ["base", "--on", "text.txt", "--add", "0"],
            "error: --add: input should be greater than or equal to 1, got '0'\n",
            "",
        ),
        (
            ["base", "--on", "text.txt", "--min-count", "7"],
            "error: base: nothing to add: no word that occurs at least 7 times would save a piece\n",
            "hint: the text has 2.462 pieces a word as it is; more text or a smaller --min-count gives more words to "
            "choose from\n",
        ),
        (
            ["base", "--on", "text.txt", "-o", "base"],
            "error: base: the output directory is not empty\n",
            "hint: --overwrite replaces it, -o DIR writes elsewhere\n",
        ),
        (
            ["base", "--on", "control.txt"],
            "error: control.txt: the corpus holds no words\n",
            "hint: all of its characters are control characters, or its words have over 100 characters\n",
        ),
        (
            ["bpe", "--on", "text.txt"],
            "error: bpe: a BPE vocabulary cannot be extended by words: its pieces follow from its merges\n",
            "hint: give a WordPiece vocabulary; `bertcli vocab build CORPUS --algorithm wordpiece` makes one\n",
        ),
        (
            ["odd", "--on", "text.txt"],
            "error: odd: words cannot be added: this tokenizer does not clean and split text as BERT does, or has "
            "pieces beside its vocabulary\n",
            "hint: give the vocab.txt alone, if BERT's rules are right for it\n",
        ),
        (["cased", "--on", "text.txt"], "error: cased: a cased vocabulary with lower-casing", "do_lower_case"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_left(arguments: list[str], error: str, hint: str, bertcli):
    Path("control.txt").write_bytes(b"\x00\x01\n")
    bpe_tokenizer([*SPECIALS, "a", "b</w>", "ab</w>"], [("a", "b</w>")], lowercase=True).save(Path("bpe"))
    odd = wordpiece_tokenizer(OLD, lowercase=True)
    odd._backend.add_tokens(["new word"])
    odd._backend.save("odd.json")
    Path("odd").mkdir()
    Path("odd.json").rename("odd/tokenizer.json")
    Path("cased").mkdir()
    Path("cased/vocab.txt").write_text("\n".join([*SPECIALS, "A", "B", "C", "a"]))
    Path("cased/tokenizer_config.json").write_text('{"do_lower_case": true}')
    said = refusal(bertcli, *arguments)
    assert error in said
    assert hint in said
    assert not Path("bertcli-out").exists() or not list(Path("bertcli-out").iterdir())


def test_overwriting_never_removes_the_base(bertcli):
    extend(bertcli, "-o", "new")
    said = refusal(bertcli, "new", "--on", "text.txt", "--min-count", 1, "-o", "new", "--overwrite")
    assert said == "error: new: the output directory holds an input, new\nhint: choose another place with -o\n"
