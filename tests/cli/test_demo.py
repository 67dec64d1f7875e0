"""The demonstration: its split, its choice of libraries, its outputs."""

import json
from collections import Counter
from pathlib import Path

import pytest

from bertcli.cli.app import run
from bertcli.config.demo import Demo
from bertcli.errors import InputFileError, OutputError
from bertcli.stages.demo import MOST_FROM_A_FILE, DemoReport, Score, choose_libraries, demo, split
from bertcli.text.docstrings import Docstring
from bertcli.text.near_copies import NearCopies

LIBRARIES = ["alpha", "beta"]


def _docstrings(files: int = 30, of_each: int = 8) -> list[Docstring]:
    """Every text has words of its own."""
    return [
        Docstring(
            library,
            f"{library}/{file}.py",
            " ".join(f"{library}{file}x{number}w{word}" for word in range(12)),
        )
        for library in [*LIBRARIES, "other"]
        for file in range(files)
        for number in range(of_each)
    ]


def _split(docstrings: list[Docstring], seed: int = 0, labels: int = 10, tested: int = 20):
    return split(docstrings, LIBRARIES, labels=labels, tested=tested, seed=seed)


def test_every_library_has_its_labels_and_its_test():
    text = _split(_docstrings())
    assert Counter(docstring.library for docstring in text.train) == {"alpha": 10, "beta": 10}
    assert Counter(docstring.library for docstring in text.test) == {"alpha": 20, "beta": 20}
    assert max(Counter(docstring.source for docstring in text.test).values()) <= MOST_FROM_A_FILE


def test_no_file_of_a_test_docstring_is_used_for_anything_else():
    text = _split(_docstrings())
    tested = {docstring.source for docstring in text.test}
    assert tested.isdisjoint(docstring.source for docstring in [*text.train, *text.unlabelled])


def test_near_copies_of_test_docstrings_are_in_no_other_part():
    docstrings = _docstrings()
    victim = _split(docstrings).test[0]
    copy = Docstring("other", "other/copy.py", f"{victim.text} and a few words more than the original had")
    text = _split([*docstrings, copy])
    assert victim in text.test
    assert text.near_copies == 1
    near = NearCopies([docstring.text for docstring in text.test])
    assert not [docstring for docstring in [*text.train, *text.unlabelled] if docstring.text in near]


def test_libraries_outside_the_task_are_read_by_pretraining_only():
    text = _split(_docstrings())
    assert "other" in {docstring.library for docstring in text.unlabelled}
    assert "other" not in {docstring.library for docstring in [*text.train, *text.test]}


def test_a_seed_repeats_its_split_and_another_gives_another():
    docstrings = _docstrings()
    assert _split(docstrings) == _split(docstrings)
    assert _split(docstrings).test != _split(docstrings, seed=1).test
    assert _split(docstrings).train != _split(docstrings, seed=1).train


def test_at_most_a_fifth_is_tested():
    text = _split(_docstrings(files=10, of_each=5), tested=1000)
    assert Counter(docstring.library for docstring in text.test) == {"alpha": 10, "beta": 10}


def test_too_few_docstrings_for_the_labels_are_named():
    with pytest.raises(InputFileError, match="alpha has too few docstrings for 1000 labels") as caught:
        _split(_docstrings(), labels=1000)
    assert "--labels" in str(caught.value.hint)


def test_the_libraries_with_the_most_docstrings_are_chosen():
    counts, files = Counter(a=50, b=120, c=130, d=7), Counter(a=1, b=9, c=5, d=100)
    assert choose_libraries(counts, files, classes=3, limit=1000) == ["a", "b", "c"]
    assert choose_libraries(counts, files, classes=1, limit=100) == ["b"]
    with pytest.raises(InputFileError, match="only 4 installed libraries"):
        choose_libraries(counts, files, classes=5, limit=100)


def test_a_directory_in_the_way_is_refused_before_any_work(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(OutputError, match="not empty") as caught:
        demo(Demo(output=tmp_path))
    assert "--overwrite" in str(caught.value.hint)
    assert run(["demo", "-o", str(tmp_path)]) == 2


def _report() -> DemoReport:
    return DemoReport(
        directory="bertcli-demo",
        libraries=["alpha", "beta"],
        documents=1234,
        near_copies_removed=5,
        labels_per_library=16,
        test_examples=200,
        test_per_library={"alpha": 100, "beta": 100},
        seeds=[0, 1],
        chance=0.5,
        pretrained=Score(0.75, 0.01, [0.74, 0.76]),
        random_weights=Score(0.8, 0.02, [0.78, 0.82]),
        audit_checks=24,
        vocabulary_pieces=8000,
        pretraining_steps=10,
        pretraining_tokens=1000,
        tokens_per_second=2000.0,
        heldout={"eval/accuracy_mlm": 0.25},
        feature_dimensions=128,
        seconds={"text": 1.5},
        where={"task": "bertcli-demo/task"},
    )


@pytest.mark.parametrize("as_json", [False, True])
def test_whatever_was_found_is_printed(monkeypatch: pytest.MonkeyPatch, capsys, as_json: bool):
    monkeypatch.setattr("bertcli.stages.demo.demo", lambda config: _report())
    assert run(["demo", *(["--json"] if as_json else [])]) == 0
    out = capsys.readouterr().out
    if as_json:
        assert json.loads(out)["random_weights"] == {"mean": 0.8, "sd": 0.02, "per_seed": [0.78, 0.82]}
        return
    for part in ("75.0 ± 1.0", "80.0 ± 2.0", "n = 200", "2,000 tokens/s", "bertcli-demo/task", "1.5 s", "50.0"):
        assert part in out


@pytest.mark.slow
def test_the_whole_chain_runs_and_everything_lies_where_it_says(tmp_path: Path, capsys):
    output = tmp_path / "demo"
    arguments = ["--minutes", "0.1", "--limit", "150", "--classes", "4", "--seeds", "2", "--set", "epochs=2"]
    assert run(["demo", *arguments, "-o", str(output), "--json", "--quiet"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["libraries"]) == 4
    assert report["seeds"] == [0, 1]
    assert all(len(report[start]["per_seed"]) == 2 for start in ("pretrained", "random_weights"))
    assert all(Path(path).exists() for path in report["where"].values())
    rows = [json.loads(line) for line in (output / "task" / "test.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == report["test_examples"]
    names = [name.lower() for name in report["libraries"] if len(name) >= 5]
    assert not [row for row in rows if any(name in row["text"].lower() for name in names)]
    # Again: refused, then replaced, with what is not the demonstration's left alone.
    (output / "mine.txt").write_text("keep")
    assert run(["demo", *arguments, "-o", str(output), "--quiet"]) == 2
    assert (output / "mine.txt").read_text() == "keep"
