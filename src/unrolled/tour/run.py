"""Runs a chapter, and keeps what it showed."""

from __future__ import annotations

import random
import runpy
import time
import traceback
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import numpy as np
import torch

from unrolled.tour.recording import Output, Recording, Words, current
from unrolled.tour.script import Cell, Chapter


@dataclass(frozen=True)
class Run:
    """What came of a chapter.

    Attributes:
        chapter: what was run.
        cells: its cells, each with what it showed.
        seconds: it took.
        failed: whether an error ended it; the last output is then its traceback.
    """

    chapter: Chapter
    cells: list[tuple[Cell, list[Output]]]
    seconds: float
    failed: bool

    @property
    def figures(self) -> list[tuple[str, str, str]]:
        """What was measured, ours and the guide's."""
        return [output.data for _, outputs in self.cells for output in outputs if output.kind == "figure"]


def run(chapter: Chapter, *, full: bool = False) -> Run:
    """Runs a chapter in a folder of its own, which is gone afterwards, from seed 0.

    An error in it is part of what it showed. KeyboardInterrupt is not.
    """
    recording = Recording(str(chapter.path), full)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - libraries that draw from it are made repeatable too
    torch.manual_seed(0)
    start, failed = time.perf_counter(), False
    token = current.set(recording)
    words = Words(recording)
    try:
        with TemporaryDirectory() as folder, chdir(folder), redirect_stdout(words), redirect_stderr(words):
            try:
                runpy.run_module(chapter.module, run_name=chapter.module)
            except (Exception, SystemExit) as error:
                failed = True
                frames = traceback.extract_tb(error.__traceback__)
                # From the chapter on: what called it is not the reader's concern.
                first = next((n for n, frame in enumerate(frames) if frame.filename == recording.path), 0)
                told = ["Traceback (most recent call last):\n", *traceback.format_list(frames[first:])]
                told += traceback.format_exception_only(error)
                recording.outputs.append(Output(frames[first].lineno or 0, "error", "".join(told)))
    finally:
        current.reset(token)
    return Run(chapter, _by_cell(chapter.cells, recording.outputs), time.perf_counter() - start, failed)


def _by_cell(cells: list[Cell], outputs: list[Output]) -> list[tuple[Cell, list[Output]]]:
    """Each output with the cell that its line is in, pieces of text put together."""
    shown: list[list[Output]] = [[] for _ in cells]
    for output in outputs:
        place = max((n for n, cell in enumerate(cells) if cell.line <= output.line), default=0)
        before = shown[place]
        if output.kind == "text" and before and before[-1].kind == "text":
            before[-1] = Output(output.line, "text", before[-1].data + output.data)
        else:
            before.append(output)
    return list(zip(cells, shown, strict=True))
