"""``--mask-unit`` and ``--mask-rate`` on the commands that take objectives."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml

from bertcli.data import token_store

UNITS = ("token", "word", "span", "ngram")
CHINESE = "我们喜欢北京。他来到清华大学，带着linux和书。天安门在北京。"


def bad(outcome) -> tuple[str, str]:
    assert outcome.code == 2, outcome.err
    assert outcome.out == ""
    error, hint = outcome.err.splitlines()
    return error, hint


def failed(outcome) -> set[str]:
    return {check["name"] for check in outcome.json()["checks"] if not check["ok"]}


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_passes_its_audit(workplace, bertcli, unit):
    outcome = bertcli("mask", "audit", "--mask-unit", unit, "--seq-length", 64, "--json")
    assert failed(outcome) == set()
    assert outcome.json()["objectives"] == ["mlm"]


def test_show_hides_the_pieces_of_a_word_together(workplace, bertcli):
    shown = bertcli("mask", "show", "--mask-unit", "word", "--limit", 20, "--json").json()
    for example in shown:
        pieces = example["pieces"]
        for before, piece in pairwise(pieces):
            if piece["original"].startswith("##") and before["fate"] != "special":
                assert (before["fate"] == "plain") == (piece["fate"] == "plain")
                assert (before["fate"] == "masked") == (piece["fate"] == "masked")


def test_a_unit_alone_chooses_mlm_and_another_objective_stays(workplace, bertcli):
    audited = bertcli("mask", "audit", "--nsp", "--mask-unit", "word", "--mask-rate", "30%", "--json")
    assert audited.code == 0
    assert audited.json()["objectives"] == ["mlm", "nsp"]
    rate = next(check for check in audited.json()["checks"] if check["name"] == "mlm: share of pieces predicted")
    assert rate["expected"] == pytest.approx(0.3, abs=0.01)


def test_pretraining_writes_down_the_unit_and_keeps_the_files_objectives(workplace, bertcli):
    Path("run.yaml").write_text("objectives: {nsp: , mlm: {probability: {start: 0.3, end: 0.15}}}\n")
    small = ("--arch", "bert-tiny", "--seq-length", 32, "--batch-size", 2, "--steps", 1, "--eval-limit", 2, "--quiet")
    assert bertcli("pretrain", "run.yaml", *small, "--mask-unit", "word", "-o", "run").code == 0
    written = yaml.safe_load(Path("run/config.yaml").read_text())["objectives"]
    assert list(written) == ["mlm", "nsp"]
    assert written["mlm"]["unit"] == "word"
    assert written["mlm"]["probability"] == {"start": 0.3, "end": 0.15, "begin": 0.0, "finish": 1.0}


def test_the_audit_looks_at_the_rate_of_any_progress(workplace, bertcli):
    moving = ("--set", "objectives.mlm.probability={start: 0.3, end: 0.15}", "--json")
    for progress, expected in ((0, 0.3), ("100%", 0.15)):
        audited = bertcli("mask", "audit", *moving, "--mlm", "--progress", progress)
        assert failed(audited) == set()
        rate = next(check for check in audited.json()["checks"] if check["name"] == "mlm: share of pieces predicted")
        assert rate["observed"] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--mask-rate", "0"), "error: --mask-rate: expected a share above 0 and below 1, got 0"),
        (("--mask-rate", "100%"), "error: --mask-rate: expected a share above 0 and below 1, got 1"),
        (
            ("--mask-rate", "much"),
            "error: --mask-rate: expected a number, or start and end of one that moves, got 'much'",
        ),
        (
            ("--mask-unit", "wrd"),
            "error: --mask-unit: input should be 'token', 'word', 'span', 'ngram' or 'entity', got 'wrd'",
        ),
    ],
)
@pytest.mark.parametrize(
    "command", [("pretrain",), ("mask", "show"), ("mask", "audit"), ("mask", "build", "corpus.txt")]
)
def test_what_is_no_rate_and_no_unit_is_told_in_one_line(workplace, bertcli, command, flags, message):
    outcome = bertcli(*command, *flags)
    assert (outcome.code, outcome.err.splitlines()) == (2, [message])


def test_a_whole_word_of_one_piece_is_no_whole_word(workplace, bertcli):
    Path("letters.txt").write_text("\n".join(" ".join("abcdefghij") for _ in range(40)))
    Path("letters").mkdir()
    Path("letters/vocab.txt").write_text(
        "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij"]) + "\n"
    )
    assert bertcli("mask", "build", "letters.txt", "--vocab", "letters", "-o", "data").code == 0
    outcome = bertcli("mask", "audit", "--data", "data", "--mask-unit", "word")
    assert outcome.code == 1
    assert outcome.err.splitlines()[0] == "error: 1 check failed: mlm: mean pieces in a unit"
    line = next(line for line in outcome.out.splitlines() if "mean pieces in a unit" in line)
    assert line.split()[-4:] == ["1", "1.0000", "…", "WRONG"]


# -- static rows


def test_static_rows_are_masked_by_words_and_audited_with_those_of_their_store(workplace, bertcli):
    build = ("mask", "build", "corpus.txt", "--static", "--mask-unit", "word", "--nsp", "--seq-length", 32)
    assert bertcli(*build, "-o", "static").code == 0
    assert json.loads(Path("static/manifest.json").read_text())["config"]["objectives"]["mlm"]["unit"] == "word"
    audited = bertcli("mask", "audit", "--data", "static", "--json")
    assert failed(audited) == set()
    assert "mlm: predicted units that became [MASK]" in {check["name"] for check in audited.json()["checks"]}
    error, hint = bad(bertcli("mask", "audit", "--data", "static", "--mask-unit", "span", "--nsp"))
    assert error == "error: static is static, masked with objectives.mlm.unit word; span was asked for"
    assert hint.startswith("hint: of an objective's settings only the weight may differ")
    assert bertcli("mask", "audit", "--data", "static", "--mask-unit", "word", "--nsp", "--quiet").code == 0


def test_a_unit_without_static_is_refused_by_its_flag(workplace, bertcli):
    error, _ = bad(bertcli("mask", "build", "corpus.txt", "--mask-unit", "word", "-o", "new"))
    assert error == "error: --mask-unit is for --static alone"
    error, _ = bad(bertcli("mask", "build", "corpus.txt", "--mask-rate", "0.3", "--nsp", "-o", "new"))
    assert error == "error: --mask-rate --nsp is for --static alone"


def test_a_rate_that_moves_cannot_be_static(workplace, bertcli):
    moving = ("--set", "objectives.mlm.probability={start: 0.3, end: 0.15}")
    error, hint = bad(bertcli("mask", "build", "corpus.txt", "--static", *moving, "-o", "new"))
    assert error == ("error: static rows are masked once: objectives.mlm.probability cannot move from 0.3 to 0.15")
    assert hint == "hint: leave out --static, or give one number"
    assert not Path("new").exists()


# -- what the data have to tell


@pytest.fixture
def chinese(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bertcli) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text("\n".join([CHINESE] * 24), encoding="utf-8")
    Path("spaced.txt").write_text("\n".join([CHINESE.replace("北京", " 北京 ")] * 24), encoding="utf-8")
    assert bertcli("vocab", "build", "corpus.txt", "--size", 120).code == 0
    return tmp_path


NEEDED = "error: whole-word masking of Chinese needs to know its words: "
WORDS_HINT = "hint: `bertcli mask build CORPUS --words jieba`, a list of words, or spaces where words stand apart"


def test_whole_words_of_chinese_have_to_be_known(chinese, bertcli):
    assert bertcli("mask", "build", "corpus.txt", "--held-out", 0).code == 0
    assert bertcli("mask", "audit", "--mlm", "--quiet").code == 0
    for unit in ("word", "span", "ngram"):
        error, hint = bad(bertcli("mask", "audit", "--mask-unit", unit))
        share = f"{_share_of_ideographs():.0%}"
        assert error == f"{NEEDED}{share} of these pieces are ideographs, and the data do not tell where words begin"
        assert hint == WORDS_HINT
    assert bad(bertcli("pretrain", "--mask-unit", "word"))[0].startswith(NEEDED)


def _share_of_ideographs() -> float:
    pieces = Path("bertcli-out/data/vocab/vocab.txt").read_text("utf-8").splitlines()
    store = token_store.TokenStore(Path("bertcli-out/data/train"))
    ids = store.gather("input_ids", store.document_starts[:1], store.document_starts[1:2])
    return float(np.mean(["\u4e00" <= pieces[number][0] <= "\u9fff" for number in ids]))


def test_words_of_chinese_that_are_known_are_masked_as_units(chinese, bertcli):
    assert bertcli("mask", "build", "spaced.txt", "--held-out", 0, "--words", "spaces").code == 0
    assert bertcli("mask", "audit", "--mask-unit", "word", "--quiet").code == 0
    shown = bertcli("mask", "show", "--mask-unit", "word", "--limit", 24, "--json").json()
    for example in shown:
        fates = "".join("x" if piece["fate"] == "plain" else "o" for piece in example["pieces"])
        text = "".join(piece["original"][0] for piece in example["pieces"])
        for at in range(len(text) - 1):
            if text[at : at + 2] == "北京":
                assert fates[at : at + 2] in ("xx", "oo")


def test_static_rows_of_chinese_need_words_too(chinese, bertcli):
    static = ("--static", "--mask-unit", "word", "--held-out", 0, "--seq-length", 32, "--duplicates", 1)
    error, hint = bad(bertcli("mask", "build", "corpus.txt", *static, "--quiet"))
    assert error.startswith(NEEDED)
    assert hint == WORDS_HINT
    assert not Path("bertcli-out/data").exists()
    assert bertcli("mask", "build", "spaced.txt", *static, "--words", "spaces").code == 0


def test_entities_need_spans(workplace, bertcli):
    error, hint = bad(bertcli("mask", "audit", "--mask-unit", "entity"))
    assert error == "error: these data have no entity spans"
    assert hint == (
        "hint: build them again with `bertcli mask build CORPUS --spans-column NAME`, "
        "or `bertcli mask build CORPUS --phrases FILE`"
    )


def test_entities_of_a_store_that_keeps_them_are_units(workplace, bertcli):
    """Every document's second and third word are an entity."""
    with Path("corpus.jsonl").open("w") as file:
        for line in Path("corpus.txt").read_text().splitlines():
            words = [match.span() for match in re.finditer(r"\w+", line)]
            if len(words) > 2:
                file.write(json.dumps({"text": line, "entities": [[words[1][0], words[2][1]]]}) + "\n")
    assert bertcli("mask", "build", "corpus.jsonl", "--spans-column", "entities", "-o", "spans").code == 0
    flags = ("--data", "spans", "--mask-unit", "entity", "--sequences", "document-sentences", "--seq-length", 512)
    assert bertcli("mask", "audit", *flags, "--quiet").code == 0
    shown = bertcli("mask", "show", *flags, "--limit", 60, "--json").json()
    hidden = [[piece["fate"] != "plain" for piece in example["pieces"][2:4]] for example in shown]
    assert [True, True] in hidden
    assert all(first == second for first, second in hidden)
