"""``mask audit``: sound data pass, and each defect has a message of its own."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from bertcli.contracts.audit import exact
from bertcli.core import fingerprints
from bertcli.core.randomness import hash64
from bertcli.data import examples
from bertcli.data.sequences import make_plan
from bertcli.objectives.mlm import MaskedLanguageModel
from bertcli.objectives.nsp import NextSentencePrediction

CUT = ("--seq-length", 32)
STATIC = ("--static", "--mlm", "--nsp", *CUT, "--duplicates", 2)


@pytest.fixture
def static(workplace, bertcli) -> Path:
    """Static data in ``static``, with the token store that they were made of."""
    assert bertcli("mask", "build", "corpus.txt", *STATIC, "-o", "static").code == 0
    if not Path("static/store").is_dir():
        shutil.copytree("bertcli-out/data", "static/store", ignore=shutil.ignore_patterns("vocab", "manifest.json"))
    return Path("static")


@pytest.fixture
def rows_alone(static) -> Path:
    """Static data that do not keep their store."""
    shutil.rmtree(static / "store")
    return static


def rewrite(data: Path, split: str, change) -> None:
    """``change`` the columns of a split, and make whatever writes down its file's SHA-256 agree."""
    file = sorted((data / split).glob("*.arrow"))[0]
    before = fingerprints.of_file(file)
    with pa.memory_map(str(file)) as source:
        table = pa.ipc.open_stream(source).read_all()
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    change(columns)
    arrays = [pa.array(columns[field.name], field.type) for field in table.schema]
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(pa.table(arrays, schema=table.schema))
    for described in data.parent.rglob("*.json"):
        text = described.read_text("utf-8")
        if before in text:
            described.write_text(json.dumps(described_again(json.loads(text), before, file)), "utf-8")


def described_again(value, before: str, file: Path):
    """JSON in which a digest stands for a file, and maybe beside it how many bytes that has."""
    if isinstance(value, list):
        return [described_again(item, before, file) for item in value]
    if not isinstance(value, dict):
        return fingerprints.of_file(file) if value == before else value
    again = {name: described_again(item, before, file) for name, item in value.items()}
    return again | {"bytes": file.stat().st_size} if before in value.values() and "bytes" in value else again


def rewrite_rows(data: Path, change) -> None:
    """``change`` the training rows, given as one array per column."""

    def change_arrays(columns):
        arrays = {name: np.array(values) for name, values in columns.items()}
        change(arrays)
        columns |= {name: values.tolist() for name, values in arrays.items()}

    rewrite(data, "train", change_arrays)


def audit(bertcli, *arguments):
    return bertcli("mask", "audit", *arguments)


def failed(outcome) -> str:
    """The names of the checks that failed."""
    assert outcome.code == 1, outcome.out + outcome.err
    assert "WRONG" in outcome.out
    first, hint = outcome.err.splitlines()[-2:]
    assert hint.startswith("hint: ")
    return first


def observed(outcome) -> dict[str, float]:
    return {check["name"]: check["observed"] for check in outcome.json()["checks"]}


@pytest.mark.parametrize("objectives", [("--mlm",), ("--mlm", "--nsp"), ("--nsp",)])
def test_an_audit_of_a_sound_store_passes(workplace, bertcli, objectives):
    outcome = audit(bertcli, *objectives, *CUT)
    assert outcome.code == 0, outcome.err
    assert "WRONG" not in outcome.out


def test_an_audit_of_sound_rows_passes_with_and_without_their_store(static, bertcli):
    with_store = audit(bertcli, "--data", static, "--json")
    assert with_store.code == 0, with_store.err
    shutil.rmtree(static / "store")
    alone = audit(bertcli, "--data", static, "--json")
    assert alone.code == 0
    only_with_store = observed(with_store).keys() - observed(alone).keys()
    assert {
        "pieces that are not the corpus's at their place",
        "segment ids that are not the plan's",
        "values of labels that the seed does not draw",
        "nsp: next pairs whose pieces are not found there",
        "mlm: labels that are not the original piece",
        "held-out documents that are also in training",
        "share of the corpus's tokens used",
    } <= only_with_store
    assert alone.json()["tokens_used"] is None


def test_what_became_of_masked_words_is_told_once(workplace, bertcli):
    assert bertcli("mask", "build", "corpus.txt", "--static", "--mask-unit", "word", *CUT, "-o", "static").code == 0
    fates = {"that became [MASK]", "that became other pieces", "kept"}
    with_store = observed(audit(bertcli, "--data", "static", "--json"))
    assert {name for name in with_store if "predicted units" in name} == {f"mlm: predicted units {of}" for of in fates}
    assert not any("predicted pieces" in name for name in with_store)
    shutil.rmtree("static/store")
    alone = observed(audit(bertcli, "--data", "static", "--json"))
    assert "mlm: predicted pieces kept" in alone
    assert not any("predicted units" in name for name in alone)


def test_every_row_of_static_data_is_traced_to_its_copy(static, bertcli):
    report = audit(bertcli, "--data", static, "--json").json()
    rows = next(check for check in report["checks"] if check["name"] == "finished rows of training")
    assert report["copies"] == 2
    assert report["sequences"] == rows["observed"] == rows["expected"]
    few = audit(bertcli, "--data", static, "--limit", 7, "--json").json()
    assert (few["sequences"], few["ok"]) == (7, True)


def mask_padding(columns):
    row = int(columns["attention_mask"].sum(axis=1).argmin())
    columns["labels"][row, -1] = 7


def mask_specials(columns):
    columns["labels"][:, 0] = columns["input_ids"][:, 0]


def mask_too_much(columns):
    ordinary = (columns["attention_mask"] == 1) & (columns["input_ids"] > 4)
    columns["labels"] = np.where(ordinary, columns["input_ids"], columns["labels"])


def never_keep(columns):
    columns["input_ids"] = np.where(columns["labels"] != -100, 4, columns["input_ids"])


def attend_to_padding(columns):
    columns["attention_mask"][:] = 1


def one_segment(columns):
    columns["token_type_ids"][:] = 0


def segment_begins_late(columns):
    types = columns["token_type_ids"]
    types[:, 1:] &= types[:, :-1].copy()  # the first piece of B is called one of A


FORM = [
    (mask_padding, "mlm: specials or padding predicted"),
    (mask_specials, "mlm: specials or padding predicted"),
    (mask_too_much, "mlm: sequences with a wrong number of predictions"),
    (never_keep, "mlm: predicted pieces that became [MASK]"),
    (attend_to_padding, "padding that is attended to, or not [PAD]"),
    (one_segment, "nsp: pairs without a second segment"),
    (segment_begins_late, "segment ids that change elsewhere than behind a [SEP]"),
]


@pytest.mark.parametrize(("change", "message"), FORM)
def test_rows_alone_show_defects_of_form(rows_alone, bertcli, change, message):
    rewrite_rows(rows_alone, change)
    outcome = audit(bertcli, "--data", rows_alone)
    assert message in failed(outcome)
    assert "hint: do not train on these data; build them again" in outcome.err


def shift_labels(columns):
    columns["labels"] = np.roll(columns["labels"], 1, axis=1)


def change_a_piece(columns):
    row, position = np.argwhere((columns["labels"] == -100) & (columns["input_ids"] > 4))[0]
    columns["input_ids"][row, position] = 5 + (columns["input_ids"][row, position] == 5)


def foreign_segments(columns):
    """In every second segment the pieces of the first segment of the row before, in turns."""
    ids, types, labels = columns["input_ids"], columns["token_type_ids"], columns["labels"]
    before = [row[(kinds == 0) & (row > 4)] for row, kinds in zip(ids, types, strict=True)]
    for row in range(1, len(ids)):
        inside = (types[row] == 1) & ((ids[row] > 4) | (labels[row] != -100))
        ids[row, inside] = np.resize(before[row - 1], inside.sum())
        labels[row, inside & (labels[row] != -100)] = ids[row, inside & (labels[row] != -100)]


def swap_labels(columns):
    columns["next_sentence_label"] = 1 - columns["next_sentence_label"]


def move_the_boundary(columns):
    """A [SEP] one piece later, with the segment ids that belong to it: nothing of the form is wrong."""
    types, ids = columns["token_type_ids"], columns["input_ids"]
    row, position = np.argwhere((types[:, 1:] == 1) & (types[:, :-1] == 0) & (ids[:, 1:] > 4))[0]
    separator = ids[row, position]
    ids[row, position], ids[row, position + 1] = ids[row, position + 1], separator
    types[row, position + 1] = 0
    labels = columns["labels"][row]
    labels[position], labels[position + 1] = labels[position + 1], labels[position]


AGAINST_THE_CORPUS = [
    (shift_labels, "mlm: labels that are not the original piece"),
    (shift_labels, "values of labels that the seed does not draw"),
    (change_a_piece, "pieces that are not the corpus's at their place"),
    (change_a_piece, "mlm: pieces changed but not predicted"),
    (foreign_segments, "nsp: next pairs whose pieces are not found there"),
    (swap_labels, "nsp: labels that are not the relation of the pair"),
    (move_the_boundary, "segment ids that are not the plan's"),
]


@pytest.mark.parametrize(("change", "message"), AGAINST_THE_CORPUS)
def test_rows_with_their_store_are_held_against_the_corpus(static, bertcli, change, message):
    rewrite_rows(static, change)
    assert message in failed(audit(bertcli, "--data", static))


def test_rows_that_are_missing_are_counted(static, bertcli):
    def drop_three(columns):
        for name, values in columns.items():
            columns[name] = values[:-3]

    rewrite(static, "train", drop_three)
    assert "finished rows of training" in failed(audit(bertcli, "--data", static))


def put_a_held_out_document_into_training(data):
    held_out = []
    rewrite(data, "heldout", lambda columns: held_out.extend((columns["input_ids"][0], columns["sentence_ends"][0])))

    def replace_one(columns):
        columns["input_ids"][3], columns["sentence_ends"][3] = held_out

    rewrite(data, "train", replace_one)


def test_a_held_out_document_in_training_is_found(workplace, bertcli):
    data = Path("bertcli-out/data")
    put_a_held_out_document_into_training(data)
    outcome = audit(bertcli, "--mlm")
    assert failed(outcome) == "error: 1 check failed: held-out documents that are also in training"
    assert "hint: build the data again with --deduplicate" in outcome.err


def test_a_held_out_document_in_the_store_of_static_rows_is_found(static, bertcli):
    put_a_held_out_document_into_training(static / "store")
    assert "held-out documents that are also in training" in failed(audit(bertcli, "--data", static))


def with_specials(finished, clean):
    finished["labels"][:, 0] = clean["input_ids"][:, 0]


def with_padding(finished, clean):
    finished["labels"][clean["attention_mask"] == 0] = 7


def shifted(finished, clean):
    finished["labels"] = np.roll(finished["labels"], 1, axis=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_specials, "mlm: specials or padding predicted"),
        (with_padding, "mlm: specials or padding predicted"),
        (shifted, "mlm: labels that are not the original piece"),
    ],
)
def test_an_objective_that_masks_wrongly_is_found(workplace, bertcli, monkeypatch, change, message):
    right = MaskedLanguageModel.corrupt

    def wrong(self, columns, corruption):
        finished = right(self, columns, corruption)
        change(finished, columns)
        return finished

    monkeypatch.setattr(MaskedLanguageModel, "corrupt", wrong)
    assert message in failed(audit(bertcli, "--mlm"))


def test_a_pair_label_turned_round_is_found(workplace, bertcli, monkeypatch):
    monkeypatch.setattr(
        NextSentencePrediction,
        "corrupt",
        lambda self, columns, corruption: {"next_sentence_label": 1 - columns["relation"].astype(np.int64)},
    )
    assert "nsp: labels that are not the relation of the pair" in failed(audit(bertcli, "--nsp"))


def foreign_plan(store, *arguments, relations, **options):
    """Pairs that all have their second segment from another document, whatever relation they are said to have."""
    plan = make_plan(store, *arguments, relations=("random",), **options)
    drawn = hash64(0, "test: relation", np.arange(len(plan))) % np.uint64(len(relations))
    return replace(plan, relation=drawn.astype(np.int8))


# One line for each objective that says that segments are of one document.
OF_ONE_DOCUMENT = [
    ("nsp", "next"),
    ("sop", "next"),
    ("sop", "swapped"),
    ("sentence_distance", "next"),
    ("sentence_distance", "distant"),
]


@pytest.mark.parametrize(("objective", "relation"), OF_ONE_DOCUMENT)
def test_segments_from_elsewhere_are_found(workplace, bertcli, monkeypatch, objective, relation):
    monkeypatch.setattr(examples, "make_plan", foreign_plan)
    message = failed(audit(bertcli, f"--{objective.replace('_', '-')}", *CUT))
    assert f"{objective}: {relation} pairs with a segment from elsewhere" in message
    assert f"{objective}: {relation} pairs whose pieces are not found there" in message


def test_pairs_in_order_and_swapped_are_told_apart(workplace, bertcli, monkeypatch):
    monkeypatch.setattr(NextSentencePrediction, "relations", ("next", "swapped"))
    assert audit(bertcli, "--nsp", *CUT).code == 0

    def never_swapped(store, *arguments, relations, **options):
        return replace(plan := make_plan(store, *arguments, relations=("next",), **options), relation=plan.relation + 1)

    monkeypatch.setattr(examples, "make_plan", never_swapped)
    message = failed(audit(bertcli, "--nsp", *CUT))
    assert "nsp: swapped pairs in the wrong order or distance" in message
    assert "nsp: swapped pairs whose pieces are not found there" in message


def test_a_plan_that_takes_other_pieces_is_found_without_pairs(workplace, bertcli, monkeypatch):
    def assemble(store, plan, *arguments):
        moved = replace(plan, bounds=np.maximum(plan.bounds - 1, 0)) if plan.bounds[0, 0] else plan
        return right(store, moved, *arguments)

    right = examples.assemble
    monkeypatch.setattr(examples, "assemble", assemble)
    assert "pieces that are not the corpus's at their place" in failed(audit(bertcli, "--mlm", *CUT))


def test_the_report_says_what_was_looked_at(workplace, bertcli):
    report = audit(bertcli, "--mlm", "--nsp", *CUT, "--epoch", 3, "--limit", 10, "--json").json()
    assert {name: value for name, value in report.items() if name not in ("checks", "tokens_used")} == {
        "data": "bertcli-out/data",
        "static": False,
        "objectives": ["mlm", "nsp"],
        "epoch": 3,
        "progress": 0.0,
        "copies": None,
        "sequences": 10,
        "near_duplicates": None,
        "ok": True,
    }
    assert 0.5 < report["tokens_used"] <= 1
    assert {"name", "observed", "expected", "low", "high", "ok"} == set(report["checks"][0])
    names = [check["name"] for check in report["checks"]]
    assert len(names) == len(set(names))


def test_the_report_is_also_written_to_a_file_whatever_it_says(static, bertcli):
    outcome = audit(bertcli, "--data", static, "--json", "-o", "reports/audit.json")
    assert json.loads(Path("reports/audit.json").read_text()) == outcome.json()
    rewrite_rows(static, mask_specials)
    assert audit(bertcli, "--data", static, "-o", "reports/audit.json").code == 1
    report = json.loads(Path("reports/audit.json").read_text())
    assert not report["ok"]
    wrong = [check for check in report["checks"] if not check["ok"]]
    assert wrong[0]["observed"] > wrong[0]["high"]
    assert [path.name for path in Path("reports").iterdir()] == ["audit.json"]


def test_a_report_over_a_directory_is_refused(workplace, bertcli):
    outcome = audit(bertcli, "--mlm", "-o", "bertcli-out")
    assert outcome.code == 2
    assert "bertcli-out: the output is a directory, not a file" in outcome.err


def test_what_was_drawn_is_audited_copy_by_copy(static, bertcli, monkeypatch):
    seen = []

    def look(self, evidence):
        seen.append((evidence.corruption.seed, evidence.corruption.epoch, len(evidence.finished["labels"])))
        drawn = self.corrupt(evidence.clean, evidence.corruption)["labels"] if "relation" in evidence.clean else 0
        wrong = float((drawn != evidence.finished["labels"]).sum())
        checks = [exact("mlm: rows", float(not evidence.draws_known), 1)]
        if evidence.draws_known:
            checks.append(exact("mlm: labels that are not drawn", wrong, 0))
            checks.append(exact("mlm: epoch", float(evidence.corruption.epoch), 0))
        return checks

    monkeypatch.setattr(MaskedLanguageModel, "audit", look)
    outcome = audit(bertcli, "--data", static)
    assert failed(outcome) == "error: 1 check failed: mlm: epoch"
    (_, _, rows), (*first, rows_of_first), (*second, rows_of_second) = seen
    assert (first, second) == ([0, 0], [0, 1])
    assert rows == rows_of_first + rows_of_second


def test_how_often_a_mask_is_seen_is_40_epochs_over_the_copies(rows_alone, bertcli):
    row = "times each mask is seen in 40 epochs of the documents"
    assert observed(audit(bertcli, "--data", rows_alone, "--json"))[row] == 20
    assert observed(audit(bertcli, "--mlm", "--json"))[row] == 1


def test_a_mask_rate_that_moves_is_audited_where_it_stands(workplace, bertcli):
    moving = ("--mlm", "--set", "objectives.mlm.probability={start: 0.3, end: 0.1}")
    for progress, rate in ((0, 0.3), (0.5, 0.2), (1, 0.1)):
        outcome = audit(bertcli, *moving, "--progress", progress, "--json")
        assert outcome.code == 0, outcome.err
        assert abs(observed(outcome)["mlm: share of pieces predicted"] - rate) < 0.01
        assert outcome.json()["progress"] == progress


@pytest.mark.parametrize(
    ("asked", "named"),
    [(("--epoch", 1), "--epoch"), (("--seed", 2, "--progress", "50%"), "--seed and --progress")],
)
def test_other_masks_of_static_data_are_refused(static, bertcli, asked, named):
    for command in ("audit", "show"):
        outcome = bertcli("mask", command, "--data", static, *asked)
        assert outcome.code == 2
        assert f"static is static: its masks are drawn, and {named} cannot change them" in outcome.err


def test_unknown_pieces_are_noticed_above_one_percent(workplace, bertcli):
    assert "[UNK]" not in audit(bertcli, "--mlm").err

    def forget(columns):
        columns["input_ids"][0] = [1] * len(columns["input_ids"][0])
        columns["input_ids"][1] = [1] * len(columns["input_ids"][1])

    rewrite(Path("bertcli-out/data"), "train", forget)
    outcome = audit(bertcli, "--mlm")
    assert "of the pieces are [UNK]: does the vocabulary fit this text?" in outcome.err


def nearly_copy(data):
    held_out = []
    rewrite(data, "heldout", lambda columns: held_out.append(columns["input_ids"][0]))

    def replace_one(columns):
        columns["input_ids"][5] = [*held_out[0], held_out[0][0]]
        columns["sentence_ends"][5] = [len(held_out[0]) + 1]

    rewrite(data, "train", replace_one)


def test_near_duplicates_are_looked_for_on_request(static, bertcli):
    nearly_copy(static / "store")
    near = ("--near-duplicates", "--near-duplicate-threshold", 0.9)
    outcome = audit(bertcli, "--data", static, *near, "--json")
    found = outcome.json()["near_duplicates"]
    assert (found["threshold"], found["documents"]) == (0.9, 1)
    (pair,) = found["examples"]
    assert (pair["held_out"], pair["training"]) == (0, 5)
    assert 0.9 <= pair["jaccard"] < 1
    assert observed(outcome)["held-out documents nearly in training"] == 1
    shown = audit(bertcli, "--data", static, *near).out
    assert "near-duplicates: 1 of the held-out documents" in shown


def test_a_threshold_without_a_search_is_refused(workplace, bertcli):
    outcome = audit(bertcli, "--mlm", "--near-duplicate-threshold", 0.5)
    assert outcome.code == 2
    assert "hint: add --near-duplicates" in outcome.err


def test_near_duplicates_of_rows_alone_are_refused(rows_alone, bertcli):
    outcome = audit(bertcli, "--data", rows_alone, "--near-duplicates")
    assert outcome.code == 2
    assert "these rows do not keep their documents" in outcome.err


def test_data_without_an_example_are_refused(rows_alone, bertcli):
    def drop_all(columns):
        for name in columns:
            columns[name] = []

    rewrite(rows_alone, "train", drop_all)
    outcome = audit(bertcli, "--data", rows_alone)
    assert outcome.code == 2
    assert "there is no training example to look at" in outcome.err
