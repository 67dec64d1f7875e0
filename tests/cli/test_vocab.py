"""``bertcli vocab build``: what it writes, what it says, and what it refuses."""

from __future__ import annotations

import gzip
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import transformers

from bertcli.cli.app import run
from bertcli.text import corpus_words, words
from bertcli.text.tokenizer_loading import load_tokenizer

LINES = [f"Sentence number {number} of twenty walks, walking and talking." for number in range(20)]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text("\n\n".join(LINES) + "\n")


def built(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[dict[str, object], str]:
    assert run(["vocab", "build", "corpus.txt", "--json", *arguments]) == 0
    captured = capsys.readouterr()
    values: dict[str, object] = json.loads(captured.out)
    return values, captured.err


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["vocab", "build", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_twenty_lines_and_no_flag_give_a_vocabulary(capsys: pytest.CaptureFixture[str]):
    assert run(["vocab", "build", "corpus.txt"]) == 0
    captured = capsys.readouterr()
    size = load_tokenizer("bertcli-out/vocab").vocabulary.size
    assert captured.out.startswith("vocabulary: bertcli-out/vocab\n")
    assert f"pieces           {size:,} (wordpiece, uncased)" in captured.out
    assert f"note: the corpus gives {size:,} pieces, fewer than the 30,000 asked for (--size)" in captured.err
    assert captured.err.endswith("note: next: bertcli mask build corpus.txt\n")


def test_the_table_names_a_normal_form(capsys: pytest.CaptureFixture[str]):
    assert run(["vocab", "build", "corpus.txt", "--cased", "--normalization", "nfc", "--algorithm", "bpe"]) == 0
    assert "(bpe, cased, nfc)" in capsys.readouterr().out


def test_the_report_tells_how_the_vocabulary_fits(capsys: pytest.CaptureFixture[str]):
    report, error = built(capsys, "--size", "60", "-o", "other place")
    tokenizer = load_tokenizer("other place")
    ids = tokenizer.encode(LINES)
    tokens = sum(map(len, ids))
    words = sum(len(line.replace(",", " ,").replace(".", " .").split()) for line in LINES)
    assert report["size"] == 60
    assert report["documents"] == 20
    assert report["characters"] == sum(map(len, LINES))
    assert report["words"] == words
    assert report["fit"]["pieces_per_word"] == tokens / words
    assert report["fit"]["unknown_words"] == 0.0
    assert (report["dropped_words"], report["count_error"]) == (0, 0)
    assert report["fingerprint"] == tokenizer.vocabulary.fingerprint
    assert error.endswith("note: next: bertcli mask build corpus.txt --vocab 'other place'\n")
    manifest = json.loads(Path("other place/manifest.json").read_text())
    assert (manifest["kind"], manifest["command"]) == ("vocabulary", "vocab build")
    assert manifest["config"]["size"] == 60
    assert manifest["vocabulary"]["fingerprint"] == report["fingerprint"]


FORMS = [["--normalization", "nfc"], ["--normalization", "nfkc"], ["--normalization", "nfkc", "--algorithm", "bpe"]]


@pytest.mark.parametrize("flags", [[], ["--cased"], ["--algorithm", "bpe"], *FORMS])
def test_transformers_opens_what_is_written(flags: list[str], capsys: pytest.CaptureFixture[str]):
    report, _ = built(capsys, *flags)
    theirs = transformers.AutoTokenizer.from_pretrained("bertcli-out/vocab")
    text = "Sentence 3 talks walking. ｗａｌｋ ﬁ cafe\u0301"
    assert (
        theirs(text, add_special_tokens=False)["input_ids"]
        == load_tokenizer("bertcli-out/vocab").encode([text])[0].tolist()
    )
    assert report["lowercase"] is ("--cased" not in flags)
    assert report["normalization"] == (flags[1] if "--normalization" in flags else "none")
    assert len(theirs) == report["size"]


@pytest.mark.parametrize("algorithm", ["wordpiece", "bpe"])
def test_the_same_text_gives_the_same_files(algorithm: str, tmp_path: Path):
    words = [f"w{a}{b}" for a in "abcdefgh" for b in "mnopqrst"]
    Path("ties.txt").write_text("\n\n".join(words))
    command = f"bertcli vocab build ties.txt --algorithm {algorithm} --size 60 --min-count 1 -q -o"
    for name, seed in (("first", "1"), ("second", "2")):
        arguments = [sys.executable, "-m", *shlex.split(command), name]
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        subprocess.run(arguments, check=True, capture_output=True, env=environment)
    for file in sorted(Path("first").iterdir()):
        if file.name != "manifest.json":
            assert file.read_bytes() == Path("second", file.name).read_bytes(), file.name


def test_tables_and_compressed_files_are_read_together(capsys: pytest.CaptureFixture[str]):
    Path("more.csv").write_text("id,body\n1,a table\n2,\n")
    Path("packed.txt.gz").write_bytes(gzip.compress(b"packed\n\ntext\n"))
    report, error = built(capsys, "more.csv", "packed.txt.gz", "--text-column", "body")
    assert report["documents"] == 23
    assert "note: 1 row has no text and was passed over" in error
    assert error.endswith("next: bertcli mask build corpus.txt more.csv packed.txt.gz --text-column body\n")
    assert built(capsys, "more.csv", "--text-column", "body", "--limit", "3", "--overwrite")[0]["documents"] == 3


def test_what_is_dropped_is_told_written_down_and_carried_on(capsys: pytest.CaptureFixture[str]):
    Path("twice.txt").write_text("\n\n".join([*LINES, *LINES[:3], "short", "Tiny"]))
    Path("corpus.txt").unlink()
    Path("twice.txt").rename("corpus.txt")
    report, error = built(capsys, "--deduplicate", "--min-characters", "6")
    assert report["documents"] == 20
    assert report["dropped"] == {"duplicates": 3, "short": 2}
    assert "note: 3 documents dropped with the text of an earlier one (--deduplicate)" in error
    assert "note: 2 documents dropped with fewer than 6 characters (--min-characters 6)" in error
    assert error.endswith("next: bertcli mask build corpus.txt --min-characters 6 --deduplicate\n")
    assert json.loads(Path("bertcli-out/vocab/manifest.json").read_text())["dropped"] == report["dropped"]
    assert run(["mask", "build", "corpus.txt", "--min-characters", "6", "--deduplicate", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["documents"] + data["heldout_documents"], data["dropped"]) == (20, report["dropped"])
    assert json.loads(Path("bertcli-out/data/manifest.json").read_text())["dropped"] == report["dropped"]
    kept, error = built(capsys, "--keep-duplicates", "--overwrite")
    assert (kept["documents"], kept["dropped"]) == (25, {"duplicates": 0, "short": 0})
    assert error.endswith("next: bertcli mask build corpus.txt\n")


def test_the_group_alone_prints_its_help(capsys: pytest.CaptureFixture[str]):
    assert run(["vocab"]) == 0
    output = capsys.readouterr().out
    assert "Learn a vocabulary from text." in output
    assert "build" in output


def test_the_help_ends_with_a_line_that_runs(capsys: pytest.CaptureFixture[str]):
    assert run(["vocab", "build", "--help"]) == 0
    output = capsys.readouterr().out
    for flag in (
        "--size",
        "--algorithm",
        "--uncased / --cased",
        "--documents",
        "--text-column",
        "--errors",
        "-o, --output",
    ):
        assert flag in output
    assert "[default: uncased]" in " ".join(output.split())
    example = output.strip().splitlines()[-1].strip()
    assert example == "Example: bertcli vocab build corpus.txt"
    assert run(shlex.split(example)[2:]) == 0


def test_an_output_that_is_in_the_way_is_refused_before_any_work(capsys: pytest.CaptureFixture[str]):
    Path("here").mkdir()
    Path("here/file").touch()
    assert refusal(capsys, "nowhere.txt", "-o", "here") == (
        "error: here: the output directory is not empty\nhint: --overwrite replaces it, -o DIR writes elsewhere\n"
    )


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["nowhere.txt"], "error: nowhere.txt: no such file or folder\n", ""),
        (
            ["corpus.txt", "--size", "3"],
            "error: --size: input should be greater than or equal to 10, got '3'\n",
            "",
        ),
        (
            ["corpus.txt", "--min-characters", "1000"],
            "error: no document of the corpus has 1,000 characters: corpus.txt\n",
            "hint: ask for fewer with --min-characters\n",
        ),
        (["corpus.txt", "--size", "many"], "error: --size: input should be a valid integer", ""),
        (
            ["corpus.txt", "--set", "sise=5"],
            "error: --set sise=5: unknown key 'sise'\n",
            "hint: did you mean 'size'?\n",
        ),
        (
            ["corpus.txt", "--algorithm", "bp"],
            "error: --algorithm: input should be 'wordpiece', 'bpe' or 'bpe-wordpiece', got 'bp'\n",
            "",
        ),
        ([], "error: Missing argument", "hint: `bertcli vocab build --help` lists what it takes\n"),
        (
            ["blank.txt"],
            "error: no document in the corpus: blank.txt\n",
            "hint: a document needs a character that is no space\n",
        ),
        (
            ["control.txt"],
            "error: control.txt: the corpus holds no words\n",
            "hint: all of its characters are control characters, or its words have over 100 characters\n",
        ),
        (
            ["corpus.txt", "--size", "20"],
            "error: --size 20 is below the alphabet: ",
            "or more, or fewer characters with --alphabet-size\n",
        ),
        (
            ["corpus.txt", "--memory", "2 apples"],
            "error: --memory: expected an amount of memory such as 2GB or 800MB, got '2 apples'\n",
            "",
        ),
        (
            ["corpus.txt", "--memory", "100MB"],
            "error: --memory: 100MB is too little: the program, a worker and the words of a small corpus need 500MB\n",
            "",
        ),
        (
            ["corpus.txt", "--piece", "Walk"],
            "error: --piece Walk: no word of a text could hold it, for cleaning and splitting make 'walk' of it\n",
            "hint: a piece is a word or a part of one, lower-cased and without accents unless --cased is given\n",
        ),
        (
            ["corpus.txt", "--piece", "two words"],
            "error: --piece two words: no word of a text could hold it, for cleaning and splitting make 'two words' of",
            "",
        ),
        (
            ["corpus.txt", "--piece", "walk", "--piece", "walk"],
            "error: given twice: walk\n",
            "hint: name every --special and --piece once\n",
        ),
        (
            ["corpus.txt", "--piece", "walk", "--algorithm", "bpe"],
            "error: --piece is for WordPiece: the pieces of BPE follow from its merges\n",
            "hint: leave it out\n",
        ),
        (
            ["corpus.txt", "--min-gain", "3", "--algorithm", "bpe"],
            "error: --min-gain is for --algorithm wordpiece: bpe joins by count\n",
            "hint: --min-count ends that\n",
        ),
        ([""], "error: the path of a corpus is empty\n", "hint: is it a variable of the shell that is not set?\n"),
        (["-"], "error: -: no such file or folder\n", "hint: standard input is not read: write it to a file\n"),
        (
            ["corpus.txt", "--special", "[MASK]"],
            "error: --special '[MASK]': expected a new name that is no word of a text\n",
            "hint: for example --special [ENT]: a special piece is never masked, whatever the text says\n",
        ),
        (["corpus.txt", "--special", "the"], "error: --special 'the': expected a new name that is no word of a", ""),
        (["corpus.txt", "--special", "[A]\n[B]"], "error: --special '[A]\\n[B]': expected a new name that is", ""),
        (
            ["small.txt", "--cased"],
            "error: --cased, but the corpus has no capital letter: every capital of later text would be unknown\n",
            "hint: leave --cased out\n",
        ),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_left(
    arguments: list[str], error: str, hint: str, capsys: pytest.CaptureFixture[str]
):
    Path("blank.txt").write_text(" \n")
    Path("control.txt").write_bytes(b"\x00\x01\n")
    Path("small.txt").write_text("small letters\n\nno others\n")
    said = refusal(capsys, *arguments)
    assert error in said
    assert hint in said
    assert "Traceback" not in said
    assert not list(Path("bertcli-out").glob("*")) if Path("bertcli-out").exists() else True


def test_the_same_words_give_the_same_vocabulary_on_any_number_of_processes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(words, "_BLOCK_CHARACTERS", 100)
    prints = {built(capsys, "--workers", workers, "-o", workers)[0]["fingerprint"] for workers in ("1", "2", "3")}
    assert len(prints) == 1


def test_words_that_memory_has_no_room_for_are_dropped_and_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(corpus_words, "_COUNTED_WORD_BYTES", 100_000_000)
    report, error = built(capsys)
    assert report["dropped_words"] > 0
    assert report["count_error"] > 0
    share = report["dropped_words"] / (report["words"] + report["dropped_words"])
    assert f"note: {share:.2%} of all words were dropped as too rare to fit into 2GB; every count is short" in error
    assert f"by {report['count_error']:,} at most (--memory)" in error
    manifest = json.loads(Path("bertcli-out/vocab/manifest.json").read_text())
    assert manifest["count_error"] == report["count_error"]


def test_special_pieces_and_pieces_of_ones_own_have_their_places(capsys: pytest.CaptureFixture[str]):
    built(capsys, "--special", "[ENT]", "--special", "[unused0]", "--piece", "sentence", "--piece", "##ing")
    pieces = Path("bertcli-out/vocab/vocab.txt").read_text().split()
    assert pieces[5:9] == ["[ENT]", "[unused0]", "sentence", "##ing"]
    vocabulary = load_tokenizer("bertcli-out/vocab").vocabulary
    assert vocabulary.special_ids == (0, 1, 2, 3, 4, 5, 6)
    theirs = transformers.AutoTokenizer.from_pretrained("bertcli-out/vocab")
    assert theirs.convert_tokens_to_ids("[ENT]") == 5
    assert theirs.tokenize("walking sentence")[-1] == "sentence"


def test_byte_pairs_may_have_the_marks_of_wordpiece(capsys: pytest.CaptureFixture[str]):
    report, _ = built(capsys, "--algorithm", "bpe-wordpiece", "--size", "60")
    assert report["algorithm"] == "bpe-wordpiece"
    tokenizer = load_tokenizer("bertcli-out/vocab")
    assert tokenizer.is_wordpiece and tokenizer.vocabulary.size == 60


def test_learning_may_end_early_and_pieces_stay_short(capsys: pytest.CaptureFixture[str]):
    full = built(capsys, "-o", "full")[0]["size"]
    assert built(capsys, "--min-gain", "50", "-o", "gain")[0]["size"] < full
    built(capsys, "--max-piece-length", "3", "-o", "short")
    pieces = Path("short/vocab.txt").read_text().split()[5:]
    assert max(len(piece.removeprefix("##")) for piece in pieces) == 3
    built(capsys, "--alphabet-size", "8", "-o", "letters")
    assert len({piece[-1] for piece in Path("letters/vocab.txt").read_text().split()[5:]}) <= 8


def test_many_unknown_words_are_told(capsys: pytest.CaptureFixture[str]):
    report, error = built(capsys, "--alphabet-size", "5")
    share = report["fit"]["unknown_words"]
    assert share > 0.5
    assert f"note: {share:.1%} of the words are unknown: --alphabet-size decides on their characters\n" in error


def test_a_full_disk_is_one_line(tmp_path: Path):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with Path("/dev/full").open("w") as full:
        run_ = subprocess.run(
            [sys.executable, "-m", "bertcli", "vocab", "build", "corpus.txt"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert run_.returncode == 1
    assert run_.stderr.splitlines()[-2:] == [
        "error: cannot write: No space left on device",
        "hint: free some space, or write elsewhere",
    ]
