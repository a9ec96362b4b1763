"""A corpus as numbers of symbols, in as few bytes each as they need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unrolled.data.documents import Documents
from unrolled.models.generation.byte_pairs import BytePairs
from unrolled.models.generation.characters import Characters

Units = Characters | BytePairs


@dataclass(frozen=True, eq=False)
class Tokens:
    """One text, or documents one after the other, each closed by the end symbol, whose number is `len(units)`.

    Attributes:
        values: (tokens,), unsigned integers.
        characters: of the text.
    """

    values: NDArray[Any]
    characters: int

    @classmethod
    def of(cls, documents: Documents, units: Units, *, ends: bool) -> Self:
        """Makes text tokens.

        Args:
            documents: the text.
            units: what it is cut into.
            ends: whether documents end with the end symbol.
        """
        end = len(units)
        kind = np.min_scalar_type(end)
        parts: list[NDArray[Any]] = [np.empty(0, kind)]
        characters = 0

        def counted(blocks: Iterator[str]) -> Iterator[str]:
            nonlocal characters
            for block in blocks:
                characters += len(block)
                yield block

        for blocks in documents:
            parts += [numbers.astype(kind) for numbers in units.encode(counted(blocks))]
            if ends:
                parts.append(np.full(1, end, kind))
        return cls(np.concatenate(parts), characters)

    def __len__(self) -> int:
        return len(self.values)

    def split(self, held: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """The beginning, and so many tokens of the end."""
        return self.values[: len(self) - held], self.values[len(self) - held :]


def as_tensor(values: NDArray[Any]) -> Tensor:
    """Numbers of symbols as int64."""
    return torch.from_numpy(values.astype(np.int64))
