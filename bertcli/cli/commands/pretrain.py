"""Pretrain an encoder on the data that mask build wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bertcli.cli import console
from bertcli.cli.options import command_app, configured_command
from bertcli.config.pretrain import Pretrain
from bertcli.core.messages import notice

if TYPE_CHECKING:
    from bertcli.stages.pretrain_session import PretrainPlan

app = command_app()


def pretrain(config: Pretrain, as_json: bool) -> None:
    """Pretrain an encoder on the data that `bertcli mask build` wrote; held-out documents evaluate it."""
    from dataclasses import asdict

    from bertcli.stages import pretrain as stage

    report = stage.pretrain(config)
    if as_json:
        console.show_json(asdict(report))
        return
    if not isinstance(report, stage.PretrainReport):
        console.show_facts("plan (nothing was trained)", _plan_facts(report))
        return
    facts = _plan_facts(report.plan) | {
        "steps done": f"{report.steps:,}",
        "tokens seen": f"{report.tokens_seen:,}",
        "speed": f"{report.tokens_per_second:,.0f} tokens/s" if report.tokens_per_second else "–",
        "peak memory": f"{report.peak_memory_bytes / 1e6:,.0f} MB",
        "time": f"{report.elapsed_seconds / 60:.1f} min",
    }
    if report.train_loss is not None:
        facts["training loss"] = f"{report.train_loss:.4f}"
    for name, value in report.evaluation.items():
        facts[name] = f"{value:.1%}" if "accuracy" in name else f"{value:.4f}"
    console.show_facts(f"model: {report.model}", facts)
    notice(f"next: bertcli finetune --task NAME --model {report.model}")


def _plan_facts(plan: PretrainPlan) -> dict[str, str]:
    packed = ", packed" if plan.packed else ""
    used = "" if plan.tokens_used is None else f", uses {plan.tokens_used:.1%} of the tokens"
    in_an_epoch = f"{plan.examples_per_epoch:,} an epoch{packed}{used}"
    return {
        "architecture": f"{plan.architecture} ({plan.parameters:,} parameters)",
        "objectives": ", ".join(plan.objectives),
        "sequences": f"{plan.sequences} of {plan.seq_length} pieces, {in_an_epoch}",
        "steps": f"{plan.steps:,} of {plan.batch_size} sequences (micro-batches of {plan.micro_batch_size})",
        "peak learning rate": f"{plan.learning_rate:.2e}",
        "device": f"{plan.device}, {plan.precision}",
    }


configured_command(
    app, "pretrain", Pretrain, pretrain, example="bertcli pretrain --mlm --nsp --steps 100", config_file=True
)
