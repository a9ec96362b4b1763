"""The contract between `unroll` and what runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from unrolled.cells.core import Recurrence

Served = Callable[[], tuple[Tensor, Any]]


@dataclass(frozen=True, slots=True)
class Request:
    """One recurrence over one batch.

    Attributes:
        cell: what to unroll.
        inputs: (time, batch, input_size); past a row's length stands anything, see `cleaned`.
        lengths: (batch,) int64 on the device of the inputs, or None if every row is whole.
        state: the state before the first step, tensors (batch, units).
        reverse: whether every row runs from its last valid step to its first.
    """

    cell: Recurrence
    inputs: Tensor
    lengths: Tensor | None
    state: Any
    reverse: bool

    def cleaned(self) -> Request:
        """The same with zeros past every row's length, for who computes on the padding too."""
        return self if self.lengths is None else replace(self, inputs=cleaned(self.inputs, self.lengths))


def cleaned(values: Tensor, lengths: Tensor) -> Tensor:
    """(time, batch, features) with zeros past every row's length, whatever stood there."""
    time = torch.arange(values.shape[0], device=lengths.device).unsqueeze(-1)
    return torch.where((time < lengths).unsqueeze(-1).to(values.device), values, 0.0)


@dataclass(frozen=True, slots=True)
class Backend:
    """A way to run a `Request`.

    Attributes:
        name: how users choose it.
        offer: a function that serves a request: it gives the outputs (time, batch, output_size), zero past a row's
            length, and the state at each row's last valid step. If the backend cannot, why, in words for the user.
    """

    name: str
    offer: Callable[[Request], Served | str]
