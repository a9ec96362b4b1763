"""Memory that is used again: large fresh buffers go back to the system after every call and cost page faults anew."""

from __future__ import annotations

from collections import deque
from weakref import finalize

import torch
from torch import Tensor

# Buffers that wait for use, of each precision; the oldest goes when there are more.
_LIMIT = 16
_free: dict[torch.dtype, deque[Tensor]] = {dtype: deque(maxlen=_LIMIT) for dtype in (torch.float32, torch.float64)}


class Workspace:
    """A buffer, lent for as long as this object lives.

    Args:
        numbers: how many are needed.
        dtype: of the numbers.

    Attributes:
        tensor: (numbers,), not initialised.
    """

    def __init__(self, numbers: int, dtype: torch.dtype) -> None:
        whole = _take(numbers, dtype)
        self.tensor = whole[:numbers]
        finalize(self, _free[dtype].append, whole)


def _take(numbers: int, dtype: torch.dtype) -> Tensor:
    # A finalizer may run at any moment, here too, so there can be no lock: single operations of a deque need none.
    waiting = _free[dtype]
    for _ in range(len(waiting)):
        try:
            tensor = waiting.popleft()
        except IndexError:
            break
        if numbers <= tensor.numel() <= 2 * numbers + 4096:
            return tensor
        waiting.append(tensor)
    return torch.empty(numbers, dtype=dtype)
