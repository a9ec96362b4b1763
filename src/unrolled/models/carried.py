"""The state that is carried from one chunk of a text or series to the next while training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn


class Carried(nn.Module):
    """The state of rows that run on from chunk to chunk, detached; in buffers, since checkpoints hold those.

    Args:
        state: of the most rows that there will be: tensors (rows, units), in tuples.
    """

    def __init__(self, state: Any) -> None:
        super().__init__()
        self._template = state
        for number, part in enumerate(_tensors(state)):
            self.register_buffer(str(number), part.detach().clone())

    def keep(self, state: Any) -> None:
        """Takes a state of as many rows, or fewer."""
        for own, part in zip(self.buffers(), _tensors(state), strict=True):
            own[: len(part)].copy_(part.detach())

    def state(self, rows: int) -> Any:
        """The state of the first rows, which later ones do not change."""
        parts = iter([own[:rows].clone() for own in self.buffers()])
        return mapped(lambda _: next(parts), self._template)


def mapped(change: Callable[[Tensor], Tensor], state: Any) -> Any:
    """A state of layers with every tensor in it changed."""
    if isinstance(state, Tensor):
        return change(state)
    if state is None:
        return None
    parts = [mapped(change, part) for part in state]
    return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)


def _tensors(state: Any) -> list[Tensor]:
    """The tensors of a state of layers, in order."""
    if isinstance(state, Tensor):
        return [state]
    return [] if state is None else [tensor for part in state for tensor in _tensors(part)]
