"""Three layers with dropout on their inputs: one model for training and for testing, saved and restored between."""

import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from unrolled import cells
from unrolled.nn import Dropout, Projection, Recurrent


def make() -> Recurrent:
    """Three layers of 32 units, half of every layer's inputs dropped, and a dense layer on all outputs at once."""
    layers = [Dropout(cells.GRU(size, 32), input=0.5 if size > 1 else 0.0) for size in (1, 32, 32)]
    return Recurrent([*layers[:-1], Projection(layers[-1], 1)])


def wave(start: torch.Tensor) -> torch.Tensor:
    """The series t sin(t) / 3 + 2 sin(5 t) at 21 times from `start` (batch, 1), 0.1 apart: (batch, 21, 1)."""
    t = start + torch.arange(21) * 0.1
    return (t * torch.sin(t) / 3 + 2 * torch.sin(5 * t)).unsqueeze(-1)


def main() -> dict[str, float | bool]:
    """Gives the test error, and how training and evaluation differ."""
    torch.manual_seed(0)
    model: nn.Module = make()
    optimizer = torch.optim.Adam(model.parameters(), 0.005)
    for _ in range(400):
        series = wave(torch.rand(50, 1) * 28)
        optimizer.zero_grad()
        F.mse_loss(model(series[:, :-1])[0], series[:, 1:]).backward()
        optimizer.step()
    series = wave(torch.rand(200, 1) * 28)
    inputs, targets = series[:, :-1], series[:, 1:]
    random = not torch.equal(model(inputs)[0], model(inputs)[0])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_file(model.state_dict(), path)
        restored = make().eval()
        restored.load_state_dict(load_file(path))
    model.eval()
    return {
        "random in training": random,
        "fixed in evaluation": torch.equal(model(inputs)[0], model(inputs)[0]),
        "restored is the same": torch.equal(restored(inputs)[0], model(inputs)[0]),
        "test mean squared error": F.mse_loss(restored(inputs)[0], targets).item(),
        "variance of the targets": targets.var().item(),
    }


if __name__ == "__main__":
    for name, value in main().items():
        print(f"{name}: {value}")
