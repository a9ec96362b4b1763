"""The nearest words, approximately: for millions of them, where an exact search reads every vector for each query."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from unrolled.models.embedding.vectors import Vectors


class ApproximateIndex:
    """A graph of neighbours that a search walks along (HNSW; Malkov, Yashunin 2018), made by usearch.

    Args:
        vectors: the words to find.
        connectivity: neighbours of each word in the graph; more find better and take more memory.
        effort: candidates that a search keeps at hand; more find better and take longer.

    Raises:
        ImportError: usearch is not installed.

    Memory: a copy of the vectors in float16 and about 10 bytes a neighbour.
    """

    def __init__(self, vectors: Vectors, *, connectivity: int = 16, effort: int = 128) -> None:
        try:
            from usearch.index import Index
        except ImportError as error:
            raise ImportError("an approximate index needs usearch: pip install 'unrolled[index]'") from error
        self._vectors = vectors
        self._index = Index(
            ndim=vectors.matrix.shape[1],
            metric="cos",
            dtype="f16",
            connectivity=connectivity,
            expansion_add=effort,
            expansion_search=effort,
        )
        self._index.add(np.arange(len(vectors)), np.ascontiguousarray(vectors.units.numpy()))

    def most_similar(self, word: str, k: int = 10) -> list[tuple[str, float]]:
        """About the k nearest words by cosine, the word itself left out; see `Vectors.most_similar`.

        Raises:
            UnknownWordError: the word is not there.
        """
        found = self._index.search(self._vectors[word], k + 1)
        pairs = zip(found.keys.tolist(), found.distances.tolist(), strict=True)
        near = [(self._vectors.vocabulary.words[key], 1.0 - distance) for key, distance in pairs]
        return [pair for pair in near if pair[0] != word][:k]
