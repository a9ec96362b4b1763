"""Rows of lengths 2, 1, 2, 2: outputs are zero past the end, the final state is each row's own last one."""

import torch

import unrolled
from unrolled import cells


def main() -> dict[str, torch.Tensor]:
    """Gives the outputs (4, 2, 5) and the final state (4, 5)."""
    torch.manual_seed(0)
    inputs = torch.randn(4, 2, 3)
    inputs[1, 1] = float("nan")  # padding is never looked at
    lengths = torch.tensor([2, 1, 2, 2])
    outputs, state = unrolled.unroll(cells.RNN(3, 5), inputs, lengths)
    return {"outputs": outputs, "state": state.h}


if __name__ == "__main__":
    result = main()
    print("second row, past its end:", result["outputs"][1, 1].tolist())
    print("second row, final state: ", result["state"][1].tolist())
