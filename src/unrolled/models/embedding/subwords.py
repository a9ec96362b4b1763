"""Pieces of words, so that words never seen have vectors too (Bojanowski, Grave, Joulin, Mikolov 2017)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Subwords:
    """The runs of `shortest` to `longest` characters of a word between < and >, hashed into rows of a table.

    Args:
        shortest, longest: characters of a piece.
        table: (buckets, dim), the pieces' vectors.
    """

    shortest: int
    longest: int
    table: NDArray[np.float32]

    def rows(self, word: str) -> list[int]:
        """The rows of a word's pieces; different pieces may share one."""
        return pieces(word, self.shortest, self.longest, len(self.table))

    def vector(self, word: str) -> NDArray[np.float32] | None:
        """The mean of the pieces' vectors (dim,); None for a word that is shorter than any piece."""
        rows = self.rows(word.lower())
        return self.table[rows].mean(0) if rows else None


def pieces(word: str, shortest: int, longest: int, buckets: int) -> list[int]:
    """The buckets of a word's pieces."""
    whole = f"<{word}>"
    return [
        zlib.crc32(whole[first : first + size].encode()) % buckets
        for size in range(shortest, longest + 1)
        for first in range(len(whole) - size + 1)
        if size < len(whole)
    ]
