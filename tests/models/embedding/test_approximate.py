"""The approximate index finds what the exact search finds, nearly always."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from unrolled.data.vocabulary import UnknownWordError, Vocabulary
from unrolled.models.embedding import ApproximateIndex, Vectors


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    matrix = np.random.default_rng(0).standard_normal((3000, 24)).astype(np.float32)
    return Vectors(Vocabulary([f"w{number}" for number in range(len(matrix))]), matrix)


def test_finds_nearly_all_of_the_nearest(vectors: Vectors) -> None:
    index, found = ApproximateIndex(vectors), 0
    for number in range(0, 3000, 100):
        exact, near = vectors.most_similar(f"w{number}", 10), index.most_similar(f"w{number}", 10)
        assert len(near) == 10
        assert f"w{number}" not in dict(near)
        assert dict(near) == pytest.approx(
            {word: vectors.similarity(f"w{number}", word) for word in dict(near)}, abs=5e-3
        )
        found += len(dict(exact).keys() & dict(near).keys())
    assert found >= 0.95 * 300


def test_unknown_words_are_an_error(vectors: Vectors) -> None:
    with pytest.raises(UnknownWordError, match="w30000"):
        ApproximateIndex(vectors).most_similar("w30000")


def test_without_usearch_it_says_what_to_install(vectors: Vectors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(ImportError, match=r"unrolled\[index\]"):
        ApproximateIndex(vectors)
