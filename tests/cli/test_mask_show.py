"""``mask show``: every piece with its fate, its unit and its labels."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from bertcli.contracts.batch import IGNORED
from bertcli.objectives.mlm import MaskedLanguageModel
from bertcli.objectives.nsp import NextSentencePrediction
from bertcli.text.tokenizer import Tokenizer


def show(bertcli, *arguments):
    outcome = bertcli("mask", "show", *arguments)
    assert outcome.code == 0, outcome.err
    return outcome


def test_show_prints_the_fate_of_every_piece_and_the_label_of_the_pair(workplace, bertcli):
    out = show(bertcli, "--mlm", "--nsp", "--limit", 3).out
    assert re.search(r"^example 0  next_sentence_label: (next|random)$", out, flags=re.MULTILINE)
    assert "[MASK]/" in out
    shown = show(bertcli, "--mlm", "--nsp", "--limit", 3, "--json").json()
    assert len(shown) == 3
    fates = {piece["fate"] for example in shown for piece in example["pieces"]}
    assert {"plain", "special", "masked"} <= fates


def test_show_draws_other_masks_in_another_epoch(workplace, bertcli):
    first = show(bertcli, "--mlm", "--limit", 2, "--json").out
    assert show(bertcli, "--mlm", "--limit", 2, "--json").out == first
    assert show(bertcli, "--mlm", "--limit", 2, "--json", "--epoch", 1).out != first
    assert show(bertcli, "--mlm", "--limit", 2, "--json", "--seed", 9).out != first


def test_what_is_not_shown_is_not_read(workplace, bertcli):
    held_out = next(Path("bertcli-out/data/heldout").glob("*.arrow"))
    held_out.write_bytes(held_out.read_bytes()[:-1])
    assert len(show(bertcli, "--mlm", "--limit", 2, "--json").json()) == 2
    error = bertcli("mask", "audit", "--mlm")
    assert (error.code, "truncated" in error.err) == (2, True)


def test_finished_rows_are_shown_without_their_documents(workplace, bertcli):
    assert bertcli("mask", "build", "corpus.txt", "--static", "--mlm", "-o", "static").code == 0
    store = next(Path("static/store/train").glob("*.arrow"))
    store.write_bytes(store.read_bytes()[:-1])
    assert len(show(bertcli, "--data", "static", "--limit", 2, "--json").json()) == 2
    error = bertcli("mask", "audit", "--data", "static")
    assert (error.code, "truncated" in error.err) == (2, True)


def test_the_two_segments_are_lines_of_their_own(workplace, bertcli):
    lines = show(bertcli, "--nsp", "--limit", 1).out.splitlines()
    a, b = (next(line for line in lines if line.startswith(name)) for name in ("A: ", "B: "))
    assert a.startswith("A: [CLS] ")
    assert a.endswith(" [SEP]")
    assert b.endswith(" [SEP]")
    assert "[CLS]" not in b
    alone = show(bertcli, "--mlm", "--limit", 1).out.splitlines()
    assert alone[-1].startswith("[CLS] ")


def mask_the_second_to_fourth_piece(self, columns, corruption):
    labels = np.full_like(columns["input_ids"], IGNORED)
    labels[:, 2:5] = columns["input_ids"][:, 2:5]
    hidden = columns["input_ids"].copy()
    hidden[:, 2] = corruption.vocabulary.mask_id
    hidden[:, 3] = 5 + (hidden[:, 3] == 5)
    return {"input_ids": hidden, "labels": labels}


def test_pieces_predicted_side_by_side_stand_in_one_bracket(workplace, bertcli, monkeypatch):
    monkeypatch.setattr(MaskedLanguageModel, "corrupt", mask_the_second_to_fourth_piece)
    example = show(bertcli, "--mlm", "--limit", 1, "--json").json()[0]
    assert [piece["unit"] for piece in example["pieces"][:6]] == [None, None, 0, 0, 0, None]
    assert [piece["fate"] for piece in example["pieces"][:6]] == [
        "special",
        "plain",
        "masked",
        "replaced",
        "kept",
        "plain",
    ]
    first, second, third = example["pieces"][2:5]
    text = show(bertcli, "--mlm", "--limit", 1).out
    joined = f"{{[MASK]/{first['original']} {second['text']}/{second['original']} ={third['text']}}}"
    assert f" {joined} " in text


@pytest.fixture
def with_token_labels(monkeypatch):
    """An objective that also asks something of every piece: 1 and 0 in turns, -100 at specials."""
    right = NextSentencePrediction.corrupt

    def corrupt(self, columns, corruption):
        turns = np.broadcast_to(np.arange(columns["input_ids"].shape[1]) % 2, columns["input_ids"].shape)
        labels = np.where(columns["special_tokens_mask"] == 1, IGNORED, turns)
        return right(self, columns, corruption) | {"capital_labels": labels}

    monkeypatch.setattr(NextSentencePrediction, "corrupt", corrupt)
    monkeypatch.setattr(NextSentencePrediction, "writes", frozenset({"next_sentence_label", "capital_labels"}))


def test_labels_of_pieces_are_marks_that_the_legend_names(workplace, bertcli, with_token_labels):
    out = show(bertcli, "--nsp", "--limit", 1).out
    assert "piece^ capital_labels" in out.splitlines()[0]
    example = show(bertcli, "--nsp", "--limit", 1, "--json").json()[0]
    assert [piece["labels"] for piece in example["pieces"][:3]] == [{}, {"capital_labels": 1}, {"capital_labels": 0}]
    first, second = (piece["text"] for piece in example["pieces"][1:3])
    assert f"A: [CLS] {first}^ {second} " in out


def test_static_rows_are_shown_with_their_originals(workplace, bertcli):
    static = ("mask", "build", "corpus.txt", "--static", "--mlm", "--nsp", "--seq-length", 32, "--duplicates", 1)
    assert bertcli(*static, "-o", "static").code == 0
    dynamic = show(bertcli, "--mlm", "--nsp", "--seq-length", 32, "--json").json()
    assert show(bertcli, "--data", "static", "--json").json() == dynamic


def test_the_masks_of_a_moving_rate_are_shown_where_it_stands(workplace, bertcli):
    moving = ("--mlm", "--set", "objectives.mlm.probability={start: 0.1, end: 0.5}", "--json", "--limit", 20)

    def predicted(progress):
        shown = show(bertcli, *moving, "--progress", progress).json()
        return sum(piece["unit"] is not None for example in shown for piece in example["pieces"])

    assert predicted(0) < predicted(0.5) < predicted(1)


def test_control_characters_are_written_out(workplace, bertcli, monkeypatch):
    right = Tokenizer.pieces
    monkeypatch.setattr(Tokenizer, "pieces", lambda self, ids: [f"{piece}\x1b[2J" for piece in right(self, ids)])
    out = show(bertcli, "--mlm").out
    assert "\x1b" not in out
    assert "\\x1b[2J" in out


def test_a_label_that_no_relation_has_is_shown_as_it_is(workplace, bertcli, monkeypatch):
    monkeypatch.setattr(
        NextSentencePrediction,
        "corrupt",
        lambda self, columns, corruption: {"next_sentence_label": columns["relation"].astype(np.int64) + 7},
    )
    assert re.search(r"next_sentence_label: [78]", show(bertcli, "--nsp", "--limit", 1).out)


def test_no_colour_without_a_terminal_and_none_where_it_is_not_wanted(workplace, bertcli, monkeypatch):
    import sys

    assert "\x1b" not in show(bertcli, "--mlm").out
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda self: True, raising=False)
    assert "\x1b[1;33m" in show(bertcli, "--mlm").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in show(bertcli, "--mlm").out
