"""The contract between `unroll` and what runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from unrolled.cells.core import Recurrence

Served = Callable[[], tuple[Tensor, Any]]


@dataclass(frozen=True, slots=True)
class Request:
    """One recurrence over one batch.

    Attributes:
        cell: what to unroll.
        inputs: (time, batch, input_size); zero past a row's length.
        lengths: (batch,) int64 on the device of the inputs, or None if every row is whole.
        state: the state before the first step, tensors (batch, units).
        reverse: whether every row runs from its last valid step to its first.
    """

    cell: Recurrence
    inputs: Tensor
    lengths: Tensor | None
    state: Any
    reverse: bool


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
