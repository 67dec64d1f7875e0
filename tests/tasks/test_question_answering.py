"""Question answering: columns, windows with their labels, answers as the context has them, scores by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bertcli.contracts.batch import IGNORED
from bertcli.contracts.task import LOSS_NAME, Examples, Features, Limits, Prediction, Table
from bertcli.core import messages
from bertcli.data import tables
from bertcli.data.bucketing import BucketedBatches
from bertcli.errors import InputFileError
from bertcli.tasks import find_task, load_preset
from bertcli.tasks.question_answering import QuestionAnswering, QuestionAnsweringSettings


def make_task(**settings: Any) -> QuestionAnswering:
    return QuestionAnswering(QuestionAnsweringSettings(**settings))


def table(*answers: Any, context: str = "the cat sat", **columns: Any) -> Table:
    rows = range(len(answers))
    values: dict[str, Any] = {
        "id": [f"q{row}" for row in rows],
        "question": ["who?"] * len(answers),
        "context": [context] * len(answers),
        "answers": [
            None if answer is None else {"text": answer[::2], "answer_start": answer[1::2]} for answer in answers
        ],
    }
    return Table("t.json", values | columns, [row + 1 for row in rows])


CAT = ["cat", 4]


def fitted(*answers: Any, context: str = "the cat sat", **settings: Any) -> tuple[QuestionAnswering, Examples]:
    task = make_task(**settings)
    examples = task.select([table(*answers, context=context)], "train", labelled=True)
    return task.fit(examples), examples


def test_questions_are_read_with_their_answers() -> None:
    examples = make_task().select([table(CAT, []), table(["sat", 8])], "train", labelled=True)
    assert examples.ids == ["q0", "q1", "q0"]
    assert examples.columns["label"] == [(("cat", 4),), (), (("sat", 8),)]
    assert examples.columns["question"] == ["who?"] * 3
    assert examples.lines == [1, 2, 1]


def test_questions_without_an_id_are_numbered_through_all_files() -> None:
    plain = Table("t", {"question": ["?"], "context": ["c"], "answers": [[]]}, [1])
    assert make_task().select([plain, plain], "train", labelled=True).ids == ["0", "1"]


def test_a_test_split_without_any_answer_is_unlabelled() -> None:
    for answers in ([], None):
        examples = make_task().select([table(answers)], "test", labelled=False)
        assert "label" not in examples.columns
    bare = Table("t", {"question": ["?"], "context": ["c"]}, [1])
    assert "label" not in make_task().select([bare], "test", labelled=False).columns
    assert "label" in make_task().select([table(CAT, [])], "test", labelled=False).columns


def test_a_labelled_split_needs_its_answers() -> None:
    bare = Table("t", {"question": ["?"], "context": ["c"], "answer": [[]]}, [1])
    with pytest.raises(InputFileError, match=r"^t: no column 'answers'") as caught:
        make_task().select([bare], "train", labelled=True)
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("did you mean 'answer'?")
    assert caught.value.hint.endswith("choose with --set task_settings.answers_column=NAME")
    with pytest.raises(InputFileError, match=r"^t\.json:2: the column 'answers' holds nothing here"):
        make_task().select([table(CAT, None)], "train", labelled=True)


def test_an_impossible_question_needs_no_column_of_answers() -> None:
    examples = make_task().select([table(CAT, None, is_impossible=[False, True])], "train", labelled=True)
    assert examples.columns["label"] == [(("cat", 4),), ()]


def test_whether_there_may_be_no_answer_is_learned_or_said() -> None:
    assert fitted(CAT)[0].no_answer is False
    assert fitted(CAT, [])[0].no_answer is True
    assert fitted(CAT, [], no_answer=False)[0].no_answer is False
    assert fitted(CAT, no_answer=True)[0].no_answer is True


def test_a_training_split_without_any_answer_is_refused() -> None:
    with pytest.raises(InputFileError, match=r"^t\.json: no question of the training split has an answer"):
        fitted([], [])


def test_faults_are_those_of_the_settings() -> None:
    assert [fault.level for fault in fitted(CAT, ["cat", 5])[0].faults(fitted(CAT, ["cat", 5])[1])] == ["error"]
    task, examples = fitted(CAT, ["cat", 5], find_answers=True)
    assert [fault.level for fault in task.faults(examples)] == ["warning"]
    task, examples = fitted(CAT, [], no_answer=False)
    assert [fault.message for fault in task.faults(examples)] == ["question 'q1' has no answer"]


def test_questions_of_one_context_stay_together() -> None:
    task, examples = fitted(CAT, ["sat", 8])
    assert task.keys(examples) == ["the cat sat"] * 2


def targets(features: Features) -> list[tuple[int, int]]:
    columns = features.item_columns
    return list(zip(columns["start_positions"].tolist(), columns["end_positions"].tolist(), strict=True))


def test_labels_are_the_first_and_the_last_piece_of_the_answer(letters: Any) -> None:
    # [CLS] w h o ? [SEP] t h e _ c a t: the "t" of "the" is at position 6
    task, examples = fitted(CAT, ["sat", 8, "the", 0])
    assert targets(task.encode(examples, letters, Limits(64))) == [(10, 12), (14, 16)]


def test_windows_without_the_answer_and_questions_without_one_point_at_cls(letters: Any) -> None:
    # 3 special pieces, 4 of the question and 6 of the context: "a the " from 0 and "he cat" from 3, "cat" at 6.
    task, examples = fitted(["cat", 6], [], context="a the cat", stride=3)
    features = task.encode(examples, letters, Limits(13))
    assert targets(features) == [(0, 0), (6 + 3, 6 + 5), (0, 0), (0, 0)]
    assert features.examples.tolist() == [0, 0, 1, 1]


def test_an_answer_is_taken_from_where_it_stands(letters: Any) -> None:
    task, examples = fitted(["sat", 2], CAT, find_answers=True)
    assert targets(task.encode(examples, letters, Limits(64))) == [(14, 16), (10, 12)]


class Heard:
    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def __getattr__(self, name: str) -> Any:
        return lambda *args: None


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    listener = Heard()
    monkeypatch.setattr(messages, "reporter", listener)
    return listener


def test_of_an_answer_that_stands_nowhere_nothing_is_learned(letters: Any, heard: Heard) -> None:
    task, examples = fitted(["dog", -1], CAT, find_answers=True)
    features = task.encode(examples, letters, Limits(64))
    assert targets(features) == [(IGNORED, IGNORED), (10, 12)]
    batch = BucketedBatches(features, 0, task.count).make(np.asarray([0, 1]))
    assert batch.counts[LOSS_NAME] == 1
    assert heard.notices == ["train: the answers to 1 questions stand nowhere in their context: scored, not learned"]


def test_answers_that_no_window_holds_are_told(letters: Any, heard: Heard) -> None:
    task, examples = fitted(["the cat sat", 0], CAT, stride=3)
    features = task.encode(examples, letters, Limits(13))
    found = targets(features)
    of_first = int((features.examples == 0).sum())
    assert found[:of_first] == [(IGNORED, IGNORED)] * of_first  # not taught that there is no answer
    assert (0, 0) in found[of_first:]  # of a question whose answer another window holds
    assert all(IGNORED not in target for target in found[of_first:])
    batch = BucketedBatches(features, 0, task.count).make(np.arange(features.items))
    assert batch.counts[LOSS_NAME] == len(found) - of_first
    assert heard.notices == ["train: no window holds the answers to 1 questions: not learned"]


def test_one_answer_to_every_question_is_a_collapse_that_is_told_without_the_answer() -> None:
    def collapsed(*preds: str) -> str | None:
        golds = (["cat"], ["sat"], [])
        predictions = [
            Prediction(str(row), gold, pred) for row, (gold, pred) in enumerate(zip(golds, preds, strict=True))
        ]
        return make_task(no_answer=True).collapsed(predictions)

    assert collapsed("the cat", "the cat", "the cat") == "every question gets the same answer"
    assert collapsed("", "", "") == "no question gets an answer"
    assert collapsed("the cat", "sat", "") is None


def test_a_split_without_labels_has_no_targets(letters: Any) -> None:
    task = make_task()
    examples = task.select([table(None)], "test", labelled=False)
    features = task.encode(examples, letters, Limits(64))
    assert features.item_columns == {}
    assert BucketedBatches(features, 0, task.count).make(np.asarray([0])).counts[LOSS_NAME] == 1


def test_the_loss_is_the_mean_of_two_cross_entropies_without_padding(letters: Any) -> None:
    import torch

    task, examples = fitted(CAT, ["a", 0], context="the cat sat")
    examples.columns["context"][1] = "a"
    features = task.encode(examples, letters, Limits(64))
    batch = BucketedBatches(features, 0, task.count).make(np.asarray([0, 1])).to(torch.device("cpu"))
    assert batch["attention_mask"].sum(dim=1).tolist() == [18, 8]
    logits = torch.zeros(2, 18, 2)
    logits[0, 10, 0] = math.log(3.0)  # 3 of 20 for the right start
    loss = task.loss(logits, batch)
    first = (math.log(20 / 3) + math.log(18)) / 2
    assert float(loss.total) == pytest.approx(first + math.log(8))
    assert loss.count == 2
    assert loss.correct is not None
    assert int(loss.correct) == 0


def test_a_window_is_right_where_both_ends_are(letters: Any) -> None:
    import torch

    task, examples = fitted(CAT, CAT)
    features = task.encode(examples, letters, Limits(64))
    batch = BucketedBatches(features, 0, task.count).make(np.asarray([0, 1])).to(torch.device("cpu"))
    logits = torch.zeros(2, 18, 2)
    logits[:, 10, 0] = 5
    logits[0, 12, 1] = 5
    logits[1, 13, 1] = 5
    correct = task.loss(logits, batch).correct
    assert correct is not None
    assert int(correct) == 1


def spiked(features: Features, *spikes: tuple[int, int, int, float]) -> list[NDArray[np.float32]]:
    """Logits of 0 but for (item, position, side, value)."""
    outputs = [np.zeros((length, 2), dtype=np.float32) for length in features.lengths()]
    for item, position, side, value in spikes:
        outputs[item][position, side] = value
    return outputs


def test_answers_are_the_characters_of_the_context(letters: Any) -> None:
    task, examples = fitted(["Cat", 4], context="The Cat  sat", n_best=2)
    features = task.encode(examples, letters, Limits(64))
    (found,) = task.decode(examples, features, spiked(features, (0, 10, 0, 5), (0, 12, 1, 4), (0, 11, 1, 3)))
    odds = math.exp(9) / (math.exp(9) + math.exp(8))
    assert (found.id, found.gold, found.pred, found.score) == ("q0", ["Cat"], "Cat", None)
    assert found.probs == {"Cat": pytest.approx(odds, abs=1e-6), "Ca": pytest.approx(1 - odds, abs=1e-6)}


def test_an_answer_is_found_in_the_question_or_cls_never(letters: Any) -> None:
    task, examples = fitted(CAT)
    features = task.encode(examples, letters, Limits(64))
    strong = spiked(features, (0, 0, 0, 90), (0, 0, 1, 90), (0, 2, 0, 80), (0, 3, 1, 80), (0, 10, 0, 1), (0, 12, 1, 1))
    assert task.decode(examples, features, strong)[0].pred == "cat"


def test_the_windows_of_a_question_are_joined(letters: Any) -> None:
    # Room for 6 letters: "abcdef" from 0, "defghi" from 3, "ghijkl" from 6.
    task, examples = fitted(["hi", 7], ["ab", 0], context="abcdefghijkl", stride=3)
    features = task.encode(examples, letters, Limits(13))
    assert features.examples.tolist() == [0, 0, 0, 1, 1, 1]
    outputs = spiked(features, (0, 7, 0, 1), (0, 7, 1, 1), (2, 7, 0, 3), (2, 8, 1, 3), (3, 6, 0, 1), (3, 7, 1, 1))
    # Piece 7 has most context in the second window, piece 8 in the third: "hi" starts where it may not.
    first, second = task.decode(examples, features, outputs)
    assert second.pred == "ab"
    assert first.pred != "hi"
    outputs[1][6 + 4, 0] = 3
    outputs[1][6 + 5, 1] = 3
    assert task.decode(examples, features, outputs)[0].pred == "hi"


def test_no_answer_is_predicted_where_it_scores_above_the_best(letters: Any) -> None:
    # Of two windows the lower score of no answer counts: 2 + 3 and 1 + 1.
    task, examples = fitted(["bc", 1], [], context="abcdefgh", stride=4, n_best=1)
    features = task.encode(examples, letters, Limits(13))
    assert features.items == 4
    scores = [(0, 0, 0, 2.0), (0, 0, 1, 3.0), (1, 0, 0, 1.0), (1, 0, 1, 1.0), (0, 7, 0, 1.0), (0, 8, 1, 0.5)]
    first, second = task.decode(examples, features, spiked(features, *scores, (2, 7, 0, 1.0)))
    assert (first.pred, first.gold, first.score) == ("", ["bc"], pytest.approx(2 - 1.5))
    assert list(first.probs) == ["", "bc"]
    assert (second.pred, second.gold, second.score) == ("b", [], pytest.approx(-1))
    patient = make_task(null_threshold=0.6, stride=4).fit(examples)
    assert patient.decode(examples, features, spiked(features, *scores))[0].pred == "bc"


def test_a_context_without_pieces_has_the_empty_answer(letters: Any) -> None:
    task = make_task()
    examples = task.select([table(None, context="")], "test", labelled=False)
    features = task.encode(examples, letters, Limits(64))
    (found,) = task.decode(examples, features, spiked(features))
    assert (found.pred, found.gold, found.probs) == ("", None, {})


def predicted(*rows: tuple[list[str], str, str, float]) -> list[Prediction]:
    return [
        Prediction(str(n), gold, pred, {best: 0.9, "": 0.1}, score) for n, (gold, pred, best, score) in enumerate(rows)
    ]


def test_scores_of_answers_by_hand() -> None:
    task = fitted(CAT)[0]
    found = task.score([Prediction("0", ["the cat"], "cat"), Prediction("1", ["a b c", "b"], "b d")])
    # exact, and "b" of "b d": 2 · ½ · 1 / 1½
    assert found == {"f1": pytest.approx((1 + 2 / 3) / 2), "exact_match": 0.5}


def test_chinese_answers_are_scored_by_ideographs() -> None:
    task = fitted(CAT, language="chinese", metrics=["exact_match", "f1"])[0]
    assert task.primary == "exact_match"
    assert task.score([Prediction("0", ["《光荣》"], "光荣"), Prediction("1", ["甲乙"], "乙丙")]) == {
        "exact_match": 0.5,
        "f1": pytest.approx((1 + 0.5) / 2),
    }


def test_scores_with_questions_that_have_no_answer_by_hand() -> None:
    task = fitted(CAT, [])[0]
    found = task.score(
        predicted((["cat"], "cat", "cat", -2.0), (["dog"], "", "dog", 0.5), ([], "x", "x", -1.0), ([], "", "y", 3.0))
    )
    assert found == {
        "f1": 0.5,
        "exact_match": 0.5,
        "has_answer_f1": 0.5,
        "has_answer_exact_match": 0.5,
        "no_answer_accuracy": 0.5,
        # up to −2: 1 + 2; up to −1: 1 + 1; up to 0.5: 2 + 1: the lowest of the best
        "best_f1": 0.75,
        "best_exact_match": 0.75,
        "best_f1_threshold": -2.0,
    }
    assert tuple(found) == task.metrics


def test_any_answer_to_a_question_without_one_is_wrong_in_the_search_for_the_best_threshold() -> None:
    # "the" agrees with no answer once it is normalised; evaluate-v2.0.py's search counts it as an answer all the same.
    task = fitted(CAT, [])[0]
    found = task.score(predicted(([], "the", "the", -3.0), (["cat"], "cat", "cat", -2.0)))
    assert (found["f1"], found["best_f1"]) == (1.0, 0.5)


def test_a_better_threshold_is_told() -> None:
    task = fitted(CAT, [])[0]
    rows = predicted(*[(["cat"], "", "cat", 0.5)] * 30, *[([], "", "x", 1.5)] * 30)
    assert task.doubts(rows) == [
        "with --set task_settings.null_threshold=0.5 F1 would be 100.0 instead of 50.0, if chosen on this split"
    ]
    assert task.doubts(rows[:40]) == []
    assert fitted(CAT)[0].doubts(rows) == []
    good = predicted(*[(["cat"], "cat", "cat", -0.5)] * 30, *[([], "", "x", 1.5)] * 30)
    assert task.doubts(good) == []


def test_the_official_file_is_one_object_of_answers() -> None:
    lines = make_task().official([Prediction("a", ["x"], 'ein "Wort"'), Prediction("b", None, "猫")])
    assert json.loads("\n".join(lines)) == {"a": 'ein "Wort"', "b": "猫"}


def test_files_are_read_by_their_suffix(tmp_path: Path) -> None:
    row = {"id": "a", "question": "who?", "context": "the cat", "answers": {"text": ["cat"], "answer_start": [4]}}
    (tmp_path / "dev.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "dev.json").write_text(json.dumps({"data": [row]}))
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row]), tmp_path / "dev.parquet")
    task = make_task()
    read = [task.select([task.read(tmp_path / f"dev{suffix}")], "dev", labelled=True) for suffix in task.suffixes]
    assert [examples.columns["label"] for examples in read] == [[(("cat", 4),)]] * 3
    assert [examples.ids for examples in read] == [["a"]] * 3
    with pytest.raises(InputFileError, match="not a table that can be read"):
        task.read(tmp_path / "dev.txt")


def test_rows_of_the_hub_are_read() -> None:
    import datasets

    rows = [{"id": "a", "question": "?", "context": "the cat", "answers": {"text": ["cat"], "answer_start": [4]}}]
    rows += [{"id": "b", "question": "?", "context": "the cat", "answers": {"text": [], "answer_start": []}}]
    hub = tables.from_hub(datasets.Dataset.from_list(rows), "rajpurkar/squad_v2/validation")
    examples = make_task().select([hub], "dev", labelled=True)
    assert examples.columns["label"] == [(("cat", 4),), ()]
    assert examples.ids == ["a", "b"]
    assert list(make_task(no_answer=True).fit(examples).faults(examples)) == []


@pytest.mark.parametrize(("name", "no_answer"), [("squad", False), ("squad_v2", True), ("cmrc2018", False)])
def test_presets_train_as_run_squad_does(name: str, no_answer: bool) -> None:
    preset = load_preset(name)
    assert (preset.learning_rate, preset.batch_size, preset.epochs, preset.max_length) == (3e-5, 12, 2, 384)
    assert len(preset.hub.revision) == 40
    assert set(preset.official) == {"dev", "test"}
    found = find_task(name)
    task = found.kind(found.kind.Settings(**found.settings))
    assert (task.settings.max_question, task.settings.n_best, task.settings.max_answer) == (64, 20, 30)
    examples = task.select([table(CAT)], "train", labelled=True)
    assert task.fit(examples).no_answer is no_answer
    assert task.fit(examples).primary == "f1"
