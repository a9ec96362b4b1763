"""Row 16: the same call with more threads, and from more threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from reliability import jobs
from reliability.board import Effort, Verdict
from reliability.cases import OPTIONS, Call, make
from unrolled import Stream

COUNTS = (1, 2, 4, 8)
BOUND = 5e-6


def races(effort: Effort) -> Verdict:
    """Bit-equal for a thread count, equal to rounding between counts; one model in 8 Python threads at once."""
    failures = list[str]()
    repeats = effort(1000, 20)
    names = ("lstm", "gru-reset-before", "layer-norm-lstm")
    tried = 0
    draw = effort.random()
    for name in names:
        cell = make(name, 5, 40)
        one = Call(torch.randn(64, 12, 5), torch.randint(0, 13, (64,)), draw.random() < 0.5)
        first = None
        for count in COUNTS:
            torch.set_num_threads(count)
            expected = one.results(cell, "cpu")
            first = first or expected
            for a, b in zip(expected, first, strict=True):
                if (a - b).abs().max() > BOUND * max(1.0, float(b.abs().max())):
                    failures.append(f"{name}: {count} threads differ from one by more than rounding")
            for _ in range(repeats):
                tried += 1
                if not all(torch.equal(a, b) for a, b in zip(one.results(cell, "cpu"), expected, strict=True)):
                    failures.append(f"{name}: {count} threads gave other bits")
                    break
    torch.set_num_threads(1)
    failures += _at_once(effort(200, 5))
    figure = (
        f"{tried} calls with {', '.join(map(str, COUNTS))} threads; 8 Python threads with one model and one cell each"
    )
    return Verdict.of(failures, figure)


def _at_once(repeats: int) -> list[str]:
    """8 threads predict with one classifier, unroll one cell with gradients, and stream through it."""
    X, y = jobs.waves(40)
    classifier = jobs.classifier(epochs=1).fit(X, y)
    cells = {name: make(name, 5, 19) for name in OPTIONS}
    one = Call(torch.randn(7, 9, 5), torch.randint(0, 10, (7,)), False)
    steps = torch.randn(30, 1, 5)
    expected = {name: one.results(cell, "cpu") for name, cell in cells.items()}
    told = classifier.predict_proba(X)
    streamed = _streamed(cells["lstm"], steps)

    def work(number: int) -> list[str]:
        wrong = []
        for repeat in range(repeats):
            name = sorted(cells)[(number + repeat) % len(cells)]
            if not np.array_equal(classifier.predict_proba(X), told):
                wrong.append("predictions differ")
            if not torch.equal(_streamed(cells["lstm"], steps), streamed):
                wrong.append("streams differ")
            # Gradients go to the threads' own results, not to the cell.
            if not all(torch.equal(a, b) for a, b in zip(one.results(cells[name], "cpu"), expected[name], strict=True)):
                wrong.append(f"{name}: unrolled in 8 threads differs")
        return wrong

    with ThreadPoolExecutor(8) as pool:
        return [wrong for each in pool.map(work, range(8)) for wrong in each]


def _streamed(cell: Any, steps: torch.Tensor) -> torch.Tensor:
    stream = Stream(cell)
    return torch.cat([stream(step) for step in steps])
