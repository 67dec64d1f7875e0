"""``bertcli vocab compare``: by hand, against plain loops over transformers' tokenizer, and what it refuses."""

from __future__ import annotations

import gzip
import json
import math
from collections import Counter
from pathlib import Path

import pytest
import tokenizers
import transformers
from tokenizers import decoders, models, pre_tokenizers

from bertcli.data.held_out import document_hash
from bertcli.stages import vocab_compare
from bertcli.text import compared_text, corpus_words, long_texts
from bertcli.text.normalization import WordRules
from bertcli.text.pieces import SPECIALS
from bertcli.text.wordpiece import learn_wordpiece
from bertcli.text.words import CountedWords, WordSplitter, count_words

SENTENCES = (
    "The Quick brown fox jumps over the lazy dog, twice.",
    "Größe, naïve café; Straße İstanbul ΑΒΓσς — 中文字符 и русский Текст!",
    "Numbers 123 and 4567 are only as good as their measurement; ☃ is none.",
    "She wrote letters to the keeper of the light\nand read what followed.",
    f"A word of {'long' * 30} characters, and one of {'x' * 100}.",
    "Rain fell on the hills and the river rose, rising, risen.",
)
DOCUMENTS = [
    "\n".join(SENTENCES[(number * step) % 6] for step in (1, 2, 5)) + f"\nNumber {number}." for number in range(36)
]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(directory: str, pieces: list[str], *, lowercase: bool = True) -> str:
    Path(directory).mkdir()
    Path(directory, "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    Path(directory, "tokenizer_config.json").write_text(json.dumps({"do_lower_case": lowercase}))
    return directory


def write_two() -> None:
    write("one", [*SPECIALS, "a", "b", "ab", "##b", "##c"])
    write("two", [*SPECIALS, "a", "b", "x", "##b", "##c", "##y"])


def test_three_words_by_hand(bertcli):
    write_two()
    Path("on.txt").write_text("ab abc\nxy\n")
    Path("train.txt").write_text("ab ab b\n")
    report = bertcli(
        "vocab", "compare", "one", "two", "--on", "on.txt", "--train", "train.txt", "--documents", "file", "--json"
    ).json()
    # Of "one", the counts of ab ab b: n(ab) = 2, n(b) = 1, N = 3; with five ordinary pieces and [UNK] V = 6, N + V = 9.
    # ab: ln(9/3). abc = ab ##c: ln(9/3) + ln(9/1). xy = [UNK]: ln(9/1), and 2 ln 5 for two of the characters a b c x y.
    # Together ln 3 + 3 ln 3 + 2 ln 3 + 2 ln 5.
    one = 6 * math.log(3) + 2 * math.log(5)
    # Of "two": a ##b a ##b b: n(a) = n(##b) = 2, n(b) = 1, N = 5; V = 7, N + V = 12.
    # ab = a ##b: 2 ln(12/3). abc = a ##b ##c: 2 ln(12/3) + ln 12. xy = x ##y: 2 ln 12.
    two = 4 * math.log(4) + 3 * math.log(12)
    assert (report["documents"], report["characters"], report["distinct_characters"]) == (1, 7, 5)
    for vocabulary, cost, pieces, unknown, continuation in zip(
        report["vocabularies"], (one, two), (4, 7), (1, 0), (1, 4), strict=True
    ):
        values = {name: estimate["value"] for name, estimate in vocabulary["figures"].items()}
        assert values == pytest.approx(
            {
                "pieces_per_word": pieces / 3,
                "pieces_per_character": pieces / 7,
                "characters_per_piece": 7 / pieces,
                "unknown_words": unknown / 3,
                "unknown_pieces": unknown / pieces,
                "continuation_pieces": continuation / pieces,
                "log_likelihood_per_character": -cost / 7,
                "bits_per_character": cost / 7 / math.log(2),
            },
            abs=1e-12,
        )
        assert {estimate["low"] for estimate in vocabulary["figures"].values()} == {None}
    first, second = report["vocabularies"]
    assert first["differences"] is None
    assert second["differences"]["pieces_per_word"] == {"value": pytest.approx(1.0), "low": None, "high": None}
    assert first["bands"][0] == {"first": 1, "last": 100, "words": 3, "one_piece": pytest.approx(1 / 3)}
    assert second["bands"][0]["one_piece"] == 0.0
    assert first["scripts"] == [
        {
            "script": "Latin",
            "words": 3,
            "pieces_per_word": pytest.approx(4 / 3),
            "unknown_words": pytest.approx(1 / 3),
        }
    ]


def naive(directory: str, *, lowercase: bool, scored: list[str], training: list[str] | None) -> dict[str, float]:
    """The figures with transformers' tokenizer and plain loops, word by word."""
    pieces = Path(directory, "vocab.txt").read_text("utf-8").split()
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = transformers.BertTokenizerFast(vocab=vocabulary, do_lower_case=lowercase)
    backend = tokenizer.backend_tokenizer

    def words_of(text: str) -> list[str]:
        return [word for word, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(text))]

    def counts_of(texts: list[str]) -> Counter[str]:
        return Counter(piece for text in texts for piece in tokenizer.tokenize(text))

    distinct = {character for text in scored + (training or []) for character in text if not character.isspace()}
    halves: list[list[str]] = [[], []]
    for text in scored:
        halves[document_hash(text) % 2].append(text)
    assert all(halves)
    counts = [counts_of(training)] * 2 if training is not None else [counts_of(halves[1]), counts_of(halves[0])]
    words = tokens = unknown = continuation = characters = 0
    cost = 0.0
    for text in scored:
        own = counts[document_hash(text) % 2]
        total = sum(own.values()) + len(pieces) - 4  # all pieces but [PAD] [CLS] [SEP] [MASK]
        characters += sum(not character.isspace() for character in text)
        for word in words_of(text):
            cut = tokenizer.tokenize(word)
            words += 1
            tokens += len(cut)
            continuation += len(cut) - 1
            for piece in cut:
                cost -= math.log((own[piece] + 1) / total)
            if cut == ["[UNK]"]:
                unknown += 1
                cost += len(word) * math.log(len(distinct))
    return {
        "pieces_per_word": tokens / words,
        "pieces_per_character": tokens / characters,
        "characters_per_piece": characters / tokens,
        "unknown_words": unknown / words,
        "unknown_pieces": unknown / tokens,
        "continuation_pieces": continuation / tokens,
        "log_likelihood_per_character": -cost / characters,
        "bits_per_character": cost / characters / math.log(2),
    }


@pytest.mark.parametrize("with_training_text", [True, False])
def test_figures_are_those_of_plain_loops_over_transformers(with_training_text: bool, bertcli):
    for name, lowercase, size in (("uncased", True, 120), ("cased", False, 90)):
        write(
            name,
            learn_wordpiece(count_words(SENTENCES[::2], WordRules(lowercase)).counts, size=size),
            lowercase=lowercase,
        )
    training = DOCUMENTS[24:] if with_training_text else None
    scored = DOCUMENTS[:24] if with_training_text else DOCUMENTS
    Path("on.txt").write_text("\n\n".join(scored), encoding="utf-8")
    arguments = ["vocab", "compare", "uncased", "cased", "--on", "on.txt", "--json", "--resamples", "100"]
    if training is not None:
        Path("train.txt").write_text("\n\n".join(training), encoding="utf-8")
        arguments += ["--train", "train.txt"]
    report = bertcli(*arguments).json()
    expected = [
        naive(name, lowercase=lowercase, scored=scored, training=training)
        for name, lowercase in (("uncased", True), ("cased", False))
    ]
    for vocabulary, figures in zip(report["vocabularies"], expected, strict=True):
        assert figures["unknown_words"] > 0
        found = {name: estimate["value"] for name, estimate in vocabulary["figures"].items()}
        assert found == pytest.approx(figures, rel=1e-9, abs=1e-9)
        for estimate in vocabulary["figures"].values():
            assert estimate["low"] <= estimate["value"] <= estimate["high"]
    differences = report["vocabularies"][1]["differences"]
    for name, estimate in differences.items():
        assert estimate["value"] == pytest.approx(expected[1][name] - expected[0][name], abs=1e-9)
        assert estimate["low"] <= estimate["value"] <= estimate["high"]


def test_differences_are_paired_and_the_seed_decides(bertcli):
    write_two()
    texts = ["ab xy b", "abc", "b b b xy xy", "ab ab ab", "xy"] * 8
    Path("on.txt").write_text("\n".join(f"{text} {number}" for number, text in enumerate(texts)))
    arguments = ("vocab", "compare", "one", "two", "one", "--on", "on.txt", "--documents", "line", "--json")
    report = bertcli(*arguments).json()
    _, two, again = report["vocabularies"]
    nothing = pytest.approx({"value": 0.0, "low": 0.0, "high": 0.0}, abs=1e-12)
    assert all(estimate == nothing for estimate in again["differences"].values())
    assert two["differences"]["pieces_per_word"]["low"] < two["differences"]["pieces_per_word"]["high"]
    del report["elapsed_seconds"]
    repeated = bertcli(*arguments).json()
    del repeated["elapsed_seconds"]
    assert repeated == report
    other = bertcli(*arguments, "--seed", "1").json()["vocabularies"][1]["differences"]
    assert other["pieces_per_word"]["value"] == two["differences"]["pieces_per_word"]["value"]
    assert other != two["differences"]


def test_the_tables_show_everything_and_the_notices_say_what_to_know(bertcli):
    Path("deep").mkdir()
    for name, lowercase in (("deep/uncased", True), ("deep/cased", False)):
        write(name, learn_wordpiece(count_words(DOCUMENTS, WordRules(lowercase)).counts, size=150), lowercase=lowercase)
    Path("on.txt.gz").write_bytes(gzip.compress("\n\n".join(DOCUMENTS[:20]).encode()))
    shown = bertcli("vocab", "compare", "deep/uncased", "deep/cased", "--on", "on.txt.gz", "--train", "on.txt.gz")
    assert shown.code == 0
    lines = [" ".join(line.split()) for line in shown.out.splitlines()]
    assert lines[0] == "comparison on on.txt.gz"
    assert lines[1] == "uncased 150 pieces, wordpiece, lower-cases, strips accents"
    assert lines[2] == "cased 150 pieces, wordpiece, keeps capitals, keeps accents"
    for title in ("pieces per word", "unknown words", "continuation", "log-likelihood", "bits/character", "1 … 100"):
        assert any(line.startswith(title) for line in lines), title
    assert any(line.startswith("punctuation and symbols ") for line in lines)
    assert "-0.000%" not in shown.out
    assert all(len(line) <= 80 for line in shown.out.splitlines()[10:])
    assert shown.err.splitlines() == [
        "note: deep/uncased (lower-cases, strips accents) and deep/cased (keeps capitals, keeps accents) have "
        "different words, and what is dropped costs nothing",
        "note: on.txt.gz is in --on and in --train: its likelihood is that of text which gave the counts",
        "note: 20 documents give rough intervals: they tell how much documents differ",
    ]


def test_a_text_that_is_read_again_and_again_is_spoken_of_once(bertcli):
    write_two()
    Path("on.txt").write_text("ab\n" * 10 + "abc\n" * 10)
    shown = bertcli("vocab", "compare", "one", "two", "--on", "on.txt")
    assert shown.err.count("on.txt has no blank line between two lines") == 1


@pytest.mark.parametrize("ideographs", [True, False])
def test_long_lines_are_counted_as_they_are_scored(ideographs: bool, bertcli, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(long_texts.cut_long, "__kwdefaults__", {"at_ideographs": True, "longest": 10})
    monkeypatch.setattr(long_texts.cut_long_parts, "__kwdefaults__", {"at_ideographs": True, "longest": 10})
    longest: list[int] = []
    split = WordSplitter.split
    monkeypatch.setattr(WordSplitter, "split", lambda self, part: longest.append(len(part)) or split(self, part))
    for name, piece in (("one", "ab"), ("two", "中文字")):
        write(name, [*SPECIALS, "a", "b", "##b", "中", "文", "字", "##中", "##文", "##字", piece])
        settings = {"do_lower_case": True, "tokenize_chinese_chars": ideographs}
        Path(name, "tokenizer_config.json").write_text(json.dumps(settings))
    # 12 ideographs are one word where they do not stand alone; of a long word some thousand letters are left.
    Path("on.txt").write_text("é" * 5000 + " ab " + "中文字" * 4 + " ab-ab-ab-ab-ab-ab " + "ü" * 7 + " " + "é" * 5000)
    report = bertcli("vocab", "compare", "one", "two", "--on", "on.txt", "--train", "on.txt", "--json").json()
    words = 2 + 1 + (12 if ideographs else 1) + 11 + 1
    for vocabulary in report["vocabularies"]:
        assert sum(fit["words"] for fit in vocabulary["scripts"]) == words
        assert sum(band["words"] for band in vocabulary["bands"]) == (7 if ideographs else 5)
        assert vocabulary["figures"]["unknown_words"]["value"] == pytest.approx(8 / words)  # - five times
    pieces = words + (0 if ideographs else 11)
    assert report["vocabularies"][0]["figures"]["pieces_per_word"]["value"] == pytest.approx(pieces / words)
    assert max(longest) <= 10 + 3 * long_texts.LONGEST_TOLD_APART + 1


@pytest.mark.parametrize("with_training_text", [True, False])
def test_words_that_memory_has_no_room_for_are_dropped_and_told(
    with_training_text: bool, bertcli, monkeypatch: pytest.MonkeyPatch
):
    write_two()
    Path("on.txt").write_text("\n\n".join(["ab ab ab b xy"] * 5 + [f"ab ab x{number}" for number in range(30)]))
    arguments = ["vocab", "compare", "one", "two", "--on", "on.txt", "--json"]
    if with_training_text:
        Path("train.txt").write_text("ab ab b b b a\n\nab x x x y")
        arguments += ["--train", "train.txt"]
    words = 5 * 5 + 30 * 3 + (11 if with_training_text else 0)
    for vocabulary in bertcli(*arguments).json()["vocabularies"]:
        assert (vocabulary["dropped_words"], vocabulary["count_error"]) == (0, 0)
    monkeypatch.setattr(corpus_words, "_COUNTED_WORD_BYTES", 100_000_000)
    shown = bertcli(*arguments)
    for vocabulary in shown.json()["vocabularies"]:
        dropped, error = vocabulary["dropped_words"], vocabulary["count_error"]
        assert 0 < dropped < words
        assert error > 0
        assert (
            shown.err.count(
                f"note: {dropped / words:.2%} of all words were dropped as too rare to fit into 2GB; "
                f"every count is short of the truth by {error:,} at most (--memory)\n"
            )
            == 1
        )


@pytest.mark.parametrize("with_training_text", [True, False])
def test_two_texts_share_the_memory_for_words(with_training_text: bool, bertcli, monkeypatch: pytest.MonkeyPatch):
    write_two()
    Path("on.txt").write_text("\n\n".join(f"ab ab {'x' * (number + 1)}" for number in range(40)))
    arguments = ["vocab", "compare", "one", "two", "--on", "on.txt", "--json"]
    arguments += ["--train", "on.txt"] if with_training_text else []
    most: list[int] = []
    count, measure = compared_text.count_words, vocab_compare.fit_by_frequency

    def counting(*given, most_words: int, **more) -> CountedWords:
        most.append(most_words)
        return count(*given, most_words=most_words, **more)

    monkeypatch.setattr(compared_text, "count_words", counting)
    bertcli(*arguments)
    assert most == [(2_000_000_000 - 150_000_000) // 2 // 250 // 2] * 2
    # What is kept afterwards: 925 MB for each text, and 92.5 MB for each word.
    monkeypatch.setattr(corpus_words, "_COMPARED_WORD_BYTES", 92_500_000 - 250)
    measured: list[int] = []
    monkeypatch.setattr(
        vocab_compare, "fit_by_frequency", lambda cut, times: measured.append(len(times)) or measure(cut, times)
    )
    report = bertcli(*arguments).json()
    # Ten words of each text; ab is in both halves.
    assert measured == [10 if with_training_text else 19] * 2
    assert report["vocabularies"][0]["dropped_words"] == (2 * 31 if with_training_text else 40 - 18)


def test_a_single_document_gives_figures_without_intervals(bertcli):
    write_two()
    Path("on.txt").write_text("ab abc\n")
    shown = bertcli("vocab", "compare", "one", "two", "--on", "on.txt", "--train", "on.txt")
    assert shown.code == 0
    assert "note: one document gives no intervals" in shown.err
    assert "…" not in "".join(line for line in shown.out.splitlines() if "one " in line)


def test_tables_text_and_several_files_are_read_as_they_are_for_building(bertcli):
    write_two()
    Path("on.csv").write_text("id,body\n1,ab\n2,abc\n3,xy\n")
    Path("more.csv").write_text("id,body\n4,b\n")
    Path("train.txt").write_text("ab\n\nb\n")
    flags = ("--text-column", "body", "--json")
    report = bertcli(
        "vocab", "compare", "one", "two", "--on", "on.csv", "--on", "more.csv", "--train", "train.txt", *flags
    ).json()
    assert (report["documents"], report["on"]) == (4, ["on.csv", "more.csv"])
    limited = bertcli(
        "vocab", "compare", "one", "two", "--on", "on.csv", "--train", "train.txt", "--limit", "1", *flags
    ).json()
    # One document on each side: "ab", with the counts of "ab" alone: 1 of it, N + V = 7.
    assert (limited["documents"], limited["distinct_characters"]) == (1, 2)
    cost = limited["vocabularies"][0]["figures"]["log_likelihood_per_character"]["value"]
    assert cost == pytest.approx(-math.log(7 / 2) / 2, abs=1e-12)


def test_byte_pairs_and_tokenizers_of_another_kind_compare(bertcli):
    write_two()
    Path("on.txt").write_text("\n".join(f"ab abc b xy {number}" for number in range(10)))
    bertcli("vocab", "build", "on.txt", "--algorithm", "bpe", "-o", "bpe")
    numbers = {piece: number for number, piece in enumerate([*SPECIALS, *pre_tokenizers.ByteLevel.alphabet()])}
    backend = tokenizers.Tokenizer(models.BPE(vocab=numbers, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    Path("bytes").mkdir()
    backend.save("bytes/tokenizer.json")
    shown = bertcli("vocab", "compare", "one", "bpe", "bytes", "--on", "on.txt", "--documents", "line", "--json")
    one, pairs, of_bytes = shown.json()["vocabularies"]
    assert (pairs["algorithm"], pairs["figures"]["unknown_words"]["value"]) == ("bpe", 0.0)
    assert one["figures"]["unknown_words"]["value"] > 0
    # Every word cut into bytes: 2 + 3 + 1 + 2 + 1 pieces for five words.
    assert of_bytes["figures"]["pieces_per_word"]["value"] == 9 / 5
    assert of_bytes["figures"]["continuation_pieces"]["value"] == 4 / 9
    assert "note: bytes does not clean and split text as BERT does; here it gets BERT's words, one by one" in shown.err


def test_a_vocabulary_that_lower_cases_and_keeps_accents_is_given_words_as_they_are(bertcli):
    pieces = [*SPECIALS, "é", "e", "ab"]
    write("one", pieces)
    Path(write("two", pieces), "tokenizer_config.json").write_text('{"do_lower_case": true, "strip_accents": false}')
    Path("on.txt").write_text("É é AB\n")
    shown = bertcli("vocab", "compare", "one", "two", "--on", "on.txt", "--train", "on.txt", "--json")
    stripped, kept = shown.json()["vocabularies"]
    assert stripped["figures"]["unknown_words"]["value"] == kept["figures"]["unknown_words"]["value"] == 0.0
    # e e ab, and é é ab: the same likelihood.
    values = [each["figures"]["log_likelihood_per_character"]["value"] for each in (stripped, kept)]
    assert values[0] == pytest.approx(values[1], abs=1e-12)
    assert "one (lower-cases, strips accents) and two (lower-cases, keeps accents)" in shown.err


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["one"], "name at least two vocabularies to compare", "`bertcli vocab show` shows one"),
        (["one", "two"], "--on is needed: the text to compare on", "for example --on corpus.txt"),
        (["one", "two", "--on", "nowhere.txt"], "nowhere.txt: no such file or folder", None),
        (["one", "two", "--on", "on.txt", "--train", "nowhere.txt"], "nowhere.txt: no such file or folder", None),
        (["one", "./three", "--on", "on.txt"], "./three: no such directory", "`bertcli vocab build CORPUS`"),
        (
            ["one", "two", "on.txt", "--on", "on.txt"],
            "on.txt:2: an empty piece",
            "a vocab.txt holds one piece a line; text is named by --on, said once for each file",
        ),
        (
            ["one", "wrong", "--on", "on.txt"],
            "wrong: a cased vocabulary with lower-casing",
            'set "do_lower_case": false',
        ),
        (
            ["one", "two", "--on", "single.txt"],
            "single.txt: too few documents to take the counts of each half from the other",
            "--train CORPUS names the text that gives the counts",
        ),
        (
            ["one", "two", "--on", "control.txt"],
            "control.txt: the text to compare on holds no words",
            "all of its characters are control characters",
        ),
        (
            ["one", "two", "--on", "on.txt", "--train", "control.txt"],
            "control.txt: the training text holds no words",
            "all of its characters are control characters",
        ),
        (["one", "two", "--on", "on.txt", "--resamples", "5"], "--resamples: input should be greater than or", None),
        (
            ["one", "two", "--on", "on.txt", "--text-column", "body"],
            "--text-column body: no file of the corpus is a table",
            "text files have no columns",
        ),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], error: str, hint: str | None, bertcli):
    write_two()
    write("wrong", [*SPECIALS, "Aa", "Bb", "Cc"])
    Path("on.txt").write_text("ab\n\nabc\n")
    Path("single.txt").write_text("ab abc\n")
    Path("control.txt").write_bytes(b"\x00\x01\n")
    shown = bertcli("vocab", "compare", *arguments)
    assert shown.code == 2
    assert shown.out == ""
    assert f"error: {error}" in shown.err
    assert hint is None or f"hint: {hint}" in shown.err


def test_the_help_ends_with_a_line_that_runs(bertcli):
    shown = bertcli("vocab", "compare", "--help")
    example = shown.out.strip().splitlines()[-1].strip()
    assert example == "Example: bertcli vocab compare bertcli-out/vocab other/vocab --on corpus.txt"
    for directory in ("bertcli-out", "other"):
        Path(directory).mkdir()
        write(f"{directory}/vocab", [*SPECIALS, "a", "b", "##b"])
    Path("corpus.txt").write_text("\n\n".join(f"a {'b' * number}" for number in range(20)))
    shown = bertcli(*example.split()[2:])
    assert shown.code == 0
    assert " other/vocab" in shown.out  # the last parts of the names are the same, so all of them is shown


def test_long_lines_are_not_cut_at_ideographs_that_are_joined(bertcli, monkeypatch):
    from bertcli.text import long_texts

    for name in ("one", "two"):
        write(name, [*SPECIALS, "天", "地", "##天", "##地", "天地"])
        Path(name, "tokenizer_config.json").write_text(json.dumps({"tokenize_chinese_chars": False}))
    Path("on.txt").write_text("天地天地 天地 地天地\n")
    command = ("vocab", "compare", "one", "two", "--on", "on.txt", "--train", "on.txt", "--json")
    whole = bertcli(*command).json()
    monkeypatch.setitem(long_texts.cut_long.__kwdefaults__, "longest", 1)
    cut = bertcli(*command).json()
    assert [vocabulary["figures"] for vocabulary in cut["vocabularies"]] == [
        vocabulary["figures"] for vocabulary in whole["vocabularies"]
    ]
    assert cut["vocabularies"][0]["bands"] == whole["vocabularies"][0]["bands"]
