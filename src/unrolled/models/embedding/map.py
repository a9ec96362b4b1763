"""A map of words: vectors brought down to two dimensions, so that what is near stays near."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unrolled.checks import PICTURES, as_new_file
from unrolled.models.embedding.search import nearest

PAGES = (".html",)
ENDINGS = PICTURES + PAGES
# Colours that can be told apart.
GROUPS = 10
NEIGHBOURS = 8


@dataclass(frozen=True)
class WordMap:
    """Where each word lies.

    Attributes:
        words: those on the map, the most frequent first.
        points: (words, 2).
        groups: (words,), which of at most 10 groups of like words each is in.
        neighbours: the words that are nearest to each by cosine, with the cosines.
    """

    words: list[str]
    points: NDArray[np.float32]
    groups: NDArray[np.int64]
    neighbours: list[list[tuple[str, float]]]

    def save(self, path: str | Path) -> None:
        """Writes a picture (.png, .pdf, .svg), or one page to hover over, search and zoom (.html; needs no network).

        Raises:
            ValueError: the path ends in none of these.
        """
        from unrolled.plots import word_map, word_map_page

        path = as_new_file("path", path, ENDINGS)
        if path.suffix.lower() in PAGES:
            path.write_text(word_map_page(self.words, self.points, self.groups, self.neighbours), encoding="utf-8")
        else:
            word_map(self.words, self.points, self.groups).savefig(path, dpi=120)


def word_points(units: Tensor, random_state: int) -> NDArray[np.float32]:
    """Points (words, 2) by t-SNE (van der Maaten, Hinton 2008) of vectors at length 1.

    Raises:
        ValueError: there are fewer than three.
    """
    from sklearn.manifold import TSNE

    count = len(units)
    if count < 3:
        raise ValueError(f"words: expected at least three different words for a map, found {count}")
    # The perplexity is about how many neighbours count; it must be below the number of words.
    perplexity = min(30.0, (count - 1) / 3)
    method = "barnes_hut" if count > 50 else "exact"
    tsne = TSNE(perplexity=perplexity, init="pca", random_state=random_state, method=method)
    return np.asarray(tsne.fit_transform(units.double().numpy()), np.float32)


def word_groups(units: Tensor, random_state: int) -> NDArray[np.int64]:
    """Groups (words,) of words in like directions, by k-means."""
    from sklearn.cluster import KMeans

    # Equal vectors make fewer groups than asked for.
    different = len(np.unique(units.numpy(), axis=0))
    groups = KMeans(min(GROUPS, different), n_init=4, random_state=random_state).fit(units.numpy())
    return np.asarray(groups.labels_, np.int64)


def word_neighbours(units: Tensor, places: Tensor, words: list[str]) -> list[list[tuple[str, float]]]:
    """The nearest words of all, for each of those at these places."""
    values, found = nearest(units, units[places], NEIGHBOURS, places.unsqueeze(1))
    return [
        [(words[at], round(value, 3)) for at, value in zip(row, own, strict=True) if value > -np.inf]
        for row, own in zip(found.tolist(), values.tolist(), strict=True)
    ]
