"""Independently recurrent neural network.

Li, Li, Cook, Zhu, Gao 2018, "Independently Recurrent Neural Network (IndRNN): Building A Longer and Deeper RNN",
equation 2:

    h(t) = f(W x(t) + u h(t-1) + b)        f: relu or tanh

Shapes: x (batch, input_size); h (batch, hidden_size); u, `recurrent_weight`, (hidden_size,): a unit sees only itself.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unrolled.cells.cell import Cell
from unrolled.cells.named import State
from unrolled.cells.rnn import NONLINEARITIES
from unrolled.checks import one_of


class IndRNN(Cell):
    """The cell whose units have one recurrent weight each.

    Args:
        input_size: features of the input.
        hidden_size: units.
        nonlinearity: "relu" or "tanh".
        **options: see `Cell`.

    Raises:
        ValueError: the nonlinearity is neither.
    """

    states = ("h",)
    gates = ("hidden",)
    recurrent = ()
    vectors = ("recurrent_weight",)
    recurrent_weight: Tensor

    def __init__(self, input_size: int, hidden_size: int, *, nonlinearity: str = "relu", **options: Any) -> None:
        one_of("nonlinearity", nonlinearity, sorted(NONLINEARITIES))
        super().__init__(input_size, hidden_size, **options)
        self.nonlinearity = nonlinearity

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draws the parameters anew; recurrent weights are uniform in [0, 1], as in the paper."""
        super().reset_parameters()
        nn.init.uniform_(self.recurrent_weight, 0.0, 1.0)

    def step(self, x: Any, r: Any, state: Any) -> Any:
        """One step; see the module for the equation."""
        return State(h=NONLINEARITIES[self.nonlinearity](x.hidden + self.recurrent_weight * state.h))
