import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForPreTraining,
    AutoTokenizer,
    BertForMaskedLM,
    BertForPreTraining,
)

SMALL = ("--arch", "bert-tiny", "--batch-size", 8, "--seq-length", 32, "--threads", 1, "--quiet")


def pretrain(bertcli, *arguments):
    return bertcli("pretrain", *arguments, *SMALL)


def metrics(run: str) -> list[dict[str, float]]:
    return [json.loads(line) for line in Path(run, "metrics.jsonl").read_text().splitlines()]


def test_transformers_opens_what_was_trained(workplace, bertcli):
    assert pretrain(bertcli, "--mlm", "--nsp", "--steps", 3, "-o", "run").code == 0
    model, info = AutoModelForPreTraining.from_pretrained("run/model", output_loading_info=True)
    assert type(model) is BertForPreTraining
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    tokenizer = AutoTokenizer.from_pretrained("run/model")
    output = model(**tokenizer("The river rose.", "She wrote a letter.", return_tensors="pt"))
    assert torch.isfinite(output.prediction_logits).all()


def test_mlm_alone_gives_a_masked_language_model(workplace, bertcli):
    assert pretrain(bertcli, "--mlm", "--steps", 2, "-o", "run").code == 0
    assert type(AutoModelForMaskedLM.from_pretrained("run/model")) is BertForMaskedLM


def test_metrics_have_their_names_from_the_first_step_to_the_last(workplace, bertcli):
    assert pretrain(bertcli, "--mlm", "--nsp", "--steps", 6, "--log-every", 2, "--eval-every", 3, "-o", "run").code == 0
    lines = metrics("run")
    assert lines[0]["step"] == 0
    assert lines[-1]["step"] == 6
    names = set().union(*lines)
    assert {
        "train/loss",
        "train/loss_mlm",
        "train/loss_nsp",
        "eval/loss_mlm",
        "eval/accuracy_mlm",
        "eval/perplexity",
        "eval/bits_per_masked_character",
        "optim/learning_rate",
        "optim/gradient_norm",
        "speed/tokens_per_second",
        "tokens_seen",
    } <= names
    assert {line["step"] for line in lines if "eval/loss_mlm" in line} == {0, 3, 6}


def test_the_loss_falls(workplace, bertcli):
    outcome = pretrain(bertcli, "--mlm", "--steps", 60, "--lr", 3e-3, "-o", "run", "--json")
    first = metrics("run")[0]["eval/loss_mlm"]
    assert outcome.json()["evaluation"]["eval/loss_mlm"] < first - 1


def test_the_run_does_not_depend_on_micro_batches(workplace, bertcli):
    for name, size in (("whole", 8), ("cut", 3)):
        arguments = ("--mlm", "--nsp", "--steps", 4, "--dropout", 0, "--precision", "fp32")
        arguments += ("--micro-batch-size", size, "-o", name)
        assert pretrain(bertcli, *arguments).code == 0
    whole, cut = metrics("whole"), metrics("cut")
    assert whole[-1]["eval/loss_mlm"] == pytest.approx(cut[-1]["eval/loss_mlm"], rel=1e-4)


def test_the_configuration_is_resolved_and_says_how_to_repeat_the_run(workplace, bertcli):
    assert pretrain(bertcli, "--mlm", "--epochs", 0.5, "-o", "run").code == 0
    text = Path("run/config.yaml").read_text()
    assert text.startswith("# Repeats this run: bertcli pretrain config.yaml -o DIR\n")
    config = yaml.safe_load(text)
    assert config["steps"] >= 1
    assert config["learning_rate"] == pytest.approx(5e-4 * (8 / 512) ** 0.5)
    assert config["objectives"]["mlm"]["probability"] == 0.15
    assert config["sequences"] == "full-sentences"
    assert "epochs" not in config


def test_yaml_says_everything_that_flags_say(workplace, bertcli):
    Path("run.yaml").write_text(
        "objectives:\n  mlm: {probability: 30%}\nsteps: 2\nbatch_size: 8\nseq_length: 32\narch: bert-tiny\n"
        "learning_rate: 1e-3\noptimizer: {weight_decay: 0.1}\n"
    )
    assert bertcli("pretrain", "run.yaml", "-o", "run", "--set", "schedule.shape=constant", "--quiet").code == 0
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    assert config["objectives"]["mlm"]["probability"] == 0.3
    assert config["schedule"]["shape"] == "constant"
    assert config["optimizer"]["weight_decay"] == 0.1


def test_an_objective_flag_replaces_the_files_set(workplace, bertcli):
    Path("run.yaml").write_text("objectives:\n  mlm: {probability: 0.3}\n  nsp:\nsteps: 1\n")
    assert bertcli("pretrain", "run.yaml", "--mlm", "-o", "run", *SMALL).code == 0
    objectives = yaml.safe_load(Path("run/config.yaml").read_text())["objectives"]
    assert list(objectives) == ["mlm"]
    assert objectives["mlm"]["probability"] == 0.3


def test_static_data_bring_their_own_objectives(workplace, bertcli):
    build = ("mask", "build", "corpus.txt", "--static", "--mlm", "--nsp", "--seq-length", 32, "--duplicates", 1)
    assert bertcli(*build, "--held-out", "10%", "-o", "static").code == 0
    arguments = ("--data", "static", "--arch", "bert-tiny", "--batch-size", 8, "--steps", 2, "--quiet")
    outcome = bertcli("pretrain", *arguments, "-o", "run", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json()["plan"]["objectives"] == ["mlm", "nsp"]
    assert "eval/accuracy_mlm" in outcome.json()["evaluation"]


def test_a_run_continues_from_a_model(workplace, bertcli):
    assert pretrain(bertcli, "--mlm", "--nsp", "--steps", 40, "--lr", 3e-3, "-o", "first").code == 0
    outcome = pretrain(bertcli, "--mlm", "--init", "first/model", "--steps", 1, "-o", "second", "--json")
    assert outcome.code == 0, outcome.err
    started = metrics("second")[0]["eval/loss_mlm"]
    assert started < metrics("first")[0]["eval/loss_mlm"] - 0.5
    assert outcome.json()["plan"]["learning_rate"] == pytest.approx(5e-5 * (8 / 32) ** 0.5)


def test_minutes_become_steps_that_are_written_down(workplace, bertcli):
    outcome = pretrain(bertcli, "--mlm", "--minutes", 0.1, "-o", "run", "--json")
    assert outcome.code == 0, outcome.err
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    assert config["steps"] == outcome.json()["plan"]["steps"] >= 1
    assert "minutes" not in config


def test_a_dry_run_prints_the_plan_and_writes_nothing(workplace, bertcli):
    outcome = pretrain(bertcli, "--mlm", "--nsp", "--steps", 5, "--dry-run", "-o", "run")
    assert outcome.code == 0
    assert "plan (nothing was trained)" in outcome.out
    assert not Path("run").exists()


def test_the_plan_says_how_much_of_the_corpus_is_used(workplace, bertcli):
    def used(*arguments):
        return pretrain(bertcli, *arguments, "--steps", 5, "--dry-run", "--json").json()["tokens_used"]

    audit = bertcli("mask", "audit", "--mlm", "--nsp", "--seq-length", 32, "--json").json()
    share = used("--mlm", "--nsp")
    assert share == audit["tokens_used"]
    assert 0 < used("--mlm", "--nsp", "--limit", 3) < share
    shown = pretrain(bertcli, "--mlm", "--nsp", "--steps", 5, "--dry-run").out
    assert f"uses {share:.1%} of the tokens" in shown


def test_the_plan_of_finished_rows_does_not_know_the_corpus(workplace, bertcli):
    build = ("mask", "build", "corpus.txt", "--static", "--mlm", "--seq-length", 32)
    assert bertcli(*build, "-o", "static").code == 0
    outcome = pretrain(bertcli, "--data", "static", "--steps", 5, "--dry-run", "--json")
    assert outcome.json()["tokens_used"] is None


def bad(bertcli, *arguments):
    outcome = pretrain(bertcli, *arguments)
    assert outcome.code == 2, outcome.err
    assert outcome.out == ""
    return outcome.err


def test_data_that_are_missing_say_how_to_make_them(workplace, bertcli):
    error = bad(bertcli, "--mlm", "--data", "nowhere", "-o", "run")
    assert error.startswith("error: nowhere: not a data directory")
    assert "bertcli mask build CORPUS" in error


def test_a_sequence_longer_than_the_model_is_refused(workplace, bertcli):
    outcome = bertcli("pretrain", "--mlm", "--arch", "bert-tiny", "--seq-length", 600, "--steps", 1, "-o", "run")
    assert outcome.code == 2
    assert "sequences of 600 pieces are longer than the model's 512 positions" in outcome.err
    assert "--seq-length 512 or less" in outcome.err
    assert not Path("run").exists()


def test_static_rows_that_are_too_long_for_the_model_have_to_be_built_again(workplace, bertcli):
    build = ("mask", "build", "corpus.txt", "--static", "--mlm", "--seq-length", 600, "--duplicates", 1)
    assert bertcli(*build, "-o", "static").code == 0
    outcome = bertcli("pretrain", "--data", "static", "--arch", "bert-tiny", "--steps", 1, "-o", "run")
    assert outcome.code == 2
    assert "error: sequences of 600 pieces are longer than the model's 512 positions\n" in outcome.err
    assert "hint: build the data again with `bertcli mask build --static --seq-length 512`, or less\n" in outcome.err


def test_an_unknown_architecture_suggests_the_nearest(workplace, bertcli):
    outcome = bertcli("pretrain", "--mlm", "--arch", "bert-mimi", "--steps", 1, "-o", "run")
    assert outcome.code == 2
    assert "unknown architecture 'bert-mimi'" in outcome.err
    assert "did you mean 'bert-mini'?" in outcome.err


def test_a_model_with_another_vocabulary_is_refused(workplace, bertcli):
    assert pretrain(bertcli, "--mlm", "--steps", 1, "-o", "first").code == 0
    assert bertcli("vocab", "build", "corpus.txt", "--size", 100, "-o", "other").code == 0
    assert bertcli("mask", "build", "corpus.txt", "--vocab", "other", "-o", "other-data").code == 0
    error = bad(bertcli, "--mlm", "--init", "first/model", "--data", "other-data", "--steps", 1, "-o", "run")
    assert "the data were made with another vocabulary" in error
    assert "bertcli mask build CORPUS --vocab first/model" in error


def test_durations_exclude_one_another(workplace, bertcli):
    error = bad(bertcli, "--mlm", "--steps", 3, "--epochs", 1, "-o", "run")
    assert "steps and epochs exclude one another" in error


def test_a_gpu_that_is_not_there_is_an_error(workplace, bertcli, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    error = bad(bertcli, "--mlm", "--steps", 1, "--device", "cuda", "-o", "run")
    assert "there is no cuda device here" in error


def test_all_faults_of_a_file_are_told_at_once(workplace, bertcli):
    Path("run.yaml").write_text("objectives:\n  mlm: {probabilty: 0.3}\nstepz: 3\nseed: many\n")
    outcome = bertcli("pretrain", "run.yaml", "-o", "run")
    assert outcome.code == 2
    assert "run.yaml:2: unknown key 'objectives.mlm.probabilty'" in outcome.err
    assert "run.yaml:3: unknown key 'stepz'" in outcome.err
    assert "run.yaml:4: seed: " in outcome.err
    assert "did you mean 'objectives.mlm.probability'?" in outcome.err
    assert "did you mean 'steps'?" in outcome.err


def test_an_unknown_flag_is_one_line_and_a_hint(workplace, bertcli):
    outcome = bertcli("pretrain", "--mlmm")
    assert outcome.code == 2
    assert outcome.err.startswith("error: No such option: --mlmm")
    assert "hint: " in outcome.err


def test_a_loss_that_is_not_finite_stops_with_the_step_and_the_examples(workplace, bertcli, monkeypatch):
    from bertcli.objectives.mlm import MaskedLanguageModel

    original = MaskedLanguageModel.loss
    calls = []

    def explode(self, heads, encode, batch):
        from dataclasses import replace

        loss = original(self, heads, encode, batch)
        if torch.is_grad_enabled():
            calls.append(1)
        broken = {"mlm": replace(loss["mlm"], total=loss["mlm"].total * float("nan"))}
        return broken if len(calls) == 3 else loss

    monkeypatch.setattr(MaskedLanguageModel, "loss", explode)
    outcome = pretrain(bertcli, "--mlm", "--steps", 9, "-o", "run")
    assert outcome.code == 1
    assert "the loss of mlm is nan at step 3 (epoch 0, examples " in outcome.err
    assert "--resume goes on from the checkpoint" in outcome.err


def test_one_held_out_document_still_evaluates_mlm(workplace, bertcli):
    Path("few.txt").write_text("\n".join(f"The rain fell on hill {n}. The river rose." for n in range(20)))
    assert bertcli("mask", "build", "few.txt", "-o", "few").code == 0
    outcome = pretrain(bertcli, "--mlm", "--nsp", "--data", "few", "--steps", 2, "-o", "run", "--json")
    assert outcome.code == 0, outcome.err
    assert set(outcome.json()["evaluation"]) >= {"eval/loss_mlm"}


def test_changed_data_are_not_resumed_on(workplace, bertcli):
    assert pretrain(bertcli, "--mlm", "--steps", 2, "-o", "run").code == 0
    shutil.rmtree("bertcli-out/data")
    Path("corpus.txt").write_text(Path("corpus.txt").read_text() + "\n\nOne more document stands here.\n")
    assert bertcli("mask", "build", "corpus.txt").code == 0
    assert "the data have changed since this run began" in bad(bertcli, "--mlm", "--steps", 2, "--resume", "-o", "run")


def test_a_model_that_predicts_no_better_than_chance_was_not_loaded(workplace, bertcli):
    from safetensors.torch import load_file, save_file

    assert pretrain(bertcli, "--mlm", "--steps", 1, "-o", "first").code == 0
    weights = load_file("first/model/model.safetensors")
    torch.manual_seed(0)
    save_file(
        {name: torch.randn_like(value) * 0.02 for name, value in weights.items()}, "first/model/model.safetensors"
    )
    outcome = pretrain(bertcli, "--mlm", "--init", "first/model", "--steps", 1, "-o", "second")
    assert outcome.code == 2
    assert "the MLM loss before the first step is" in outcome.err
    assert "that of a model that knows nothing is" in outcome.err
    assert not Path("second").exists()


def test_more_steps_go_on_from_a_finished_run_and_are_written_down(workplace, bertcli):
    assert pretrain(bertcli, "--mlm", "--steps", 4, "-o", "run").code == 0
    assert pretrain(bertcli, "--mlm", "--steps", 6, "-o", "run", "--resume").code == 0
    assert yaml.safe_load(Path("run/config.yaml").read_text())["steps"] == 6
    assert [line["step"] for line in metrics("run")][-1] == 6


def test_a_resume_of_nothing_says_that_it_begins_anew(workplace, bertcli):
    outcome = bertcli("pretrain", "--mlm", "--steps", 1, *SMALL[:-1], "-o", "nothing", "--resume")
    assert outcome.code == 0
    assert "there is no run in nothing to continue: a new one begins" in outcome.err


def test_text_in_place_of_a_configuration_is_told_where_it_goes(workplace, bertcli):
    assert "text goes to `bertcli mask build`" in bertcli("pretrain", "corpus.txt").err


def test_a_model_that_is_not_there_is_asked_for_as_a_model(workplace, bertcli):
    error = bad(bertcli, "--mlm", "--init", "nowhere", "--steps", 1)
    assert "hint: give a directory with config.json and model.safetensors" in error


def test_fewer_steps_than_the_run_has_are_refused(workplace, bertcli):
    assert pretrain(bertcli, "--mlm", "--steps", 2, "-o", "run").code == 0
    assert pretrain(bertcli, "--mlm", "--steps", 4, "-o", "run", "--resume").code == 0
    error = bad(bertcli, "--mlm", "--steps", 3, "-o", "run", "--resume")
    assert "run was run with steps = 4, now 3 is asked for" in error
    assert yaml.safe_load(Path("run/config.yaml").read_text())["steps"] == 4


def test_a_finished_run_is_not_evaluated_into_its_metrics_again(workplace, bertcli):
    for more in ((), ("--resume",)):
        outcome = pretrain(bertcli, "--mlm", "--steps", 2, "--json", "-o", "run", *more)
        assert outcome.code == 0
        assert outcome.json()["evaluation"]
    kinds = [(line["step"], "eval/loss_mlm" in line) for line in metrics("run")]
    assert len(kinds) == len(set(kinds))


def test_the_resolved_configuration_of_a_run_continues_it(workplace, bertcli):
    assert pretrain(bertcli, "--mlm", "--steps", 2, "-o", "run").code == 0
    assert bertcli("pretrain", "run/config.yaml", "-o", "run", "--resume", "--quiet").code == 0


def test_a_run_of_another_command_is_not_resumed(workplace, bertcli):
    assert pretrain(bertcli, "--mlm", "--steps", 1, "-o", "run").code == 0
    manifest = json.loads(Path("run/manifest.json").read_text())
    Path("run/manifest.json").write_text(json.dumps(manifest | {"command": "finetune"}))
    error = bad(bertcli, "--mlm", "--steps", 1, "-o", "run", "--resume")
    assert "this run was made by `bertcli finetune`, not by `bertcli pretrain`" in error


def test_a_typo_in_the_configuration_of_a_run_is_shown_where_it_stands(workplace, bertcli):
    assert pretrain(bertcli, "--mlm", "--steps", 1, "-o", "run").code == 0
    config = Path("run/config.yaml")
    config.write_text(config.read_text().replace("batch_size:", "bach_size:", 1))
    error = bad(bertcli, "--mlm", "--steps", 1, "-o", "run", "--resume")
    assert "run/config.yaml:" in error
    assert "did you mean 'batch_size'?" in error


def test_a_full_disk_in_the_middle_keeps_the_run_and_its_checkpoints(workplace, bertcli, monkeypatch):
    from bertcli.errors import OutputError
    from bertcli.training import trainer

    save = trainer.save_checkpoint

    def second_fails(root, step, *arguments, **more):
        if step == 4:
            raise OutputError("the disk is full", path=root)
        return save(root, step, *arguments, **more)

    with monkeypatch.context() as patched:
        patched.setattr(trainer, "save_checkpoint", second_fails)
        assert "the disk is full" in bad(bertcli, "--mlm", "--steps", 6, "--save-every", 2, "-o", "run")
    assert [path.name for path in Path("run/checkpoints").iterdir()] == ["step-00000002"]
    assert pretrain(bertcli, "--mlm", "--steps", 6, "-o", "run", "--resume").code == 0


def test_overwriting_never_removes_the_model_it_starts_from(workplace, bertcli):
    assert pretrain(bertcli, "--mlm", "--steps", 1, "-o", "run").code == 0
    error = bad(bertcli, "--mlm", "--init", "run/model", "--steps", 1, "-o", "run", "--overwrite")
    assert "the output directory holds an input, run/model" in error
    assert Path("run/model/model.safetensors").exists()


def test_static_data_keep_their_masking_and_take_another_weight(workplace, bertcli):
    build = ("mask", "build", "corpus.txt", "--static", "--mlm", "--seq-length", 32, "--duplicates", 1)
    assert bertcli(*build, "--set", "objectives.mlm.weight=3", "-o", "static").code == 0
    arguments = ("--data", "static", "--arch", "bert-tiny", "--batch-size", 8, "--steps", 1, "--quiet")
    for number, (options, weight) in enumerate(
        (((), 3), (("--mlm",), 3), (("--set", "objectives.mlm.weight=2"), 2), (("--set", "objectives.mlm.weight=1"), 1))
    ):
        assert bertcli("pretrain", *arguments, *options, "-o", f"run{number}").code == 0
        assert yaml.safe_load(Path(f"run{number}/config.yaml").read_text())["objectives"]["mlm"]["weight"] == weight
    outcome = bertcli("pretrain", *arguments, "--set", "objectives.mlm.probability=0.3", "-o", "other")
    assert outcome.code == 2
    assert "of an objective's settings only the weight may differ" in outcome.err


def test_an_empty_file_is_no_configuration(workplace, bertcli):
    Path("empty.yaml").write_text("# nothing yet\n")
    outcome = bertcli("pretrain", "empty.yaml")
    assert outcome.code == 2
    assert outcome.err.startswith("error: empty.yaml: the file is empty")


def test_the_name_of_a_flag_leads_to_its_key(workplace, bertcli):
    Path("run.yaml").write_text("lr: 0.1\nwarmup: 3\n")
    outcome = bertcli("pretrain", "run.yaml")
    assert "did you mean 'learning_rate'?" in outcome.err
    assert "did you mean 'schedule.warmup'?" in outcome.err


def test_a_flag_is_named_once(workplace, bertcli):
    outcome = bertcli("pretrain", "--steps", "many")
    assert outcome.err.splitlines()[0].startswith("error: --steps: input should be")


def test_a_single_held_out_document_is_said_to_be_too_few(workplace, bertcli):
    outcome = bertcli("pretrain", "--mlm", "--nsp", "--arch", "bert-tiny", "--steps", 1, "--dry-run")
    assert "one document is held out, too few to evaluate nsp" in outcome.err
