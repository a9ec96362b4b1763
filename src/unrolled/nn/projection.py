"""A dense layer on a recurrent layer's outputs, as one matrix product over all steps."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from unrolled.cells.core import Core, Run
from unrolled.checks import integer, truth
from unrolled.nn.wrapper import Wrapper


class Projection(Wrapper):
    """Projects a core's outputs; the projection does not go back into the recurrence.

    Args:
        core: what gives the outputs.
        output_size: features after the projection.
        bias: whether it adds a bias.

    Raises:
        ValueError: output_size is not a positive integer.
    """

    def __init__(self, core: Core, output_size: int, *, bias: bool = True) -> None:
        super().__init__(core)
        truth("bias", bias)
        like = core.like
        self.output_size = integer("output_size", output_size)
        self.linear = nn.Linear(core.output_size, self.output_size, bias=bias, device=like.device, dtype=like.dtype)

    def forward(self, input: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One step."""
        output, state = self.core(input, state)
        return self.linear(output), state

    def sequence(self, run: Run, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        """All steps."""
        outputs, state = run(self.core, inputs, state)
        return self.linear(outputs), state
