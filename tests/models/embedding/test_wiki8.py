"""The quality that gensim has on the same text; minutes, and the text is looked for in UNROLLED_DATA."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unrolled import WordVectors
from unrolled.models.embedding import presets

DATA = Path(os.environ.get("UNROLLED_DATA", "/nowhere"))
WIKI8, TESTS = DATA / "wiki8" / "wiki8.zip", DATA / "similarity"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not WIKI8.exists() or not TESTS.exists(), reason="UNROLLED_DATA has no wiki8 and similarity"),
]


def test_negative_sampling_is_as_good_as_gensim() -> None:
    model = WordVectors(random_state=1).fit(WIKI8)
    names = ("wordsim353.tsv", "simlex999.txt", "questions-words.txt")
    similarity, simlex, analogies = model.score(*(TESTS / name for name in names))
    # gensim 4.4 with the same settings: 0.58, 0.27 and 28 %.
    assert similarity.value > 0.57
    assert simlex.value > 0.25
    assert analogies.value > 0.27


def test_nce_learns_neighbours() -> None:
    model = WordVectors(**presets.NCE, random_state=1).fit(WIKI8)
    assert model.score(TESTS / "wordsim353.tsv")[0].value > 0.3
    assert {word for word, _ in model.most_similar("three", 3)} <= {"two", "four", "five", "six", "seven", "eight"}
