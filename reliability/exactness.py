"""Rows 7 and 25: the same numbers after a stop, and the same numbers again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import torch

from reliability import jobs
from reliability.board import Effort, Verdict
from reliability.child import Child
from reliability.scratch import scratch
from unrolled.training import Callback, Interrupted


class StopAt(Callback):
    """Sends this process a signal after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def on_step(self, module: Any, progress: Any) -> None:
        """Counts."""
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGTERM)


class Count(Callback):
    """Counts the steps of a run."""

    def __init__(self) -> None:
        self.steps = 0

    def on_step(self, module: Any, progress: Any) -> None:
        """Counts."""
        self.steps += 1


def resumed(effort: Effort) -> Verdict:
    """Stops at random steps, up to three times in a run, with everything random or carried turned on."""
    torch.set_num_threads(1)
    draw, failures, trials, stops = effort.random(), list[str](), 0, 0
    for name, job in jobs.JOBS.items():
        count = Count()
        whole = jobs.run(job, callbacks=[count])
        for trial in range(effort(50, 2)):
            trials, seed = trials + 1, draw.randrange(2**32)
            with scratch() as folder:
                ending = Child(_stopped, job, folder, count.steps, Random(seed)).wait(300)
            digest, stopped = ending.value or (None, 0)
            stops += stopped
            if digest != whole:
                failures.append(f"{name}, trial {trial}: {ending.error or 'other parameters'}")
    return Verdict.of(failures, f"{trials - len(failures)} of {trials} runs, stopped {stops} times, bit-identical")


def _stopped(job: jobs.Job, folder: Path, steps: int, draw: Random) -> tuple[str, int]:
    stops = 0
    for _ in range(draw.randint(1, 3)):
        try:
            jobs.run(job, folder, callbacks=[StopAt(draw.randint(1, max(1, steps // 2)))])
        except Interrupted:
            stops += 1
    return jobs.run(job, folder), stops


def repeated(effort: Effort) -> Verdict:
    """The same seed twice in a process, and in a new one."""
    torch.set_num_threads(1)
    code = (
        "import torch; torch.set_num_threads(1); torch.rand(5); from reliability import jobs; "
        "print(*(jobs.run(job) for job in jobs.JOBS.values()))"
    )
    fresh = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    failures = [
        f"{name}: other parameters"
        for (name, job), other in zip(jobs.JOBS.items(), fresh, strict=True)
        if len({jobs.run(job), jobs.run(job), other}) > 1
    ]
    count = len(jobs.JOBS)
    return Verdict.of(failures, f"{count - len(failures)} of {count} models bit-identical, twice and in a new process")
