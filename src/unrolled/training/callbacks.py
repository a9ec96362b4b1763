"""What may look on while a model trains."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import nn


@dataclass(slots=True)
class Progress:
    """How far training is.

    Attributes:
        epoch: the epoch under way, from 0.
        epochs: in all.
        step: steps done in this epoch.
        steps: of this epoch.
        loss: of the last step.
        metrics: means over this epoch so far.
        examples: done in this epoch.
        history: one entry for each finished epoch.
    """

    epoch: int
    epochs: int
    step: int = 0
    steps: int = 0
    loss: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    examples: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


class Callback:
    """Override what is of interest; every method does nothing. Callbacks must not change the model.

    Attributes:
        in_every_process: whether it looks on in each process of a run under torchrun, rather than in the first.
    """

    in_every_process: bool = False

    def on_start(self, module: nn.Module, progress: Progress) -> None:
        """Before the first step, of a resumed run too."""

    def on_step(self, module: nn.Module, progress: Progress) -> None:
        """After every step."""

    def on_epoch(self, module: nn.Module, progress: Progress) -> None:
        """After every epoch; its entry is the last of `progress.history`."""

    def on_end(self, module: nn.Module, progress: Progress) -> None:
        """When training ends, however it ends."""
