"""Dropout of recurrent weights: DropConnect on hidden-to-hidden matrices (Merity, Keskar, Socher 2018, section 2).

Where dropping states would disturb what is carried from step to step, dropping weights leaves the step as it is: with
other matrices, the same ones for all steps.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from unrolled.cells.core import Core, Recurrence, Run
from unrolled.checks import fraction
from unrolled.nn.wrapper import Wrapper

RECURRENT = "weight_hh"


class WeightDropout(Wrapper):
    """Drops recurrent weights while training, and scales the others by 1 / (1 - p); does nothing in evaluation.

    A mask is drawn at every call, one for all rows and steps. All backends run the wrapped cell as it is.

    Args:
        core: a cell, or a wrapper of its step.
        rate: probability that a recurrent weight is dropped.

    Raises:
        TypeError: the core is no recurrence.
        ValueError: the rate is not a probability below 1, or the core has no recurrent matrix.
    """

    def __init__(self, core: Recurrence, rate: float = 0.5) -> None:
        super().__init__(core)
        if not isinstance(core, Recurrence):
            raise TypeError(f"core: expected a cell, whose weights can be dropped, found {type(core).__name__}")
        self.rate = fraction("rate", rate)
        self._names = [name for name, _ in core.named_parameters() if name.rpartition(".")[2] == RECURRENT]
        if not self._names:
            raise ValueError(f"core: expected a cell with recurrent matrices ({RECURRENT}), found {core}")

    def _dropped(self) -> Core:
        """The core with other matrices; its parameters stay as they are."""
        if not self.training:
            return self.core
        from unrolled.compiler.function import with_parameters

        dropped = {name: F.dropout(self.core.get_parameter(name), self.rate) for name in self._names}
        made: Core = with_parameters(self.core, dropped)
        return made

    def forward(self, input: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One step."""
        result: tuple[Tensor, Any] = self._dropped()(input, state)
        return result

    def sequence(self, run: Run, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        """All steps."""
        return run(self._dropped(), inputs, state)

    def extra_repr(self) -> str:
        """Probability, for printing."""
        return f"rate={self.rate}"
