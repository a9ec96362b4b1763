"""A small text that can be learned in seconds, and a generator of it."""

import pytest

from unrolled import TextGenerator

VERSE = "the cat sat on the mat.\nthe dog sat on the log.\na cat is not a dog.\n"
TEXT = VERSE * 40
QUICK = {"hidden_size": 12, "num_layers": 2, "epochs": 2, "batch_size": 4, "truncate": 20, "random_state": 0}


def quick(**options: object) -> TextGenerator:
    return TextGenerator(**(QUICK | options))


@pytest.fixture(scope="session")
def generator() -> TextGenerator:
    options = {"hidden_size": 32, "dropout": 0.1, "epochs": 20, "lr": 1e-2, "batch_size": 8}
    return quick(**options).fit(TEXT)


@pytest.fixture(scope="session")
def subwords() -> TextGenerator:
    return quick(level="subword", vocabulary_size=300, epochs=3, lr=1e-2).fit(
        [VERSE, "a dog\r\nsat.", "Ünï 🙂 \x00"] * 12
    )
