"""Memory that is used again: large fresh buffers go back to the system after every call and cost page faults anew.

A buffer is a tensor like any other. When the last tensor that shares its memory is gone, the memory waits for the
next one who borrows; nobody has to give it back, so outputs that users keep may be buffers too.
"""

from __future__ import annotations

from collections import deque
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

# Buffers that wait for use; the oldest goes when there are more.
_LIMIT = 32
_free: deque[np.ndarray[Any, Any]] = deque(maxlen=_LIMIT)
# What is smaller than this many bytes comes from malloc without a page fault.
_SMALL = 1 << 16
_NUMPY: dict[torch.dtype, Any] = {torch.float32: np.float32, torch.float64: np.float64, torch.bfloat16: np.int16}


class _Lent(np.ndarray[Any, Any]):
    """The part of a waiting buffer that a tensor's storage owns, and takes along when it goes."""

    def __del__(self, free: deque[np.ndarray[Any, Any]] = _free) -> None:
        if self.base is not None:
            free.append(self.base)


def borrow(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """A contiguous tensor of this shape, not initialised."""
    size = prod(shape) * dtype.itemsize
    if size < _SMALL:
        return torch.empty(shape, dtype=dtype)
    lent = np.ndarray.__new__(_Lent, shape, _NUMPY[dtype], _take(size))
    made = torch.from_numpy(lent)
    return made.view(dtype) if dtype == torch.bfloat16 else made


def _take(size: int) -> np.ndarray[Any, Any]:
    # A finalizer may run at any moment, here too, so there can be no lock: single operations of a deque need none.
    for _ in range(len(_free)):
        try:
            whole = _free.popleft()
        except IndexError:
            break
        if size <= whole.nbytes <= 2 * size + 65536:
            return whole
        _free.append(whole)
    # Registers are read and written whole: on a cache line's boundary that touches one line, not two.
    return _aligned(size)


def _aligned(size: int, line: int = 64) -> np.ndarray[Any, Any]:
    whole = np.empty(size + line, np.uint8)
    start = -whole.ctypes.data % line
    return whole[start : start + size]
