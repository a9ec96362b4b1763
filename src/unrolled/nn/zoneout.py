"""Zoneout (Krueger et al. 2017, "Zoneout: Regularizing RNNs by Randomly Preserving Hidden Activations")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from unrolled.cells.core import Recurrence
from unrolled.checks import fraction
from unrolled.nn.wrapper import RecurrenceWrapper


class Zoneout(RecurrenceWrapper):
    """While training, each unit of each state keeps its old value with some probability, drawn anew every step.

    In evaluation a unit takes the expected value, p old + (1 - p) new.

    Args:
        core: a cell, or another wrapper of its step.
        rate: the probability, for all states or by the state's name, such as {"h": 0.05, "c": 0.5}.

    Raises:
        ValueError: a name is not a state, or a rate not a probability below 1.
    """

    def __init__(self, core: Recurrence, rate: float | Mapping[str, float] = 0.1) -> None:
        super().__init__(core)
        rates = dict(rate) if isinstance(rate, Mapping) else dict.fromkeys(core.state_sizes, rate)
        unknown = [name for name in rates if name not in core.state_sizes]
        if unknown:
            raise ValueError(f"rate: expected states among {', '.join(core.state_sizes)}, found {unknown[0]!r}")
        checked = {name: fraction("rate", rates.get(name, 0.0)) for name in core.state_sizes}
        self.rates = {name: probability for name, probability in checked.items() if probability}

    def project_inputs(self, inputs: Tensor) -> Tensor:
        """The wrapped cell's, and while training what keeps its value at each step."""
        if not self.training:
            return self.core.project_inputs(inputs)
        shape = inputs.shape[:-1]
        keeps = [
            torch.rand(*shape, self.state_sizes[name], device=inputs.device) < rate for name, rate in self.rates.items()
        ]
        return self.with_noise(inputs, *keeps)

    def advance(self, projected: Tensor, state: Any, source: Tensor | None = None) -> Any:
        """One step."""
        keeps: dict[str, Any] = dict(self.rates)
        if self.training:
            projected, *drawn = self.without_noise(projected, *(self.state_sizes[name] for name in self.rates))
            keeps = dict(zip(self.rates, drawn, strict=True))
        new = self.core.advance(projected, state, source)
        kept = {name: keep * getattr(state, name) + (1.0 - keep) * getattr(new, name) for name, keep in keeps.items()}
        return new._replace(**kept)

    def extra_repr(self) -> str:
        """Rates, for printing."""
        return f"rate={self.rates}"
