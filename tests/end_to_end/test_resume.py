"""A run that is killed and resumed ends in the same bytes as one that was left alone."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SENTENCES = (
    "the quick brown fox jumps over the lazy dog .",
    "a model reads text and learns what follows .",
    "rain fell on the hills and the river rose .",
    "she wrote a letter to the keeper of the light .",
    "numbers are only as good as the way they were measured .",
)


def bertcli(*arguments: object, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bertcli", *map(str, arguments)],
        cwd=cwd,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def run(*arguments: object, cwd: Path, code: int = 0) -> str:
    process = bertcli(*arguments, cwd=cwd)
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, err
    return out + err


def weights_hash(run_directory: Path) -> str:
    return hashlib.sha256((run_directory / "model" / "model.safetensors").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder with a corpus of 60 short documents, its vocabulary and its data."""
    directory = tmp_path_factory.mktemp("resume")
    documents = [
        "\n".join(SENTENCES[(d + s) % 5] for s in range(2 + d % 4)) + f"\nthis is number {d} ." for d in range(60)
    ]
    (directory / "corpus.txt").write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    run("vocab", "build", "corpus.txt", "--size", 200, cwd=directory)
    run("mask", "build", "corpus.txt", cwd=directory)
    return directory


COMMON = ("pretrain", "--mlm", "--nsp", "--arch", "bert-tiny", "--steps", 40, "--batch-size", 8, "--seq-length", 32)
COMMON += ("--threads", 1, "--save-every", 7, "--eval-every", 15, "--log-every", 5, "--lr", 1e-3)


@pytest.fixture(scope="module")
def straight(workplace: Path) -> str:
    run(*COMMON, "-o", "straight", cwd=workplace)
    return weights_hash(workplace / "straight")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_killed_run_resumes_to_the_same_bytes(workplace: Path, straight: str, workers: int):
    name = f"killed-{workers}"
    process = bertcli(*COMMON, "--workers", workers, "-o", name, cwd=workplace)
    checkpoints = workplace / name / "checkpoints"
    deadline = time.monotonic() + 120
    while not list(checkpoints.glob("step-*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "the run was over before it was killed"

    output = run(*COMMON, "--workers", workers, "-o", name, "--resume", cwd=workplace)
    assert "continuing after step" in output
    assert weights_hash(workplace / name) == straight
    steps = [json.loads(line)["step"] for line in (workplace / name / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(steps)


def test_sigterm_saves_a_checkpoint_and_exits_143(workplace: Path, straight: str):
    process = bertcli(*COMMON, "-o", "stopped", cwd=workplace)
    metrics = workplace / "stopped" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not metrics.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 143, err
    assert "the checkpoint is saved" in err
    assert "--resume continues" in err
    run(*COMMON, "-o", "stopped", "--resume", cwd=workplace)
    assert weights_hash(workplace / "stopped") == straight


@pytest.mark.slow
def test_a_resume_of_nothing_is_a_fresh_start(workplace: Path, straight: str):
    run(*COMMON, "-o", "fresh", "--resume", cwd=workplace)
    assert weights_hash(workplace / "fresh") == straight


@pytest.mark.slow
def test_the_written_configuration_repeats_the_run(workplace: Path, straight: str):
    run("pretrain", "straight/config.yaml", "-o", "again", cwd=workplace)
    assert weights_hash(workplace / "again") == straight


def test_a_resume_that_asks_for_something_else_is_refused(workplace: Path, straight: str):
    output = run(*COMMON, "--seed", 5, "-o", "straight", "--resume", cwd=workplace, code=2)
    assert "was run with seed = 0, now 5 is asked for" in output


def test_a_run_that_is_there_is_not_overwritten(workplace: Path, straight: str):
    output = run(*COMMON, "-o", "straight", cwd=workplace, code=2)
    assert "the output directory is not empty" in output
    assert "--resume continues it, --overwrite replaces it, -o DIR writes elsewhere" in output


@pytest.mark.slow
def test_a_damaged_checkpoint_is_passed_over(workplace: Path, straight: str):
    run(*COMMON, "-o", "damaged", cwd=workplace)
    newest = max((workplace / "damaged" / "checkpoints").iterdir())
    weights = newest / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    output = run(*COMMON, "-o", "damaged", "--resume", cwd=workplace)
    assert "is damaged and passed over" in output
    assert "continuing after step 35" in output
    assert weights_hash(workplace / "damaged") == straight
