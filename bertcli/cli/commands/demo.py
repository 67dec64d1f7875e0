"""Run the whole chain on the docstrings of the installed libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bertcli.cli import console
from bertcli.cli.options import command_app, configured_command
from bertcli.config.demo import Demo

if TYPE_CHECKING:
    from bertcli.stages.demo import DemoReport, Score

app = command_app()


def body(config: Demo, as_json: bool) -> None:
    """Run the whole chain on the docstrings of the installed libraries: which library does a text come from?

    Vocabulary, audit, pretraining with MLM and NSP, fine-tuning of the pretrained model and of random weights on few
    labels, features. Library names are masked; near-copies of test texts are in no other part.
    """
    from bertcli.stages.demo import demo

    report = demo(config)
    if as_json:
        console.show_json(report.dump())
    else:
        _show(report)


def _show(report: DemoReport) -> None:
    rows = [
        ("pretrained", *_cells(report.pretrained)),
        ("random weights", *_cells(report.random_weights)),
        ("most frequent library", f"{100 * report.chance:.1f}", *("" for _ in report.seeds)),
    ]
    title = f"accuracy × 100, n = {report.test_examples:,}"
    console.show_table(title, ("start", "mean ± sd", *(f"seed {seed}" for seed in report.seeds)), rows)
    speed = f" at {report.tokens_per_second:,.0f} tokens/s" if report.tokens_per_second else ""
    facts = {
        "task": f"which library is the text from? {report.labels_per_library} labels of each",
        "libraries": ", ".join(report.libraries),
        "text": f"{report.documents:,} docstrings; {report.near_copies_removed:,} near-copies of test texts left out",
        "vocabulary": f"{report.vocabulary_pieces:,} pieces",
        "audit": f"{report.audit_checks} checks hold",
        "pretraining": f"{report.pretraining_steps:,} steps, {report.pretraining_tokens:,} tokens{speed}",
    }
    if "eval/accuracy_mlm" in report.heldout:
        facts["held-out masks"] = f"{report.heldout['eval/accuracy_mlm']:.1%} right"
    console.show_facts("what was done", facts)
    seconds = {name: f"{value:6.1f} s" for name, value in report.seconds.items()}
    console.show_facts("time", seconds | {"in all": f"{sum(report.seconds.values()):6.1f} s"})
    console.show_facts("where it lies", report.where)
    print("the same with your own text and labels:")
    for line in (
        "bertcli vocab build corpus.txt",
        "bertcli mask build corpus.txt",
        "bertcli pretrain --mlm --nsp",
        "bertcli finetune --task classification --train train.jsonl --dev dev.jsonl",
    ):
        print(f"  {line}")


def _cells(score: Score) -> tuple[str, ...]:
    spread = f" ± {100 * score.sd:.1f}" if score.sd is not None else ""
    return f"{100 * score.mean:.1f}{spread}", *(f"{100 * value:.1f}" for value in score.per_seed)


configured_command(app, "demo", Demo, body, example="bertcli demo --minutes 0.1 --limit 200 --overwrite")
