"""Gated recurrent unit, reset after the product, as PyTorch and cuDNN have it.

From Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder", in the form that needs one product:

    r = sigmoid(W_r x + b_r + R_r h + b_rr)           reset gate
    z = sigmoid(W_z x + b_z + R_z h + b_rz)           update gate
    n = tanh(W_n x + b_n + r (R_n h + b_rn))          new
    h(t) = (1 - z) n + z h(t-1)

Shapes: x (batch, input_size); h and every gate (batch, hidden_size). Gate order in the parameters: r z n, as in
torch.nn.
"""

from __future__ import annotations

from typing import Any

from unrolled.cells.cell import Cell
from unrolled.cells.named import State
from unrolled.cells.ops import sigmoid, tanh


class GRU(Cell):
    """The GRU cell with the reset gate after the product, as torch.nn.GRUCell.

    Args: those of `Cell`.
    """

    states = ("h",)
    gates = ("reset", "update", "new")

    def step(self, x: Any, r: Any, state: Any) -> Any:
        """One step; see the module for the equations."""
        reset = sigmoid(x.reset + r.reset)
        update = sigmoid(x.update + r.update)
        new = tanh(x.new + reset * r.new)
        return State(h=new + update * (state.h - new))
