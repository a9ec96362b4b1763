"""Which words there are, how often each occurs, and its number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

# How many words difflib compares with a misspelt one; it takes about a second for 100,000.
MOST_COMPARED = 50_000


class UnknownWordError(KeyError, ValueError):
    """A word that is not in the vocabulary; the message suggests near spellings."""

    def __str__(self) -> str:
        return str(self.args[0])


class Vocabulary:
    """Words, the most frequent first; a word's number is its place.

    Args:
        words: all different.
        counts: how often each occurs, (words,); zeros if unknown.
    """

    def __init__(self, words: Sequence[str], counts: NDArray[np.int64] | None = None) -> None:
        self.words = list(words)
        self.counts = np.zeros(len(self.words), np.int64) if counts is None else np.asarray(counts, np.int64)
        self.number = {word: number for number, word in enumerate(self.words)}
        if len(self.number) != len(self.words):
            raise ValueError("words: expected different words, found one twice")

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.number

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def find(self, word: str) -> int:
        """A word's number; lower case is tried too.

        Raises:
            UnknownWordError: it is not there.
        """
        for spelling in (word, word.lower()) if isinstance(word, str) else ():
            if spelling in self.number:
                return self.number[spelling]
        near = self.near(word) if isinstance(word, str) else []
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "nothing is spelt like it"
        raise UnknownWordError(f"{word!r} is not in the vocabulary of {len(self)} words; {hint}")

    def find_all(self, words: Iterable[str]) -> NDArray[np.int64]:
        """The numbers of several words.

        Raises:
            UnknownWordError: one is not there.
        """
        return np.array([self.find(word) for word in words], np.int64)

    def near(self, word: str, count: int = 3) -> list[str]:
        """The words spelt most like this one, of the most frequent ones."""
        # Long strings cost difflib quadratic time, and are near to nothing.
        lengths = range(max(1, len(word) - 2), len(word) + 3)
        pool = [known for known in self.words[:MOST_COMPARED] if len(known) in lengths]
        return get_close_matches(word.lower(), pool, n=count) if len(word) <= 100 else []
