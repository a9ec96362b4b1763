"""Dropout on a recurrent layer's inputs, outputs and states, fresh at every step or one mask a sequence.

Fresh on inputs and outputs: Zaremba, Sutskever, Vinyals 2014, "Recurrent Neural Network Regularization".
One mask a sequence ("variational"): Gal, Ghahramani 2016, "A Theoretically Grounded Application of Dropout in
Recurrent Neural Networks".
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from unrolled.cells.core import Core, Recurrence, Run
from unrolled.cells.named import State, tuple_type
from unrolled.checks import fraction, truth
from unrolled.nn.wrapper import RecurrenceWrapper, Wrapper

tuple_type(("core", "input", "output"))


class Dropout(Wrapper):
    """Drops units while training, and scales the others by 1 / (1 - p); does nothing in evaluation.

    Args:
        core: a cell or a wrapper; a cell (or a wrapper of its step) if `state` is not 0.
        input: probability that a feature of the input is dropped.
        output: probability that a unit of the output is dropped, on its way up, not on to the next step.
        state: probability that a unit of the output is dropped on its way into the next step's products.
        variational: whether each row of a batch has one mask for the whole sequence. The masks are part of the
            state: a carried state carries them, `initial_state` draws new ones.

    Raises:
        ValueError: a probability is not in [0, 1).
    """

    def __init__(
        self, core: Core, input: float = 0.0, output: float = 0.0, state: float = 0.0, *, variational: bool = False
    ) -> None:
        truth("variational", variational)
        if fraction("state", state):
            core = StateDropout(core, state, variational=variational)  # type: ignore[arg-type]
        super().__init__(core)
        self.input = fraction("input", input)
        self.output = fraction("output", output)
        self.variational = variational

    def initial_state(
        self, batch_size: int, *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Any:
        """The wrapped core's; with masks (batch, features) for input and output if variational."""
        state = super().initial_state(batch_size, dtype=dtype, device=device)
        if not self.variational:
            return state
        like = self.like.new_ones((), dtype=dtype, device=device)
        return State(
            core=state,
            input=F.dropout(like.expand(batch_size, self.input_size), self.input, self.training),
            output=F.dropout(like.expand(batch_size, self.output_size), self.output, self.training),
        )

    def forward(self, input: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One step."""
        if state is None:
            state = self.initial_state(input.shape[0], device=input.device)
        return self.sequence(lambda core, value, start: core(value, start), input, state)

    def sequence(self, run: Run, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        """All steps."""
        if not self.variational:
            outputs, after = run(self.core, F.dropout(inputs, self.input, self.training), state)
            return F.dropout(outputs, self.output, self.training), after
        if not self.training:
            outputs, after = run(self.core, inputs, state.core)
            return outputs, state._replace(core=after)
        outputs, after = run(self.core, inputs * state.input, state.core)
        return outputs * state.output, state._replace(core=after)

    def extra_repr(self) -> str:
        """Probabilities, for printing."""
        return f"input={self.input}, output={self.output}, variational={self.variational}"


class StateDropout(RecurrenceWrapper):
    """Drops units of the output on their way into the next step's recurrent products, while training.

    Args:
        core: a cell, or another wrapper of its step.
        rate: the probability.
        variational: one mask a row and sequence, which is then the last of the states, `mask`.
    """

    def __init__(self, core: Recurrence, rate: float, *, variational: bool = False) -> None:
        super().__init__(core)
        self.rate = rate
        self.variational = variational
        if variational:
            self.state_sizes = {**core.state_sizes, "mask": core.output_size}
            tuple_type(tuple(self.state_sizes))

    def initial_state(
        self, batch_size: int, *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Any:
        """The wrapped cell's, and the mask if variational."""
        state = super().initial_state(batch_size, dtype=dtype, device=device)
        return self._with_mask(state, F.dropout(torch.ones_like(state[0]), self.rate, self.training))

    def _with_mask(self, state: Any, mask: Tensor) -> Any:
        return tuple_type(tuple(self.state_sizes))(*state, mask) if self.variational else state

    def project_inputs(self, inputs: Tensor) -> Tensor:
        """The wrapped cell's, and while training a mask at each step unless variational."""
        if self.variational or not self.training:
            return self.core.project_inputs(inputs)
        ones = torch.ones((), device=inputs.device, dtype=inputs.dtype)
        return self.with_noise(inputs, F.dropout(ones.expand(*inputs.shape[:-1], self.output_size), self.rate))

    def advance(self, projected: Tensor, state: Any, source: Tensor | None = None) -> Any:
        """One step."""
        source = state[0] if source is None else source
        mask = state[-1]
        if self.training:
            if not self.variational:
                projected, mask = self.without_noise(projected, self.output_size)
            source = source * mask
        return self._with_mask(self.core.advance(projected, self.inner_state(state), source), mask)

    def extra_repr(self) -> str:
        """Probability, for printing."""
        return f"rate={self.rate}, variational={self.variational}"
