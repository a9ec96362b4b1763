"""Residual connections around a recurrent layer (Wu et al. 2016, "Google's Neural Machine Translation System")."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from unrolled.cells.core import Core, Run
from unrolled.nn.wrapper import Wrapper


class Residual(Wrapper):
    """Adds a core's input to its output.

    Args:
        core: its input and output have the same size.

    Raises:
        ValueError: they have not.
    """

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        if core.input_size != core.output_size:
            raise ValueError(
                f"core: expected equal input and output sizes for a residual connection, found "
                f"{core.input_size} and {core.output_size}"
            )

    def forward(self, input: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One step."""
        output, state = self.core(input, state)
        return output + input, state

    def sequence(self, run: Run, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        """All steps."""
        outputs, state = run(self.core, inputs, state)
        return outputs + inputs, state
