"""``mask build`` with ``--capitals``, ``--spans-column``, ``--phrases`` and lists of words, and other tokenizers."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tokenizers
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

from bertcli.data.opening import DataDirectory
from bertcli.text.pieces import SPECIALS
from bertcli.text.tokenizer_loading import load_tokenizer
from bertcli.text.tokenizer_making import wordpiece_tokenizer

LETTERS = "abcdefghijklmnopqrstuvwxyz"
PIECES = [*SPECIALS, *LETTERS, *(f"##{letter}" for letter in LETTERS), ".", "new", "york", "the", "中", "文"]
TEXT = "The New York ab. Cd new york."


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a vocabulary and corpora of documents with and without spans."""
    monkeypatch.chdir(tmp_path)
    wordpiece_tokenizer(PIECES, lowercase=True).save(Path("vocab"))
    Path("c.txt").write_text("\n".join([TEXT] * 3))
    write_rows([{"text": TEXT, "ents": [[4, 12], {"start": 17, "end": 19}]}, {"text": "The ab", "ents": None}])
    return tmp_path


def write_rows(rows: list[dict]) -> None:
    Path("c.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def build(bertcli, corpus: str, *options):
    return bertcli("mask", "build", corpus, "--vocab", "vocab", "--held-out", 0, "--overwrite", *options)


def column(name: str, row: int = 0) -> str:
    rows = datasets.load_from_disk("bertcli-out/data")["train"]
    pieces = load_tokenizer("bertcli-out/data/vocab").pieces(rows[row]["input_ids"])
    return " ".join(f"{piece}{int(value) or ''}" for piece, value in zip(pieces, rows[row][name], strict=True))


def refused(outcome) -> tuple[str, str]:
    assert outcome.code == 2, outcome.out
    lines = [line for line in outcome.err.splitlines() if line.startswith(("error: ", "hint: "))]
    return lines[0], lines[1] if len(lines) > 1 else ""


def test_capitals_are_kept(folder, bertcli):
    outcome = build(bertcli, "c.txt", "--capitals")
    assert "capitals   45.5% of the tokens are of words with a capital" in outcome.out
    assert column("cased") == "the1 new1 york1 a ##b . c1 ##d1 new york ."
    report = build(bertcli, "c.txt", "--capitals", "--json").json()
    assert (report["cased"], report["spans"], report["tokens_in_spans"]) == (pytest.approx(5 / 11), None, None)
    data = DataDirectory.open(Path("bertcli-out/data"))
    assert data.counts["train"]["cased"] == 15
    assert build(bertcli, "c.txt", "--json").json()["cased"] is None
    rows = datasets.load_from_disk("bertcli-out/data")["train"]
    assert rows.column_names == ["input_ids", "sentence_ends"]


def test_a_vocabulary_that_keeps_capitals_needs_no_column_of_them(folder, bertcli):
    wordpiece_tokenizer([*PIECES, *LETTERS.upper()], lowercase=False).save(Path("vocab"))
    assert refused(build(bertcli, "c.txt", "--capitals")) == (
        "error: --capitals is for vocabularies that lower-case: this one keeps capitals, and its pieces show them",
        "hint: leave out --capitals, or take an uncased vocabulary",
    )


def test_spans_of_a_column_and_phrases_of_a_list_are_kept(folder, bertcli):
    outcome = build(bertcli, "c.jsonl", "--spans-column", "ents")
    assert "spans      2, with 28.6% of the tokens" in outcome.out
    assert column("spans") == "the new1 york2 a ##b . c1 ##d2 new york ."
    assert column("spans", 1) == "the a ##b"
    Path("names").write_text("# places\nnew york\nthe new york\nab\n")
    report = build(bertcli, "c.jsonl", "--spans-column", "ents", "--phrases", "names", "--json").json()
    assert column("spans") == "the new1 york2 a1 ##b2 . c1 ##d2 new1 york2 ."
    assert (report["spans"], report["tokens_in_spans"]) == (5, pytest.approx(10 / 14))
    build(bertcli, "c.txt", "--phrases", "names")
    assert column("spans") == "the1 new2 york2 a1 ##b2 . c ##d new1 york2 ."


def test_tables_of_all_kinds_have_spans(folder, bertcli):
    expected = "the new1 york2 a ##b . c ##d new york ."
    pq.write_table(pa.table({"text": [TEXT], "ents": [[[4, 12]]]}), "c.parquet")
    pq.write_table(pa.table({"text": [TEXT], "ents": [[{"start": 4, "end": 12}]]}), "d.parquet")
    Path("c.csv").write_text(f'text,ents\n{TEXT},"[[4, 12]]"\n{TEXT},\n')
    Path("c.tsv").write_text(f"text\tents\n{TEXT}\t[[4, 12]]\n")
    for name in ("c.parquet", "d.parquet", "c.csv", "c.tsv"):
        assert build(bertcli, name, "--spans-column", "ents").code == 0
        assert column("spans") == expected


def test_a_table_taken_whole_keeps_the_spans_of_its_rows(folder, bertcli):
    write_rows([{"text": "ab", "ents": [[0, 2]]}, {"text": TEXT, "ents": [[4, 12]]}])
    build(bertcli, "c.jsonl", "--spans-column", "ents", "--documents", "file")
    assert column("spans") == "a1 ##b2 the new1 york2 a ##b . c ##d new york ."


def test_spans_that_are_none_are_refused_with_their_line(folder, bertcli):
    write_rows([{"text": TEXT, "ents": []}, {"text": TEXT, "ents": [[4, 99]]}])
    message = "the column 'ents': the span [4, 99] lies outside of the text, which has 29 characters"
    assert refused(build(bertcli, "c.jsonl", "--spans-column", "ents"))[0] == f"error: c.jsonl:2: {message}"
    assert not Path("bertcli-out/data").exists()
    pq.write_table(pa.table({"text": ["ab", TEXT], "ents": [[[0, 1]], [[2, 2]]]}), "c.parquet")
    assert (
        "c.parquet:2: the column 'ents': the span [2, 2] is empty"
        in (refused(build(bertcli, "c.parquet", "--spans-column", "ents"))[0])
    )


def test_a_column_of_spans_has_to_be_there(folder, bertcli):
    assert refused(build(bertcli, "c.jsonl", "--spans-column", "ent")) == (
        "error: c.jsonl:1: no column 'ent'",
        "hint: did you mean 'ents'? columns: 'text', 'ents'; choose with --spans-column",
    )
    assert refused(build(bertcli, "c.txt", "--spans-column", "ents"))[0] == (
        "error: --spans-column ents: no file of the corpus is a table"
    )


def test_nothing_found_is_told(folder, bertcli):
    Path("names").write_text("zz\n")
    told = "no entity or phrase was found in the corpus: the column of spans is empty"
    assert told in build(bertcli, "c.txt", "--phrases", "names").err
    Path("names").write_text("ab\n")
    assert told not in build(bertcli, "c.txt", "--phrases", "names").err


def test_a_list_of_words_tells_the_words_of_chinese(folder, bertcli):
    Path("c.txt").write_text("中文中 ab\n" * 3, encoding="utf-8")
    Path("words").write_text("中文 12 n\n", encoding="utf-8")
    build(bertcli, "c.txt", "--words", "words")
    assert column("word_starts") == "中1 文 中1 a1 ##b"
    assert DataDirectory.open(Path("bertcli-out/data")).words == "words"


def test_a_misspelt_way_of_telling_words_is_refused(folder, bertcli):
    assert refused(build(bertcli, "c.txt", "--words", "jeiba")) == (
        "error: --words jeiba: no such file",
        "hint: did you mean 'jieba'? expected none, spaces, jieba, or a file with one word a line",
    )


ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
TEXTS = ["The ship left New York. It came to the bay, and the crew sang.", "A garden of roses. Bees came!"] * 6


def save(backend: tokenizers.Tokenizer, trainer, config: dict | None) -> None:
    backend.train_from_iterator(TEXTS, trainer)
    Path("other").mkdir()
    backend.save("other/tokenizer.json")
    if config is not None:
        Path("other/tokenizer_config.json").write_text(json.dumps(config))


def roberta(config: dict | None = None) -> None:
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=ROBERTA, initial_alphabet=alphabet, show_progress=False
    )
    save(backend, trainer, config)
    backend.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    backend.save("other/tokenizer.json")


def albert() -> None:
    backend = tokenizers.Tokenizer(models.Unigram())
    backend.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()])
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    specials = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.UnigramTrainer(vocab_size=60, special_tokens=specials, unk_token="<unk>", show_progress=False)
    roles = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    save(backend, trainer, dict(zip(roles, specials, strict=True)))


@pytest.mark.parametrize(
    ("make", "special"),
    [
        (roberta, "<s> </s> <pad> <unk> <mask>"),
        (lambda: roberta({"cls_token": {"content": "<s>"}, "mask_token": {"content": "<mask>", "lstrip": True}}), None),
        (albert, "[CLS] [SEP] <pad> <unk> [MASK]"),
    ],
    ids=["RoBERTa, pieces alone", "RoBERTa", "ALBERT"],
)
def test_data_are_built_with_other_tokenizers(folder, bertcli, make, special):
    make()
    Path("names").write_text("the crew\nA garden\nNew\n")
    Path("c.txt").write_text("\n".join(TEXTS))
    options = ["--capitals"] if make is albert else []
    outcome = bertcli(
        *("mask", "build", "c.txt", "--vocab", "other", "--held-out", 0, "--phrases", "names", "--json", *options)
    )
    assert outcome.code == 0, outcome.err
    tokenizer = load_tokenizer("bertcli-out/data/vocab")
    assert tokenizer.vocabulary == load_tokenizer("other").vocabulary
    facts = tokenizer.vocabulary
    ids = (facts.cls_id, facts.sep_id, facts.pad_id, facts.unk_id, facts.mask_id)
    assert " ".join(tokenizer.pieces(ids)) == (special or "<s> </s> <pad> <unk> <mask>")
    report = outcome.json()
    assert (report["spans"], report["unknown_rate"]) == (18, 0)
    rows = datasets.load_from_disk("bertcli-out/data")["train"]
    texts = {tuple(ids.tolist()) for ids in tokenizer.encode(TEXTS)}
    assert {tuple(row) for row in rows["input_ids"]} == texts
    shown = bertcli("mask", "show", "--mlm", "--limit", 1)
    assert shown.code == 0, shown.err
