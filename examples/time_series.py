"""The series t sin(t) / 3 + 2 sin(5 t): its next value learned from windows of it, and more of it made up.

python examples/time_series.py [FOLDER] [--seeds N]
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import unrolled
from unrolled import cells, plots
from unrolled.nn import Projection

STEPS, RESOLUTION, END = 20, 0.1, 30.0


def series(t: Tensor) -> Tensor:
    """The values at these times."""
    return t * torch.sin(t) / 3 + 2 * torch.sin(5 * t)


def windows(starts: Tensor) -> tuple[Tensor, Tensor]:
    """Inputs and targets (windows, 20, 1) of windows that start at these times (windows,); targets lie a step later."""
    values = series(starts[:, None] + torch.arange(STEPS + 1) * RESOLUTION)[..., None]
    return values[:, :-1], values[:, 1:]


def make() -> Projection:
    """A hundred relu units, and a dense layer on their outputs."""
    model = Projection(cells.RNN(1, 100, nonlinearity="relu"), 1)
    # Cells start for layers as wide as their input; here one input feeds a hundred units, for which Glorot's rule gives
    # weights that are too small. With biases of 0 all units would bend at the same value of the first input.
    nn.init.uniform_(model.core.weight_ih, -1, 1)
    nn.init.uniform_(model.core.bias_ih, -1, 1)
    # Windows are short, and a memory that fades learns them a little sooner.
    nn.init.orthogonal_(model.core.weight_hh, 0.7)
    nn.init.xavier_uniform_(model.linear.weight)
    nn.init.zeros_(model.linear.bias)
    return model


def stacked(model: Projection, inputs: Tensor) -> Tensor:
    """The recurrent layer over all steps, and then the dense layer once, on all its outputs."""
    return unrolled.unroll(model, inputs)[0]


def per_step(model: Projection, inputs: Tensor) -> Tensor:
    """Both layers at every step of a loop."""
    outputs, state = [], None
    for value in inputs.unbind(1):
        output, state = model(value, state)
        outputs.append(output)
    return torch.stack(outputs, 1)


def train(model: Projection, form: Callable[[Projection, Tensor], Tensor], iterations: int) -> None:
    """Minimises the summed squared error of 50 windows at random places by Adam."""
    optimizer = torch.optim.Adam(model.parameters(), 0.001)
    for _ in range(iterations):
        inputs, targets = windows(torch.rand(50) * (END - STEPS * RESOLUTION))
        optimizer.zero_grad()
        (form(model, inputs) - targets).square().sum().backward()
        optimizer.step()


def difference(model: Projection) -> float:
    """The largest difference of the two forms, in outputs and gradients."""
    inputs, _ = windows(torch.arange(10.0))
    results = []
    for form in (stacked, per_step):
        outputs = form(model, inputs)
        results.append([outputs, *torch.autograd.grad(outputs.square().mean(), list(model.parameters()))])
    return max((a - b).abs().max().item() for a, b in zip(*results, strict=True))


@torch.no_grad()
def test(model: Projection) -> Tensor:
    """The squared error of each of the 20 targets, the mean over windows that start anywhere."""
    inputs, targets = windows(torch.linspace(0, END - STEPS * RESOLUTION, 20_001))
    return (stacked(model, inputs) - targets).square().mean((0, 2))


def least() -> float:
    """What the first target's squared error is at best: the variance of the next value, given a value alone.

    The same value is met at several times, and goes on differently from each. No model knows which it is before it
    has seen a second one; this alone is a twentieth of it a target.
    """
    t = torch.rand(1 << 22, dtype=torch.float64) * (END - STEPS * RESOLUTION)
    alike = series(t).argsort().reshape(-1, 1 << 9)
    return series(t + RESOLUTION)[alike].var(1).mean().item()


@torch.no_grad()
def by_windows(model: Projection, seed: Tensor, count: int) -> Tensor:
    """Goes on from a seed (steps,): each value from the 20 before it, 20 steps of work for one."""
    values = list(seed)
    for _ in range(count):
        window = torch.stack(values[-STEPS:])[None, :, None]
        values.append(stacked(model, window)[0, -1, 0])
    return torch.stack(values)


def streamed(model: Projection, seed: Tensor, count: int) -> Tensor:
    """Goes on from a seed (steps,) with the state carried along: one step of work for one value.

    Relu units know no upper bound: of 16 nets trained from different draws, what 2 made up grew without end.
    """
    stream = unrolled.Stream(model)
    for value in seed:
        output = stream(value.reshape(1, 1))
    made = [output]
    for _ in range(count - 1):
        made.append(stream(made[-1]))
    return torch.cat([seed, torch.cat(made)[:, 0]])


def main(
    iterations: int = 1000, more: int = 1000, count: int = 280, seed: int = 0, folder: str = "."
) -> dict[str, Any]:
    """Trains both forms, then the first of them on; gives errors a target, what was generated, and two pictures."""
    found: dict[str, Any] = {}
    for form in (per_step, stacked):
        torch.manual_seed(seed)
        model = make()
        found["forms differ by"] = difference(model)
        train(model, form, iterations)
        found[f"{form.__name__}: error a target"] = test(model).mean().item()
    found["of which the first target's"] = test(model)[0].item() / STEPS
    starts = torch.tensor([0.5, 5.6, 12.2, 26.0])
    inputs, targets = windows(starts)
    with torch.no_grad():
        shown = [part[..., 0].numpy() for part in (inputs, targets, stacked(model, inputs))]
    times = starts[:, None] + torch.arange(STEPS + 1) * RESOLUTION
    plots.windows(*shown, times.numpy()).savefig(Path(folder) / "windows.png")

    train(model, stacked, more)
    found["stacked, trained on: error a target"] = test(model).mean().item()
    for name, start in {"zeros": torch.zeros(STEPS), "a real start": series(torch.arange(STEPS) * RESOLUTION)}.items():
        found[f"from {name}, by windows"] = by_windows(model, start, count)
        found[f"from {name}, streamed"] = made = streamed(model, start, count)
        with torch.no_grad():
            whole = stacked(model, made[None, :-1, None])[0, STEPS - 1 :, 0]
        found[f"from {name}, streamed: off the whole sequence by"] = (whole - made[STEPS:]).abs().max().item()
    generated = {name: values.numpy() for name, values in found.items() if isinstance(values, Tensor)}
    picture = plots.creative(list(generated.values()), [STEPS] * len(generated), list(generated), RESOLUTION)
    picture.savefig(Path(folder) / "creative.png")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=".", help="where the pictures go")
    parser.add_argument("--seeds", type=int, default=1, help="how often to train; errors are then medians")
    options = parser.parse_args()
    # The last run's pictures stay, those of seed 0.
    runs = [main(seed=seed, folder=options.folder) for seed in reversed(range(options.seeds))]
    for what, value in runs[-1].items():
        if isinstance(value, float):
            values = [run[what] for run in reversed(runs)]
            print(f"{what}: {statistics.median(values):.4g}", f"(seeds: {', '.join(f'{v:.4g}' for v in values)})")
    print(f"the first target leaves a target at best: {least() / STEPS:.4f}")
