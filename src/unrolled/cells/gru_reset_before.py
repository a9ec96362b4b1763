"""Gated recurrent unit, reset before the product, as the paper and TensorFlow 1 have it.

Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder", equations 5 to 8:

    r = sigmoid(W_r x + b_r + R_r h + b_rr)           reset gate
    z = sigmoid(W_z x + b_z + R_z h + b_rz)           update gate
    n = tanh(W_n x + b_n + R_n (r h) + b_rn)          new
    h(t) = (1 - z) n + z h(t-1)

Shapes: x (batch, input_size); h and every gate (batch, hidden_size). Gate order in the parameters: r z n.
"""

from __future__ import annotations

from typing import Any

from unrolled.cells.cell import Cell
from unrolled.cells.named import State
from unrolled.cells.ops import sigmoid, tanh


class GRUResetBefore(Cell):
    """The GRU cell with the reset gate before the product, as in the 2014 paper and TensorFlow 1.

    Args: those of `Cell`.
    """

    states = ("h",)
    gates = ("reset", "update", "new")
    deferred = ("new",)

    def step(self, x: Any, r: Any, state: Any) -> Any:
        """One step; see the module for the equations."""
        reset = sigmoid(x.reset + r.reset)
        update = sigmoid(x.update + r.update)
        new = tanh(x.new + r.new(reset * state.h))
        return State(h=new + update * (state.h - new))
