"""Rows 1 and 2: training that is killed, and training that is asked to stop."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import torch

from reliability import jobs
from reliability.board import Effort, Verdict
from reliability.child import Child, Ending
from reliability.scratch import scratch, strays
from unrolled.cli import app
from unrolled.training import Checkpoints
from unrolled.training.files import checksum

SECONDS = 10.0
PATIENCE = 120.0


def kill(effort: Effort) -> Verdict:
    """SIGKILL at a random moment; the run is started again, and may be killed again."""
    torch.set_num_threads(1)
    draw, failures, trials, kills = effort.random(), list[str](), 0, 0
    for name, job in jobs.JOBS.items():
        whole = jobs.run(job)
        with scratch() as folder:
            seconds = Child(_train, job, folder / "whole", 5.0).wait(PATIENCE).seconds
            for trial in range(effort(100, 2)):
                own, minutes, trials = folder / str(trial), draw.choice([0.0005, 5.0]), trials + 1
                for _ in range(draw.choice([1, 1, 2, 3])):
                    child = Child(_train, job, own, minutes)
                    time.sleep(draw.uniform(0, seconds))
                    child.signal(signal.SIGKILL)
                    kills += child.wait().code == -signal.SIGKILL
                ending = Child(_train, job, own, minutes).wait(PATIENCE)
                left = strays(own)
                if ending.value != whole or left:
                    failures.append(f"{name}, trial {trial}: {ending.error or left or 'other parameters'}")
    figure = (
        f"{trials - len(failures)} of {trials} runs, killed {kills} times, end bit-identical ({len(jobs.JOBS)} models)"
    )
    return Verdict.of(failures, figure)


def ask_to_stop(effort: Effort) -> Verdict:
    """SIGTERM and SIGINT at random moments of `unrolled ... fit`, which is then resumed."""
    torch.set_num_threads(1)
    draw, failures, trials, slowest, asked = effort.random(), list[str](), 0, 0.0, 0
    for job in jobs.JOBS.values():
        # What is imported and compiled now need not be by every process.
        jobs.run(job)
    with scratch() as folder:
        for name, arguments in _commands(folder).items():
            whole = folder / f"{name}-whole"
            seconds = _cli([*arguments, "-o", str(whole)]).wait(PATIENCE).seconds
            expected = checksum((whole / "model.safetensors").read_bytes())
            for number in (signal.SIGTERM, signal.SIGINT):
                for trial in range(effort(20, 1)):
                    trials, output = trials + 1, folder / f"{name}-{number}-{trial}"
                    ending, took = _asked([*arguments, "-o", str(output)], output, number, draw.uniform(0, seconds))
                    slowest, asked = max(slowest, took), asked + (ending.code != 0)
                    problem = _problem(ending, took, number)
                    if ending.code != 0:
                        ending = _cli([*arguments, "-o", str(output), "--resume"]).wait(PATIENCE)
                    weights = output / "model.safetensors"
                    if not problem and (not weights.exists() or checksum(weights.read_bytes()) != expected):
                        problem = f"resumed with code {ending.code} to other parameters"
                    if problem:
                        failures.append(f"{name}, {signal.Signals(number).name}, trial {trial}: {problem}")
    figure = (
        f"{trials - len(failures)} of {trials} runs end bit-identical, {asked} of them stopped on the way, "
        f"the slowest in {slowest:.1f} s; exit codes 143 and 130"
    )
    return Verdict.of(failures, figure)


def _train(job: jobs.Job, folder: Path, minutes: float) -> str:
    # Some runs save within their epochs too, which take minutes elsewhere.
    Checkpoints.__init__.__kwdefaults__ = {"keep": 2, "minutes": minutes}
    return jobs.run(job, folder)


def _problem(ending: Ending, took: float, number: int) -> str:
    if took > SECONDS:
        return f"took {took:.1f} s to stop"
    # A run that was done before the signal came ends as ever; between two trainings the system's default holds.
    return "" if ending.code in (0, 128 + number, -number) else f"ended with code {ending.code}"


def _asked(arguments: list[str], output: Path, number: int, after: float) -> tuple[Ending, float]:
    child = _cli(arguments)
    checkpoints = output.with_name(output.name + ".checkpoints")
    while not any(checkpoints.rglob(".lock")) and time.monotonic() - child.began < PATIENCE and not output.exists():
        time.sleep(0.005)
    time.sleep(after)
    asked = time.monotonic()
    child.signal(number)
    return child.wait(PATIENCE), time.monotonic() - asked


def _commands(folder: Path) -> dict[str, list[str]]:
    """A small training run of each command."""
    waves, labels = jobs.waves(60)
    rows = [
        f"{i},{label},{x},{y}\n" for i, (X, label) in enumerate(zip(waves, labels, strict=True)) for x, y in X.tolist()
    ]
    (folder / "waves.csv").write_text("id,label,x,y\n" + "".join(rows))
    values = "".join(f"a,{step},{value}\n" for step, value in enumerate(jobs.series(200).tolist()))
    (folder / "series.csv").write_text("unique_id,ds,y\n" + values)
    (folder / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in zip(*jobs.sentences(150), strict=True)))
    (folder / "text.txt").write_text("\n".join(" ".join(line) for line in jobs.corpus()))
    small = ["--hidden-size", "6"]
    return {
        "classify": ["classify", "fit", str(folder / "waves.csv"), *small, "--epochs", "10", "--batch-size", "16"],
        "forecast": ["forecast", "fit", str(folder / "series.csv"), *small, "--epochs", "4", "--horizon", "5"],
        "translate": ["translate", "fit", str(folder / "pairs.tsv"), *small, "--epochs", "6", "--batch-tokens", "200"],
        "write": ["write", "fit", str(folder / "text.txt"), *small, "--epochs", "6", "--batch-size", "8"],
        "embed": ["embed", "fit", str(folder / "text.txt"), "--dim", "8", "--epochs", "40", "--min-count", "1"],
    }


def _cli(arguments: list[str]) -> Child:
    return Child(_silently, arguments)


def _silently(arguments: list[str]) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
    app(arguments)
