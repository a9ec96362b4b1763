"""The speed of the compiled kernels alone, in one thread, as a share of the peak: `python -m benchmarks.kernels`."""

from __future__ import annotations

import statistics
import time
from functools import partial
from unittest.mock import patch

import torch

import unrolled
from unrolled import cells
from unrolled.bench.peak import peak
from unrolled.compiler import executable

# Cell, batch, steps, features, units.
CASES = (
    ("lstm", 75, 28, 28, 150),
    ("gru", 75, 28, 28, 150),
    ("rnn", 75, 28, 28, 150),
    ("lstm", 32, 50, 512, 512),
    ("lstm", 32, 60, 40, 128),
    ("rnn", 25, 20, 1, 100),
)


def main(rounds: int = 40) -> None:
    torch.set_num_threads(1)
    print("| cell | infer | forward, saving | backward |")
    print("| --- | --- | --- | --- |")
    for name, batch, steps, features, units in CASES:
        cell, inputs = cells.make(name, features, units), torch.randn(batch, steps, features)
        every = 2.0 * batch * steps * sum(p.numel() for p in cell.parameters() if p.dim() == 2)
        recurrent = 2.0 * batch * steps * cell.weight_hh.numel()
        speeds: list[list[float]] = [[], [], []]
        for turn in range(rounds):
            with torch.no_grad():
                kernels = seen(partial(unrolled.unroll, cell, inputs))
            outputs, _ = unrolled.unroll(cell, inputs)
            kernels += seen(partial(unrolled.unroll, cell, inputs))
            kernels += seen(partial(outputs.backward, torch.ones_like(outputs)))
            if turn:
                for speed, operations, seconds in zip(speeds, (every, every, recurrent), kernels, strict=True):
                    speed.append(operations / seconds)
        bound = peak()
        own = [statistics.median(speed) for speed in speeds]
        shown = " | ".join(f"{speed / bound:.0%} ({speed / 1e9:.0f} GFLOP/s)" for speed in own)
        print(f"| {name}({units}) {batch}x{steps}x{features} | {shown} |")


def seen(call) -> list[float]:
    """Seconds in the last kernel that a call runs; those before it pack its matrices."""
    taken = []

    def timed(*args, **kwargs):
        began = time.perf_counter()
        run(*args, **kwargs)
        taken.append(time.perf_counter() - began)

    run = executable.run_kernel
    with patch.object(executable, "run_kernel", timed):
        call()
    return taken[-1:]


if __name__ == "__main__":
    main()
