"""Where the negatives come from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Noise:
    """Draws words by their probabilities in constant time (Walker 1977; Vose 1991, the alias method).

    Args:
        weights: (words,), not negative, of any sum above zero.
    """

    def __init__(self, weights: NDArray[np.float64]) -> None:
        self.probabilities = weights / weights.sum()
        size = len(weights)
        share = self.probabilities * size
        self._own = np.ones(size, np.float32)
        self._other = np.arange(size, dtype=np.int32)
        small, large = list(np.flatnonzero(share < 1)), list(np.flatnonzero(share >= 1))
        while small and large:
            low, high = small.pop(), large.pop()
            self._own[low], self._other[low] = share[low], high
            share[high] -= 1 - share[low]
            (small if share[high] < 1 else large).append(high)

    def draw(self, random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.int32]:
        """Words of this shape."""
        places = random.integers(0, len(self._own), shape, dtype=np.int32)
        stays = random.random(shape, dtype=np.float32) < self._own[places]
        return np.where(stays, places, self._other[places])


def unigram(counts: NDArray[np.int64], power: float = 0.75) -> NDArray[np.float64]:
    """Frequencies flattened (Mikolov et al. 2013)."""
    return np.maximum(counts, 1).astype(np.float64) ** power


def log_uniform(size: int) -> NDArray[np.float64]:
    """Zipf's law on the ranks of words that are sorted by frequency: log((k + 2) / (k + 1))."""
    ranks = np.arange(size, dtype=np.float64)
    return np.log1p(1 / (ranks + 1))
