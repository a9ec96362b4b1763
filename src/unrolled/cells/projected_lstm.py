"""LSTM with projection.

Sak, Senior, Beaufays 2014, "Long Short-Term Memory Based Recurrent Neural Network Architectures for Large Vocabulary
Speech Recognition":

    i, f, g, o, c(t)  as the LSTM's
    h(t) = P (o tanh(c(t)))

Shapes: c and the gates (batch, hidden_size); h (batch, proj_size); P, `weight_hr`, (proj_size, hidden_size);
`weight_hh` (4 * hidden_size, proj_size).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from unrolled.cells.cell import orthogonal_
from unrolled.cells.lstm import LSTM
from unrolled.cells.ops import project
from unrolled.checks import integer


class ProjectedLSTM(LSTM):
    """The LSTM whose output is projected to fewer units before it goes back in, as torch.nn.LSTM(proj_size=...).

    Args:
        input_size: features of the input.
        hidden_size: units of the cell state.
        proj_size: units of the output; half of hidden_size unless given.
        **options: see `LSTM`.

    Raises:
        ValueError: proj_size is not a positive integer below hidden_size.
    """

    weight_hr: Tensor

    def __init__(self, input_size: int, hidden_size: int, *, proj_size: int | None = None, **options: Any) -> None:
        hidden_size = integer("hidden_size", hidden_size)
        size = max(1, hidden_size // 2) if proj_size is None else integer("proj_size", proj_size)
        if size >= hidden_size:
            raise ValueError(f"proj_size: expected less than hidden_size ({hidden_size}), found {size}")
        self.proj_size = size
        super().__init__(input_size, hidden_size, **options)

    def _state_sizes(self) -> dict[str, int]:
        return {"h": self.proj_size, "c": self.hidden_size}

    def add_parameters(self, parameter: Any) -> None:
        """Registers the projection."""
        self.weight_hr = parameter(self.proj_size, self.hidden_size)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draws the parameters anew."""
        super().reset_parameters()
        orthogonal_(self.weight_hr)

    def step(self, x: Any, r: Any, state: Any) -> Any:
        """One step; see the module for the equations."""
        inner = super().step(x, r, state)
        return inner._replace(h=project(inner.h, self.weight_hr))
