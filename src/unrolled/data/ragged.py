"""Sequences of different lengths in one flat buffer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unrolled.checks import expect
from unrolled.data.sequences import Floats


@dataclass(frozen=True, eq=False)
class Ragged:
    """Sequences one after the other, so that any batch of them is gathered by one index.

    Args:
        values: (all steps + 1, features); the last row is zero and stands for padding.
        offsets: (sequences,), int64: the row of values at which each sequence begins.
        lengths: (sequences,), int64, always on the CPU, where batches are made.
    """

    values: Tensor
    offsets: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.lengths)

    def to(self, device: torch.device | str) -> Ragged:
        """The same sequences with their values on a device."""
        return Ragged(self.values.to(device), self.offsets.to(device), self.lengths)


def stack(X: Floats | list[Floats]) -> Tensor | Ragged:
    """Puts sequences where batches can be taken from: one tensor if their lengths are equal, else `Ragged`.

    Args:
        X: float32 array (sequences, time, features), or a list of at least one array (time_i, features).

    Returns:
        A tensor (sequences, time, features), which shares the memory of X where X is a writable array; or `Ragged`.

    Raises:
        ValueError: X is something else; `check_sequences` makes it of what a caller passed.
    """
    parts = X if isinstance(X, list) else [X]
    fits = all(_is_stackable(part, 2 if isinstance(X, list) else 3) for part in parts)
    fits = fits and len({part.shape[-1] for part in parts}) == 1
    expect("X", X, "a float32 array (sequences, time, features), or a list of arrays (time, features)", fits)
    if not isinstance(X, list):
        return torch.from_numpy(X if X.flags.writeable else X.copy())
    lengths: NDArray[np.int64] = np.array([len(sequence) for sequence in X], dtype=np.int64)
    if (lengths == lengths[0]).all():
        return torch.from_numpy(np.stack(X))
    padding = np.zeros((1, X[0].shape[1]), dtype=np.float32)
    return Ragged(
        values=torch.from_numpy(np.concatenate([*X, padding])),
        offsets=torch.from_numpy(lengths.cumsum() - lengths),
        lengths=torch.from_numpy(lengths),
    )


def _is_stackable(value: Any, dimensions: int) -> bool:
    return isinstance(value, np.ndarray) and value.dtype == np.float32 and value.ndim == dimensions
