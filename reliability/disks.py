"""Rows 3 and 4: a disk that fills up, and a folder that loses its permission, while a run saves to it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from reliability import jobs
from reliability.board import Effort, SkippedError, Verdict
from reliability.child import Child
from reliability.scratch import become_nobody, scratch, small_disk, strays
from unrolled.training import Callback

SIZE = 4 * 2**20
BALLAST = "ballast"


class AtEpoch(Callback):
    """Does something before the checkpoint that follows an epoch, in the n-th epoch that it sees."""

    def __init__(self, epoch: int, act: Callable[[], None]) -> None:
        self.left, self.act = epoch, act

    def on_epoch(self, module: Any, progress: Any) -> None:
        """Counts."""
        self.left -= 1
        if self.left == 0:
            self.act()


def fill(folder: Path, left: int) -> None:
    """Fills the disk but for so many bytes."""
    usage = os.statvfs(folder)
    (folder / BALLAST).write_bytes(bytes(max(0, usage.f_bavail * usage.f_frsize - left)))


def full(effort: Effort) -> Verdict:
    """The disk fills up before a random checkpoint, but for a random rest; then there is room again."""

    def prepare(folder: Path) -> None:
        small_disk(folder, SIZE)

    def harm(folder: Path, rest: float) -> None:
        fill(folder, int(rest * 40_000))

    def undo(folder: Path) -> None:
        (folder / BALLAST).unlink()

    return _harmed(effort, prepare, harm, undo)


def read_only(effort: Effort) -> Verdict:
    """The folder cannot be written to any more from a random checkpoint on; then it can again."""

    def prepare(folder: Path) -> None:
        become_nobody()

    def harm(folder: Path, rest: float) -> None:
        # The folder of checkpoints is the one above them; a forecaster has one for each of its two trainings.
        for own in _folders(folder):
            own.chmod(0o555)

    def undo(folder: Path) -> None:
        for own in _folders(folder):
            own.chmod(0o755)

    return _harmed(effort, prepare, harm, undo)


def _folders(folder: Path) -> set[Path]:
    return {folder, *(path.parent for path in folder.rglob("step-*"))}


def _harmed(
    effort: Effort,
    prepare: Callable[[Path], None],
    harm: Callable[..., None],
    undo: Callable[[Path], None],
) -> Verdict:
    torch.set_num_threads(1)
    draw, failures, trials, told = effort.random(), list[str](), 0, 0
    for name, job in jobs.JOBS.items():
        whole = jobs.run(job)
        for trial in range(effort(20, 2)):
            epoch, rest, trials = draw.randint(1, 4), draw.random(), trials + 1
            with scratch() as folder:
                ending = Child(_one, prepare, job, folder, epoch, partial(harm, rest=rest), undo, whole).wait(300)
            if ending.error.startswith("SkippedError"):
                raise SkippedError(ending.error.partition(": ")[2])
            told += ending.value == "told"
            if ending.value not in ("told", "unharmed"):
                failures.append(f"{name}, trial {trial}: {ending.value or ending.error}")
    figure = f"{trials - len(failures)} of {trials} runs; {told} stopped with one clear error and resumed bit-identical"
    return Verdict.of(failures, figure)


def _one(
    prepare: Callable[[Path], None],
    job: jobs.Job,
    top: Path,
    epoch: int,
    harm: Callable[[Path], None],
    undo: Callable[[Path], None],
    whole: str,
) -> str:
    """What is wrong, or "told" if the run stopped as it should, or "unharmed" if it needed no more room."""
    prepare(top)
    folder = top / "checkpoints"
    folder.mkdir()

    def act() -> None:
        harm(folder)

    try:
        if jobs.run(job, folder, callbacks=[AtEpoch(epoch, act)]) != whole:
            return "other parameters without an error"
        return "unharmed"
    except OSError as error:
        if "cannot be written" not in str(error):
            return f"an unclear error: {error}"
    undo(folder)
    if left := strays(folder):
        return f"left {left[0]}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return "told" if jobs.run(job, folder) == whole else "resumed to other parameters"
