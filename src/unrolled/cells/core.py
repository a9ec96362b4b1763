"""What can be unrolled: recurrences, which a backend runs, and the wrappers around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Run = Callable[["Core", Tensor, Any], tuple[Tensor, Any]]


class Core(nn.Module):
    """One recurrent layer in two views: a single step (`forward`) and a whole sequence (`unrolled.unroll`).

    Attributes:
        input_size: features of one step's input.
        output_size: features of one step's output.
    """

    input_size: int
    output_size: int

    @property
    def like(self) -> Tensor:
        """A parameter, for its dtype and device."""
        return next(self.parameters())

    def initial_state(
        self, batch_size: int, *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Any:
        """The state before the first step; whatever is random once per sequence is drawn here."""
        raise NotImplementedError

    def forward(self, input: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One step: input (batch, input_size) and a state give output (batch, output_size) and the next state."""
        raise NotImplementedError

    def sequence(self, run: Run, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        """All steps, in terms of `run(core, inputs, state)`, which unrolls the wrapped core.

        Inputs and outputs are time-major, (time, batch, features).
        """
        return run(self, inputs, state)


class Recurrence(Core):
    """A core that is one recurrence: the input projection knows no time, and `advance` goes from state to state.

    This is all that a backend needs to know of a cell.

    Attributes:
        state_sizes: for every state, in order, its units. The first state is the output.
    """

    state_sizes: dict[str, int]

    def project_inputs(self, inputs: Tensor) -> Tensor:
        """What the steps see of their inputs, for any number of steps at once: (..., input_size) -> (..., n)."""
        raise NotImplementedError

    def advance(self, projected: Tensor, state: Any, source: Tensor | None = None) -> Any:
        """One step from an already projected input (batch, n) to the next state.

        `source` is the vector that the recurrent products read: the first state, unless given.
        """
        raise NotImplementedError

    def forward(self, input: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One step.

        Args:
            input: (batch, input_size).
            state: as `initial_state` or an earlier step gave it; None starts afresh.

        Returns:
            The output (batch, output_size), which is the first state, and the next state.
        """
        if state is None:
            state = self.initial_state(input.shape[0], device=input.device)
        new = keep_dtypes(self.advance(self.project_inputs(input), state), state)
        return new[0], new


def keep_dtypes(new: Any, old: Any) -> Any:
    """The new state in the old one's precision: under autocast products are bf16, states are not."""
    return type(new)(*(value.to(was.dtype) for value, was in zip(new, old, strict=True)))
