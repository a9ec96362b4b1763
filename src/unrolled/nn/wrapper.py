"""What wrappers share: they hold a core and pass on what they do not change."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from unrolled.cells.core import Core, Recurrence
from unrolled.cells.named import tuple_type


class Wrapper(Core):
    """A core around a core: input and output pass through, changed once for all steps."""

    def __init__(self, core: Core) -> None:
        super().__init__()
        if not isinstance(core, Core):
            raise TypeError(f"core: expected a cell or a wrapper, found {type(core).__name__}")
        self.core = core
        self.input_size = core.input_size
        self.output_size = core.output_size

    def initial_state(
        self, batch_size: int, *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Any:
        """The wrapped core's."""
        return self.core.initial_state(batch_size, dtype=dtype, device=device)


class RecurrenceWrapper(Recurrence):
    """A recurrence around a recurrence, for what changes the step itself.

    It may bring vectors of noise, one draw a step, which travel behind the projected inputs.
    """

    def __init__(self, core: Recurrence) -> None:
        super().__init__()
        if not isinstance(core, Recurrence):
            raise TypeError(
                f"core: expected a cell, whose step can be changed, found {type(core).__name__}; "
                "put wrappers of states inside the others"
            )
        self.core = core
        self.input_size = core.input_size
        self.output_size = core.output_size
        self.state_sizes = core.state_sizes

    def initial_state(
        self, batch_size: int, *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Any:
        """The wrapped cell's."""
        return self.core.initial_state(batch_size, dtype=dtype, device=device)

    def inner_state(self, state: Any) -> Any:
        """The wrapped cell's part of the state, which comes first."""
        names = tuple(self.core.state_sizes)
        return tuple_type(names)(*state[: len(names)])

    def with_noise(self, inputs: Tensor, *noise: Tensor) -> Tensor:
        """The projected inputs with noise (..., units) behind them."""
        projected = self.core.project_inputs(inputs)
        return torch.cat([projected, *(part.to(projected.dtype) for part in noise)], -1)

    def without_noise(self, projected: Tensor, *widths: int) -> tuple[Tensor, ...]:
        """The parts that `with_noise` put together."""
        whole = projected.shape[-1]
        return torch.split(projected, [whole - sum(widths), *widths], -1)
