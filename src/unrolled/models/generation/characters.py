"""Characters as symbols: each that the corpus has, and one for all others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.data.documents import Documents

# Characters that Unicode has room for.
CODE_POINTS = 0x110000


class Characters:
    """Text to numbers and back, a number a character.

    Args:
        characters: those that are known, in order; the number after the last stands for every other.

    Raises:
        ValueError: there is none, one is no single character, or one is there twice.
    """

    def __init__(self, characters: Sequence[str]) -> None:
        known = list(characters)
        if not known or not all(isinstance(one, str) and len(one) == 1 for one in known):
            raise ValueError("characters: expected at least one, each a string of length 1")
        if len(set(known)) != len(known):
            raise ValueError("characters: expected different ones, found one twice")
        self.characters = known
        self.unknown = len(known)
        self._numbers = np.full(CODE_POINTS, self.unknown, np.int32)
        self._numbers[_code_points("".join(known))] = np.arange(len(known))

    @classmethod
    def learn(cls, documents: Documents, min_count: int = 1) -> Characters:
        """The characters that occur at least so often.

        Raises:
            ValueError: there is none.
        """
        counts: Counter[str] = Counter()
        for blocks in documents:
            for block in blocks:
                counts.update(block)
        known = sorted(character for character, count in counts.items() if count >= min_count)
        if not known:
            found = f"none that occurs {min_count} times (min_count)" if counts else "none"
            raise ValueError(f"corpus: expected text, found {found}")
        return cls(known)

    @classmethod
    def read(cls, values: Any) -> Characters:
        """What `values` gave.

        Raises:
            ValueError: it is no list of characters.
        """
        if not isinstance(values, list):
            raise ValueError(f"expected a list of characters, found {type(values).__name__}")
        return cls(values)

    def __len__(self) -> int:
        """Symbols, the one for unknown characters counted."""
        return self.unknown + 1

    def encode(self, blocks: Iterable[str]) -> Iterator[NDArray[np.int32]]:
        """The numbers of a text that comes in blocks."""
        return (self._numbers[_code_points(block)] for block in blocks)

    def decoder(self) -> Callable[[int], str]:
        """A function that turns one number after the other into text."""
        return self.characters.__getitem__


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)
