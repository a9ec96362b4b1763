"""A small corpus in which words of one topic keep each other's company."""

from __future__ import annotations

import numpy as np
import pytest

from unrolled import WordVectors

TOPICS = 4
WORDS = 12


def topical(count: int = 2_000, seed: int = 0) -> list[list[str]]:
    """Sentences of ten words, each of one topic: t0w3 is a word of topic 0."""
    random = np.random.default_rng(seed)
    topics = random.integers(0, TOPICS, count)
    return [[f"t{topic}w{word}" for word in random.integers(0, WORDS, 10)] for topic in topics]


def small(**options: object) -> WordVectors:
    """Settings for a corpus of 48 words."""
    base = {"dim": 20, "window": 3, "subsample": 0.0, "epochs": 8, "lr": 0.05, "random_state": 0, "workers": 1}
    return WordVectors(**(base | options))


@pytest.fixture(scope="session")
def trained() -> WordVectors:
    return small().fit(topical())
