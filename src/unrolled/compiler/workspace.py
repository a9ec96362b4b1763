"""Memory that is used again: large fresh buffers go back to the system after every call and cost page faults anew."""

from __future__ import annotations

import threading
from weakref import finalize

import torch
from torch import Tensor

_LIMIT = 8
_free: dict[torch.dtype, list[Tensor]] = {}
_lock = threading.Lock()


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
        finalize(self, _give, whole)


def _take(numbers: int, dtype: torch.dtype) -> Tensor:
    with _lock:
        fitting = [tensor for tensor in _free.get(dtype, []) if numbers <= tensor.numel() <= 2 * numbers + 4096]
        if fitting:
            best = min(fitting, key=lambda tensor: tensor.numel())
            # By identity: tensors compare element by element.
            _free[dtype] = [tensor for tensor in _free[dtype] if tensor is not best]
            return best
    return torch.empty(numbers, dtype=dtype)


def _give(tensor: Tensor) -> None:
    with _lock:
        kept = _free.setdefault(tensor.dtype, [])
        kept.append(tensor)
        # The oldest goes first, so that memory does not grow with the variety of sizes.
        del kept[:-_LIMIT]
