"""Long short-term memory (Hochreiter, Schmidhuber 1997; with the forget gate of Gers, Schmidhuber, Cummins 2000).

    i = sigmoid(W_i x + b_i + R_i h + b_ri)       input gate
    f = sigmoid(W_f x + b_f + R_f h + b_rf)       forget gate
    g = tanh(W_g x + b_g + R_g h + b_rg)          candidate
    o = sigmoid(W_o x + b_o + R_o h + b_ro)       output gate
    c(t) = f c(t-1) + i g
    h(t) = o tanh(c(t))

Shapes: x (batch, input_size); h, c and every gate (batch, hidden_size). Gate order in the parameters: i f g o,
as in torch.nn.
"""

from __future__ import annotations

from typing import Any

from unrolled.cells.cell import Cell
from unrolled.cells.named import State
from unrolled.cells.ops import sigmoid, tanh


class LSTM(Cell):
    """The LSTM cell, as torch.nn.LSTMCell.

    Args: those of `Cell`.
    """

    states = ("h", "c")
    gates = ("input", "forget", "candidate", "output")

    def step(self, x: Any, r: Any, state: Any) -> Any:
        """One step; see the module for the equations."""
        i = sigmoid(x.input + r.input)
        f = sigmoid(x.forget + r.forget)
        g = tanh(x.candidate + r.candidate)
        o = sigmoid(x.output + r.output)
        c = f * state.c + i * g
        return State(h=o * tanh(c), c=c)
