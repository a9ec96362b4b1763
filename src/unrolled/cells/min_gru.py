"""minGRU (Feng, Tung, Ahmed, Bengio, Hajimirsadeghi 2024, "Were RNNs All We Needed?", section 3.1).

    z = sigmoid(W_z x + b_z)            update gate
    n = W_n x + b_n                     new
    h(t) = (1 - z) h(t-1) + z n

No gate sees the state, so the recurrence is linear in it.
Shapes: x (batch, input_size); h and every gate (batch, hidden_size).
"""

from __future__ import annotations

from typing import Any

from unrolled.cells.cell import Cell
from unrolled.cells.named import State
from unrolled.cells.ops import sigmoid


class MinGRU(Cell):
    """The minimal GRU cell.

    Args: those of `Cell`.
    """

    states = ("h",)
    gates = ("update", "new")
    recurrent = ()

    def step(self, x: Any, r: Any, state: Any) -> Any:
        """One step; see the module for the equations."""
        return State(h=state.h + sigmoid(x.update) * (x.new - state.h))
