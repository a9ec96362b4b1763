"""minLSTM (Feng, Tung, Ahmed, Bengio, Hajimirsadeghi 2024, "Were RNNs All We Needed?", section 3.2).

    f = sigmoid(W_f x + b_f)            forget gate
    i = sigmoid(W_i x + b_i)            input gate
    g = W_g x + b_g                     candidate
    h(t) = (f h(t-1) + i g) / (f + i)

No gate sees the state, and the gates are normalised, so the scale of h does not depend on time.
Shapes: x (batch, input_size); h and every gate (batch, hidden_size).
"""

from __future__ import annotations

from typing import Any

from unrolled.cells.cell import Cell
from unrolled.cells.named import State
from unrolled.cells.ops import log_sigmoid, sigmoid


class MinLSTM(Cell):
    """The minimal LSTM cell, with length-independent scaling.

    Args: those of `Cell`.
    """

    states = ("h",)
    gates = ("forget", "input", "candidate")
    recurrent = ()

    def step(self, x: Any, r: Any, state: Any) -> Any:
        """One step; see the module for the equations."""
        # f / (f + i) is the sigmoid of log f - log i, which stays finite where both gates are shut.
        keep = sigmoid(log_sigmoid(x.forget) - log_sigmoid(x.input))
        return State(h=x.candidate + keep * (state.h - x.candidate))
