import json
import os
from pathlib import Path

import datasets
import numpy as np
import pytest
from transformers import AutoTokenizer

STATIC = ("mask", "build", "corpus.txt", "--static", "--mlm", "--nsp", "--seq-length", 32, "--duplicates", 2)


def left_behind(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.rglob("*") if "partial" in path.name or ".old" in path.name)


def test_datasets_opens_the_token_store(workplace):
    opened = datasets.load_from_disk("bertcli-out/data")
    assert set(opened) == {"train", "heldout"}
    row = opened["train"][0]
    assert row["sentence_ends"][-1] == len(row["input_ids"])
    assert opened["train"].features["input_ids"].feature.dtype == "uint16"
    tokenizer = AutoTokenizer.from_pretrained("bertcli-out/data/vocab")
    assert "number" in tokenizer.decode(row["input_ids"])


def test_a_document_in_the_store_is_what_transformers_makes_of_its_text(workplace):
    tokenizer = AutoTokenizer.from_pretrained("bertcli-out/vocab")
    text = Path("corpus.txt").read_text().split("\n\n")
    expected = {tuple(tokenizer(document, add_special_tokens=False)["input_ids"]) for document in text}
    opened = datasets.load_from_disk("bertcli-out/data")
    found = {tuple(row["input_ids"]) for split in opened.values() for row in split}
    assert found == expected


def test_the_report_counts_documents_and_tokens(workplace, bertcli):
    report = bertcli("mask", "build", "corpus.txt", "--json", "-o", "again").json()
    assert report["documents"] + report["heldout_documents"] == 60
    assert report["heldout_documents"] >= 1
    assert report["bytes_on_disk"] > 0


def test_the_same_text_gives_the_same_bytes(workplace, bertcli):
    assert bertcli("mask", "build", "corpus.txt", "-o", "again").code == 0
    for name in ("train", "heldout"):
        file = f"{name}/data-00000.arrow"
        assert Path("again", file).read_bytes() == Path("bertcli-out/data", file).read_bytes()


def test_a_sentence_may_be_a_line(workplace, bertcli):
    text = "Two sentences. On one line.\nmr. nobody\n\n" * 12
    Path("lines.txt").write_text(text)
    build = ("mask", "build", "lines.txt", "--json", "--held-out", 0)
    split = bertcli(*build, "-o", "split").json()
    lines = bertcli(
        "mask", "build", "lines.txt", "--json", "-o", "lines", "--held-out", 0, "--sentences", "line"
    ).json()
    assert (split["documents"], split["sentences"]) == (12, 36)
    assert (lines["documents"], lines["sentences"]) == (12, 24)
    assert lines["tokens"] == split["tokens"]
    ends = [datasets.load_from_disk(name)["train"][0]["sentence_ends"] for name in ("split", "lines")]
    assert (len(ends[0]), len(ends[1])) == (3, 2)
    assert json.loads(Path("lines/manifest.json").read_text())["config"]["sentences"] == "line"


def test_with_fewer_than_ten_documents_none_is_held_out(workplace, bertcli):
    Path("few.txt").write_text("\n".join(f"line {n} here ." for n in range(9)))
    outcome = bertcli("mask", "build", "few.txt", "--json", "-o", "few")
    assert outcome.json()["heldout_documents"] == 0
    assert "no document is held out (below 10 documents" in outcome.err


def test_static_rows_are_padded_and_have_transformers_columns(workplace, bertcli):
    assert bertcli(*STATIC, "-o", "static").code == 0
    rows = datasets.load_from_disk("static")["train"]
    assert set(rows.column_names) == {
        "input_ids",
        "token_type_ids",
        "attention_mask",
        "labels",
        "next_sentence_label",
    }
    ids, labels, mask = (np.array(rows[name]) for name in ("input_ids", "labels", "attention_mask"))
    assert ids.shape[1] == 32
    assert (labels[mask == 0] == -100).all()
    assert set(rows["next_sentence_label"]) == {0, 1}


def bad(bertcli, *arguments):
    outcome = bertcli(*arguments)
    assert outcome.code == 2, outcome.err
    assert outcome.out == ""
    return outcome.err


def test_objectives_without_static_are_refused(workplace, bertcli):
    error = bad(bertcli, "mask", "build", "corpus.txt", "--mlm", "-o", "new")
    assert "--mlm is for --static alone" in error
    assert not Path("new").exists()


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--seq-length", 64), ("--sequences", "segment-pairs"), ("--short-sequence-probability", 0), ("--duplicates", 10)],
)
def test_what_is_said_of_rows_is_refused_where_none_are_written(workplace, bertcli, flag, value):
    error = bad(bertcli, "mask", "build", "corpus.txt", flag, value, "-o", "new")
    assert f"error: {flag} is for --static alone: a token store keeps whole documents\n" in error
    where = "leave it out" if flag == "--duplicates" else "say it to `bertcli pretrain`, which cuts them"
    assert f"hint: {where}, or add --static\n" in error
    assert not Path("new").exists()


def test_static_data_have_their_own_share_of_short_sequences(workplace, bertcli):
    assert bertcli(*STATIC, "--short-sequence-probability", 0.5, "-o", "static").code == 0
    assert bertcli("mask", "audit", "--data", "static").code == 0
    view = ("mask", "show", "--data", "static", "--short-sequence-probability")
    assert bertcli(*view, 0.5).code == 0
    error = bad(bertcli, *view, 0.1)
    assert "error: static is static with a share of short sequences of 0.5; 0.1 was asked for\n" in error
    assert "hint: leave --short-sequence-probability out, or build the data again" in error


def test_static_without_objectives_is_refused(workplace, bertcli):
    assert "--static needs the objectives to mask for" in bad(
        bertcli, "mask", "build", "corpus.txt", "--static", "-o", "new"
    )


def test_a_missing_corpus_is_named(workplace, bertcli):
    error = bad(bertcli, "mask", "build", "nowhere.txt", "-o", "new")
    assert error.startswith("error: nowhere.txt")
    assert not Path("new").exists()


def test_an_empty_corpus_leaves_nothing(workplace, bertcli):
    Path("empty.txt").write_text("\n \n")
    error = bad(bertcli, "mask", "build", "empty.txt", "-o", "new")
    assert "empty.txt" in error
    assert not Path("new").exists()
    assert left_behind(workplace) == []


def test_invalid_utf8_names_the_byte(workplace, bertcli):
    Path("bad.txt").write_bytes(b"one two\n\nthree \xff four\n")
    error = bad(bertcli, "mask", "build", "bad.txt", "-o", "new")
    assert "bad.txt" in error
    assert "15" in error
    assert "--errors replace" in error
    assert left_behind(workplace) == []
    assert bertcli("mask", "build", "bad.txt", "-o", "new", "--errors", "replace").code == 0


def test_a_missing_vocabulary_says_how_to_make_one(workplace, bertcli):
    error = bad(bertcli, "mask", "build", "corpus.txt", "--vocab", "./no-such", "-o", "new")
    assert "no-such" in error
    assert "bertcli vocab build" in error


def test_a_cased_vocabulary_with_lower_casing_is_an_error(workplace, bertcli):
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij", "The", "House", "Rain", "Monday"]
    Path("cased").mkdir()
    Path("cased/vocab.txt").write_text("\n".join(pieces) + "\n")
    Path("cased/tokenizer_config.json").write_text('{"do_lower_case": true}')
    error = bad(bertcli, "mask", "build", "corpus.txt", "--vocab", "cased", "-o", "new")
    assert "cased" in error
    assert "do_lower_case" in error
    assert not Path("new").exists()


def test_an_output_that_is_not_empty_is_kept(workplace, bertcli):
    before = Path("bertcli-out/data/manifest.json").read_bytes()
    error = bad(bertcli, "mask", "build", "corpus.txt")
    assert "the output directory is not empty" in error
    assert "--overwrite replaces it, -o DIR writes elsewhere" in error
    assert Path("bertcli-out/data/manifest.json").read_bytes() == before
    assert bertcli("mask", "build", "corpus.txt", "--overwrite").code == 0


def test_an_output_that_is_a_file_is_refused(workplace, bertcli):
    error = bad(bertcli, "mask", "build", "corpus.txt", "-o", "corpus.txt")
    assert "the output is a file, not a directory" in error


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_that_cannot_be_written_is_refused(workplace, bertcli):
    Path("locked").mkdir(mode=0o500)
    assert "cannot be written to" in bad(bertcli, "mask", "build", "corpus.txt", "-o", "locked/data")


def test_data_that_are_no_data_say_how_to_make_them(workplace, bertcli):
    error = bad(bertcli, "mask", "audit", "--data", "bertcli-out/vocab")
    assert "this is a vocabulary directory, expected data" in error
    assert "bertcli mask build CORPUS" in bad(bertcli, "mask", "show", "--data", "nowhere")


def test_a_damaged_store_is_named(workplace, bertcli):
    file = Path("bertcli-out/data/train/data-00000.arrow")
    file.write_bytes(file.read_bytes()[:100])
    error = bad(bertcli, "mask", "audit", "--mlm")
    assert "train/data-00000.arrow: truncated: 100 of" in error
    assert "hint: build the data again with `bertcli mask build`" in error


def test_static_data_refuse_other_objectives_and_lengths(workplace, bertcli):
    assert bertcli(*STATIC, "-o", "static").code == 0
    assert "is static, masked for mlm, nsp; asked for: mlm" in bad(
        bertcli, "mask", "audit", "--data", "static", "--mlm"
    )
    assert "is static with sequences of 32; 64 was asked for" in bad(
        bertcli, "mask", "audit", "--data", "static", "--seq-length", 64
    )


def test_a_pair_objective_cannot_be_cut_into_full_sentences(workplace, bertcli):
    error = bad(bertcli, "mask", "audit", "--nsp", "--sequences", "full-sentences")
    assert "nsp needs pairs of segments, not full-sentences" in error


def test_the_manifest_says_what_later_stages_need(workplace):
    manifest = json.loads(Path("bertcli-out/data/manifest.json").read_text())
    assert {"kind", "vocabulary", "seed", "counts", "fingerprint", "config", "corpus"} <= set(manifest)


def test_another_vocabulary_than_the_data_were_made_with_is_named(workplace, bertcli):
    file = Path("bertcli-out/data/vocab/tokenizer.json")
    changed = json.loads(file.read_text())
    pieces = changed["model"]["vocab"]
    changed["model"]["vocab"] = {f"x{piece}" if number == 50 else piece: number for piece, number in pieces.items()}
    file.write_text(json.dumps(changed))
    for command in (("mask", "show", "--mlm"), ("mask", "audit", "--mlm"), ("pretrain", "--mlm", "--steps", 1)):
        error = bad(bertcli, *command)
        assert "bertcli-out/data/vocab: this is not the vocabulary that the data were made with: " in error
        assert "hint: copy the vocabulary of the build there again, or build the data again" in error


def test_nothing_is_appended_to_a_damaged_store(workplace, bertcli):
    file = Path("bertcli-out/data/train/data-00000.arrow")
    file.write_bytes(file.read_bytes()[:-8])
    manifest = Path("bertcli-out/data/manifest.json").read_bytes()
    assert f"{file}: truncated" in bad(bertcli, "mask", "build", "corpus.txt", "--append")
    assert Path("bertcli-out/data/manifest.json").read_bytes() == manifest


def test_where_no_directory_can_be_made_is_told(workplace, bertcli, monkeypatch):
    def refuse(self, *arguments, **more):
        raise FileNotFoundError(2, "No such file or directory", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    error = bad(bertcli, "mask", "build", "corpus.txt", "-o", "new")
    assert "no directory can be made there: No such file or directory" in error
    assert "choose another place with -o" in error


def test_a_build_that_was_stopped_and_a_file_are_no_data(workplace, bertcli):
    Path(".new.partial").mkdir()
    error = bad(bertcli, "mask", "audit", "--data", "new")
    assert "hint: .new.partial is left of a build that was stopped: the same command continues it" in error
    assert "not a data directory: it is a file" in bad(bertcli, "mask", "audit", "--data", "corpus.txt")


def test_appended_documents_keep_of_their_pieces_what_the_others_do(workplace, bertcli):
    error = bad(bertcli, "mask", "build", "corpus.txt", "--append", "--capitals")
    assert "bertcli-out/data keeps no cased of its pieces, and what is appended would keep cased" in error
    assert "hint: append without --capitals" in error
