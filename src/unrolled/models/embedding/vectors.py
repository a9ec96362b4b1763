"""Vectors of words, apart from what trained them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unrolled.checks import expect, instance, integer, integer_or_none, is_iterable, one_of, within
from unrolled.data.vocabulary import UnknownWordError, Vocabulary
from unrolled.models.embedding.map import WordMap, word_groups, word_neighbours, word_points
from unrolled.models.embedding.score import Score, score
from unrolled.models.embedding.search import nearest, unit
from unrolled.models.embedding.subwords import Subwords

METHODS = ("3cosadd", "3cosmul")


class Vectors:
    """Words and their vectors.

    Args:
        vocabulary: the words, the most frequent first.
        matrix: (words, dim), float32.
        subwords: what gives vectors to unknown words, if there is such.
    """

    def __init__(self, vocabulary: Vocabulary, matrix: NDArray[np.float32], subwords: Subwords | None = None) -> None:
        if matrix.ndim != 2 or len(matrix) != len(vocabulary):
            raise ValueError(f"matrix: expected {len(vocabulary)} rows, one a word, found shape {matrix.shape}")
        self.vocabulary = vocabulary
        self.matrix = matrix
        self.subwords = subwords

    def __len__(self) -> int:
        return len(self.vocabulary)

    def __contains__(self, word: object) -> bool:
        return word in self.vocabulary

    def __getitem__(self, word: str) -> NDArray[np.float32]:
        """A word's vector (dim,); from its subwords if the word is unknown and there are any.

        Raises:
            UnknownWordError: it is not there; the message suggests near spellings.
        """
        try:
            return np.asarray(self.matrix[self.vocabulary.find(word)])
        except UnknownWordError:
            made = self.subwords.vector(word) if self.subwords is not None and isinstance(word, str) else None
            if made is None:
                raise
            return made

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Reads vectors in word2vec's text or binary format, as `export` and gensim write them.

        Raises:
            DataError: the file cannot be read or is damaged.
        """
        from unrolled.data.vectors import read_vectors

        return cls(*read_vectors(path))

    def export(self, path: str | Path) -> None:
        """Writes word2vec's text (.txt, .vec) or binary (.bin) format, or the TensorBoard projector's (.tsv).

        For the projector the words go to a second file, `metadata.tsv` after the name of the first: `v.metadata.tsv`.

        Raises:
            ValueError: the path ends in none of these.
        """
        from unrolled.data.vectors import write_vectors

        write_vectors(path, self.vocabulary, self.matrix)

    def most_similar(
        self, word: str | Sequence[str], k: int = 10, *, most_frequent: int | None = None
    ) -> list[tuple[str, float]]:
        """The k nearest words by cosine, the word itself left out.

        Args:
            word: a word; or several, for the words nearest to the mean of their directions.
            k: how many.
            most_frequent: look among so many words only; None for all.

        Raises:
            UnknownWordError: a word is not there; the message suggests near spellings.
        """
        k, most_frequent = integer("k", k), integer_or_none("most_frequent", most_frequent)
        words = [word] if isinstance(word, str) else list(word) if is_iterable(word) else []
        expect("word", word, "a word or several", bool(words))
        query = unit(self._of(word=words)).mean(0, keepdim=True)
        return self._named(unit(query), k, words, most_frequent)

    def similarity(self, a: str, b: str) -> float:
        """The cosine of two words' vectors.

        Raises:
            UnknownWordError: a word is not there.
        """
        pair = unit(self._of(a=[a], b=[b]))
        return float((pair[0] @ pair[1]).clamp(-1, 1))

    def analogy(self, a: str, b: str, c: str, k: int = 1, *, method: str = "3cosadd") -> list[tuple[str, float]]:
        """Finds what is to c as b is to a: for "man", "king", "woman" it should be "queen".

        Args:
            a, b, c: words.
            k: how many to give.
            method: "3cosadd", the nearest to b - a + c (Mikolov et al. 2013), or "3cosmul", which multiplies the
                similarities so that no one outweighs the others (Levy, Goldberg 2014).

        Returns:
            Words and their scores, the best first; a, b and c are left out.

        Raises:
            UnknownWordError: a word is not there.
        """
        k = integer("k", k)
        one_of("method", method, METHODS)
        own = unit(self._of(a=[a], b=[b], c=[c]))
        if method == "3cosadd":
            return self._named(unit((own[1] - own[0] + own[2]).unsqueeze(0)), k, [a, b, c])
        near = (self.units @ own.T + 1) / 2
        scores = near[:, 1] * near[:, 2] / (near[:, 0] + 1e-3)
        scores[self._places([a, b, c])] = -torch.inf
        values, places = scores.topk(min(k, len(self)))
        return self._pairs(values, places)

    def score(self, *paths: str | Path, most_frequent: int | None = 30_000) -> list[Score]:
        """How well vectors agree with people's judgements; see `unrolled.models.embedding.score`."""
        return [score(self.vocabulary, self.units, path, most_frequent=most_frequent) for path in paths]

    def map(self, words: int | Sequence[str] = 500, *, random_state: int = 0) -> WordMap:
        """Lays words out in two dimensions.

        Args:
            words: how many of the most frequent ones, or which.
            random_state: seed.

        Raises:
            UnknownWordError: a word is not there.
            ValueError: there are fewer than three.
        """
        many = isinstance(words, (int, np.integer)) or (is_iterable(words) and not isinstance(words, str))
        expect("words", words, "a number or a list of words", many)
        if isinstance(words, (int, np.integer)):
            places = torch.arange(min(integer("words", words), len(self)))
        else:
            with within("words"):
                places = torch.from_numpy(np.unique(self.vocabulary.find_all(words)))
        chosen = self.units[places]
        return WordMap(
            [self.vocabulary.words[place] for place in places.tolist()],
            word_points(chosen, random_state),
            word_groups(chosen, random_state),
            word_neighbours(self.units, places, self.vocabulary.words),
        )

    @cached_property
    def units(self) -> Tensor:
        """All vectors at length 1, (words, dim)."""
        return unit(torch.from_numpy(np.ascontiguousarray(self.matrix)))

    def _of(self, **words: Sequence[str]) -> Tensor:
        """The vectors (words, dim) of words by the argument that they came as."""
        vectors = []
        for name, word in ((name, word) for name, own in words.items() for word in own):
            instance(name, word, str, "a word")
            with within(name):
                vectors.append(self[word])
        return torch.from_numpy(np.stack(vectors))

    def _named(
        self, query: Tensor, k: int, without: Sequence[str], most_frequent: int | None = None
    ) -> list[tuple[str, float]]:
        places = self._places(without)
        exclude = places.unsqueeze(0) if len(places) else None
        values, found = nearest(self.units[:most_frequent], query, k, exclude)
        return self._pairs(values[0], found[0])

    def _pairs(self, values: Tensor, places: Tensor) -> list[tuple[str, float]]:
        pairs = zip(values.tolist(), places.tolist(), strict=True)
        return [(self.vocabulary.words[place], value) for value, place in pairs if value > -np.inf]

    def _places(self, words: Sequence[str]) -> Tensor:
        known = [word for one in words for word in (one, one.lower()) if word in self.vocabulary]
        return torch.tensor([self.vocabulary.number[word] for word in known], dtype=torch.long)
