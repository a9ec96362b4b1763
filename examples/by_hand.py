"""A recurrent layer of 5 tanh units, 3 inputs and 2 steps: by hand, by static and by dynamic unrolling."""

import torch

import unrolled
from unrolled import cells


def main() -> dict[str, torch.Tensor]:
    """Gives the outputs (batch, time, units) of each way."""
    torch.manual_seed(0)
    inputs = torch.tensor(
        [[[0.0, 1, 2], [9, 8, 7]], [[3, 4, 5], [0, 0, 0]], [[6, 7, 8], [6, 5, 4]], [[9, 0, 1], [3, 2, 1]]]
    )
    cell = cells.RNN(input_size=3, hidden_size=5)
    w, r = cell.weight_ih.T, cell.weight_hh.T
    bias = cell.bias_ih + cell.bias_hh

    first = torch.tanh(inputs[:, 0] @ w + bias)
    second = torch.tanh(inputs[:, 1] @ w + first @ r + bias)
    static, _ = unrolled.unroll(cell, inputs, backend="reference")
    dynamic, _ = unrolled.unroll(cell, inputs)
    return {"by hand": torch.stack([first, second], 1), "static": static, "dynamic": dynamic}


if __name__ == "__main__":
    for way, outputs in main().items():
        print(f"{way}: output of the first row at t=1: {outputs[0, 1].tolist()}")
