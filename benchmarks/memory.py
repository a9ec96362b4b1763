"""Memory against time: what the backward pass keeps, for long sequences.

python -m benchmarks.memory [--steps 1000 10000 100000] [--plot docs/memory.png]

Each way takes one gradient of two LSTM layers of 64 units over 8 sequences of 8 features, in a process of its own. The
memory is the most that the process has over what it had with the data made and everything compiled; it is Linux that
tells. The time is the processor's, for the gradient alone.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import unrolled
from unrolled import cells

ROWS, FEATURES, UNITS = 8, 8, 64
# Steps of a segment, and of a chunk of truncated backpropagation.
SEGMENT = 100


class Layers(nn.Module):
    """Two layers, of which nothing is kept but what is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = cells.LSTM(FEATURES, UNITS), cells.LSTM(UNITS, UNITS)

    def forward(self, inputs: Tensor, states: tuple[Any, Any], checkpoint: str | None) -> tuple[Tensor, Any]:
        hidden, first = unrolled.unroll(self.first, inputs, state=states[0], checkpoint=checkpoint)
        outputs, second = unrolled.unroll(self.second, hidden, state=states[1], checkpoint=checkpoint)
        return outputs, (first, second)


def whole(model: Layers, inputs: Tensor, checkpoint: str | None = None) -> None:
    """The gradient over all steps."""
    outputs, _ = model(inputs, (None, None), checkpoint)
    outputs.square().mean().backward()


def truncated(model: Layers, inputs: Tensor) -> None:
    """The gradient over chunks, with the state carried along: an approximation of the others'."""
    states: tuple[Any, Any] = (None, None)
    for part in inputs.split(SEGMENT, 1):
        outputs, after = model(part, states, None)
        (outputs.square().sum() / (inputs.shape[1] * ROWS * UNITS)).backward()
        states = tuple(type(state)(*(value.detach() for value in state)) for state in after)


WAYS: dict[str, Callable[[Layers, Tensor], None]] = {
    "plain": whole,
    'checkpoint="all"': partial(whole, checkpoint="all"),
    f'checkpoint="every:{SEGMENT}"': partial(whole, checkpoint=f"every:{SEGMENT}"),
    'checkpoint="sqrt"': partial(whole, checkpoint="sqrt"),
    f"truncated, {SEGMENT} steps": truncated,
}


def held(name: str) -> int:
    """A figure of this process's memory, in bytes: VmRSS is what it has, VmHWM the most that it has had."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


def measured(way: str, steps: int) -> dict[str, Any]:
    """Peak memory and processor's time of one gradient, in this process."""
    torch.manual_seed(0)
    model = Layers()
    WAYS[way](model, torch.randn(ROWS, 2 * SEGMENT, FEATURES))
    inputs = torch.randn(ROWS, steps, FEATURES)
    Path("/proc/self/clear_refs").write_text("5")
    before, began = held("VmRSS"), time.process_time()
    WAYS[way](model, inputs)
    return {"way": way, "steps": steps, "bytes": held("VmHWM") - before, "seconds": time.process_time() - began}


def apart(way: str, steps: int) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", "--way", way, "--steps", str(steps)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def table(rows: list[dict[str, Any]]) -> str:
    """Memory of each way and length, and its time beside the plain way's."""
    by = {(row["way"], row["steps"]): row for row in rows}
    lengths = sorted({row["steps"] for row in rows})
    lines = ["| | " + " | ".join(f"{steps:,} steps" for steps in lengths) + " | time |"]
    lines.append("|" + " --- |" * (len(lengths) + 2))
    for way in WAYS:
        memory = [f"{by[way, steps]['bytes'] / 2**20:,.1f} MB" for steps in lengths]
        factor = by[way, lengths[-1]]["seconds"] / by["plain", lengths[-1]]["seconds"]
        lines.append(f"| {way} | " + " | ".join(memory) + f" | {factor:.2f} |")
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Memory against the steps, and the time that it costs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[2, 1])
    longest = max(row["steps"] for row in rows)
    plain = next(row["seconds"] for row in rows if (row["way"], row["steps"]) == ("plain", longest))
    for number, way in enumerate(WAYS):
        own = sorted((row["steps"], row["bytes"] / 2**20, row["seconds"]) for row in rows if row["way"] == way)
        left.plot([row[0] for row in own], [row[1] for row in own], marker="os^vD"[number], label=way)
        right.barh(number, own[-1][2] / plain, color=f"C{number}")
    left.set(xscale="log", yscale="log", xlabel="time steps", ylabel="peak memory (MB)")
    left.grid(alpha=0.3)
    left.legend(frameon=False, fontsize="small")
    right.set_yticks(range(len(WAYS)), WAYS)
    right.invert_yaxis()
    right.axvline(1, color="black", linewidth=1)
    right.set_xlabel(f"time beside plain, {longest:,} steps")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--way", choices=WAYS, help="measure this one, in this process")
    parser.add_argument("--plot", type=Path, metavar="FILE.png")
    options = parser.parse_args()
    if options.way is not None:
        print(json.dumps(measured(options.way, options.steps[0])))
        return
    rows = []
    for steps in options.steps:
        for way in WAYS:
            rows.append(apart(way, steps))
            print(json.dumps(rows[-1]), flush=True)
    print(table(rows))
    if options.plot is not None:
        draw(rows, options.plot)


if __name__ == "__main__":
    main()
