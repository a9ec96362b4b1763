"""The plain recurrent layer (Elman 1990, "Finding Structure in Time").

    h(t) = f(W x(t) + b + R h(t-1) + b_r)        f: tanh or relu

Shapes: x (batch, input_size); h (batch, hidden_size); W (hidden_size, input_size); R (hidden_size, hidden_size).
"""

from __future__ import annotations

from typing import Any

from unrolled.cells.cell import Cell
from unrolled.cells.named import State
from unrolled.cells.ops import relu, tanh
from unrolled.checks import one_of

NONLINEARITIES = {"tanh": tanh, "relu": relu}


class RNN(Cell):
    """The plain recurrent cell, as torch.nn.RNNCell.

    Args:
        input_size: features of the input.
        hidden_size: units.
        nonlinearity: "tanh" or "relu".
        **options: see `Cell`.

    Raises:
        ValueError: the nonlinearity is neither.
    """

    states = ("h",)
    gates = ("hidden",)

    def __init__(self, input_size: int, hidden_size: int, *, nonlinearity: str = "tanh", **options: Any) -> None:
        one_of("nonlinearity", nonlinearity, sorted(NONLINEARITIES))
        super().__init__(input_size, hidden_size, **options)
        self.nonlinearity = nonlinearity

    def step(self, x: Any, r: Any, state: Any) -> Any:
        """One step; see the module for the equation."""
        return State(h=NONLINEARITIES[self.nonlinearity](x.hidden + r.hidden))

    def extra_repr(self) -> str:
        """Sizes and options, for printing."""
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity!r}")
