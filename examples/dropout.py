"""Three layers with dropout on their inputs: one model for training and for testing, saved and restored between.

The series and its windows are those of time_series.py. Half of every layer's inputs are dropped. The first layer has
one input, the value itself: a net that learns from values of 0 and of twice their size in turn does not know the series
that it is tested on, so the error is shown with dropout on the upper layers' inputs only as well.
"""

import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from unrolled import cells
from unrolled.nn import Dropout, Projection, Recurrent

STEPS, RESOLUTION, END = 20, 0.1, 30.0


def make(first: float) -> Recurrent:
    """Three layers of 100 tanh units, half of the upper layers' inputs dropped, and a dense layer on all outputs."""
    rates = {1: first, 100: 0.5}
    layers = [Dropout(cells.RNN(size, 100), input=rates[size]) for size in (1, 100, 100)]
    return Recurrent([*layers[:-1], Projection(layers[-1], 1)])


def windows(starts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets (windows, 20, 1), a step apart, of t sin(t) / 3 + 2 sin(5 t) from these times (windows,)."""
    t = starts[:, None, None] + torch.arange(STEPS + 1)[:, None] * RESOLUTION
    values = t * torch.sin(t) / 3 + 2 * torch.sin(5 * t)
    return values[:, :-1], values[:, 1:]


def error(model: Recurrent, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The summed squared error of 50 windows, at the mean of those given."""
    return (model(inputs)[0] - targets).square().sum() * 50 / len(inputs)


def main(iterations: int = 2000, first: float = 0.5, seed: int = 0) -> dict[str, float | bool]:
    """Gives the errors of 50 windows, 1000 targets, and how training and evaluation differ."""
    torch.manual_seed(seed)
    model = make(first)
    optimizer = torch.optim.Adam(model.parameters(), 0.001)
    for _ in range(iterations):
        optimizer.zero_grad()
        error(model, *windows(torch.rand(50) * (END - STEPS * RESOLUTION))).backward()
        optimizer.step()
    inputs, targets = windows(torch.linspace(0, END - STEPS * RESOLUTION, 2001))
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        training = error(model, inputs, targets).item()
        random = not torch.equal(model(inputs)[0], model(inputs)[0])
        path = Path(folder) / "model.safetensors"
        save_file(model.state_dict(), path)
        restored = make(first).eval()
        restored.load_state_dict(load_file(path))
        model.eval()
        return {
            "random in training": random,
            "fixed in evaluation": torch.equal(model(inputs)[0], model(inputs)[0]),
            "restored is the same": torch.equal(restored(inputs)[0], model(inputs)[0]),
            "summed squared error with dropout": training,
            "summed squared error in the test": error(restored, inputs, targets).item(),
            "and of the targets' mean": 1000 * targets.var().item(),
        }


if __name__ == "__main__":
    for first in (0.5, 0.0):
        print(f"dropout of the first layer's input: {first}")
        for name, value in main(first=first).items():
            print(f"  {name}: {value}")
