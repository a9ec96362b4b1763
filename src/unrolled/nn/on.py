"""Placing a recurrent layer on a device of its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from unrolled.cells.core import Core, Run
from unrolled.checks import as_device
from unrolled.nn.wrapper import Wrapper


class On(Wrapper):
    """Keeps a core on a device: inputs are brought there, outputs and state stay there.

    A later `.to(device)` of the whole model moves the parameters; the layer follows them.

    Args:
        core: is moved to the device.
        device: such as "cuda:1".
    """

    def __init__(self, core: Core, device: torch.device | str) -> None:
        super().__init__(core)
        self.to(as_device(device))

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return self.core.like.device

    def initial_state(
        self, batch_size: int, *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Any:
        """The wrapped core's, on this layer's device whatever is asked for."""
        return self.core.initial_state(batch_size, dtype=dtype, device=self.device)

    def forward(self, input: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One step."""
        return self.core(input.to(self.device), state)  # type: ignore[no-any-return]

    def sequence(self, run: Run, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        """All steps."""
        return run(self.core, inputs.to(self.device), state)
