"""Memory against time: what the backward pass keeps, for long sequences.

python -m benchmarks.memory [--steps 1000 10000 100000] [--layers 2] [--plot docs/memory.png]

Each way takes one gradient of LSTM layers of 64 units over 8 sequences of 64 features, in a process of its own. The
memory is the most that the process has over what it had with the data made and everything compiled; it is Linux that
tells. The time is the processor's, for the gradient alone: the program's, and the system's, who hands out memory.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import unrolled
from unrolled import cells

ROWS, UNITS = 8, 64
# Steps of a segment, and of a chunk of truncated backpropagation.
SEGMENT = 100


class Layers(nn.Module):
    """Layers of LSTM, of which nothing is kept but what is asked for."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(cells.LSTM(UNITS, UNITS) for _ in range(count))

    def forward(self, values: Tensor, states: list[Any], checkpoint: str | None) -> tuple[Tensor, list[Any]]:
        """Outputs and the states after them."""
        after = []
        for layer, state in zip(self.layers, states, strict=True):
            values, end = unrolled.unroll(layer, values, state=state, checkpoint=checkpoint)
            after.append(end)
        return values, after


def whole(model: Layers, inputs: Tensor, checkpoint: str | None = None) -> None:
    """The gradient over all steps."""
    outputs, _ = model(inputs, [None] * len(model.layers), checkpoint)
    outputs.square().mean().backward()


def truncated(model: Layers, inputs: Tensor) -> None:
    """The gradient over chunks, with the state carried along: an approximation of the others'."""
    states: list[Any] = [None] * len(model.layers)
    for part in inputs.split(SEGMENT, 1):
        outputs, after = model(part, states, None)
        (outputs.square().sum() / (inputs.shape[1] * ROWS * UNITS)).backward()
        states = [type(state)(*(value.detach() for value in state)) for state in after]


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


def measured(way: str, steps: int, layers: int) -> dict[str, Any]:
    """Peak memory and processor's time of one gradient, in this process."""
    torch.manual_seed(0)
    model = Layers(layers)
    WAYS[way](model, torch.randn(ROWS, 2 * SEGMENT, UNITS))
    inputs = torch.randn(ROWS, steps, UNITS)
    Path("/proc/self/clear_refs").write_text("5")
    before, began = held("VmRSS"), os.times()
    WAYS[way](model, inputs)
    taken, ended = held("VmHWM") - before, os.times()
    told = {"way": way, "steps": steps, "layers": layers, "bytes": taken, "numbers": taken / (4 * ROWS * UNITS * steps)}
    return told | {"user": ended.user - began.user, "system": ended.system - began.system}


def apart(way: str, steps: int, layers: int) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory", "--way", way, "--steps", str(steps)]
    command += ["--layers", str(layers)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def table(rows: list[dict[str, Any]]) -> str:
    """Memory of each way and length; for the longest, numbers kept for each unit and step, and seconds."""
    by = {(row["way"], row["steps"]): row for row in rows}
    lengths = sorted({row["steps"] for row in rows})
    heads = [*(f"{steps:,} steps" for steps in lengths), "numbers a unit and step", "program, s", "system, s"]
    lines = ["| | " + " | ".join(heads) + " |", "|" + " --- |" * (len(heads) + 1)]
    for way in WAYS:
        last = by[way, lengths[-1]]
        told = [f"{by[way, steps]['bytes'] / 2**20:,.1f} MB" for steps in lengths]
        told += [f"{last['numbers']:.2f}", f"{last['user']:.1f}", f"{last['system']:.1f}"]
        lines.append(f"| {way} | " + " | ".join(told) + " |")
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Memory against the steps, and the time that it costs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[2, 1])
    longest = max(row["steps"] for row in rows)
    for number, way in enumerate(WAYS):
        own = sorted(
            (row["steps"], row["bytes"] / 2**20, row["user"], row["system"]) for row in rows if row["way"] == way
        )
        left.plot([row[0] for row in own], [row[1] for row in own], marker="os^vD"[number], label=way)
        *_, user, system = own[-1]
        right.barh(number, user, color=f"C{number}")
        right.barh(number, system, left=user, color=f"C{number}", alpha=0.4)
    left.set(xscale="log", yscale="log", xlabel="time steps", ylabel="peak memory (MB)")
    left.grid(alpha=0.3)
    left.legend(frameon=False, fontsize="small", loc="center right", bbox_to_anchor=(1, 0.41))
    right.set_yticks(range(len(WAYS)), WAYS, fontsize="small")
    right.invert_yaxis()
    right.set(title=f"{longest:,} steps", xlabel="seconds (pale: the system's)")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--way", choices=WAYS, help="measure this one, in this process")
    parser.add_argument("--plot", type=Path, metavar="FILE.png")
    options = parser.parse_args()
    if options.way is not None:
        print(json.dumps(measured(options.way, options.steps[0], options.layers)))
        return
    rows = []
    for steps in options.steps:
        for way in WAYS:
            rows.append(apart(way, steps, options.layers))
            print(json.dumps(rows[-1]), flush=True)
    print(table(rows))
    if options.plot is not None:
        draw(rows, options.plot)


if __name__ == "__main__":
    main()
