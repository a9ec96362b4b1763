"""A run is not resumed on other data than it was begun on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from unrolled import Forecaster, SequenceClassifier, TextGenerator, Translator, WordVectors
from unrolled.models.fit import fingerprint
from unrolled.training import CheckpointError

COMMON = {"epochs": 1, "random_state": 0}


def sequences(changed: float) -> tuple[Any, ...]:
    X = np.random.default_rng(0).normal(size=(12, 5, 2)).astype(np.float32)
    X[3, 4, 1] += changed
    return X, [0, 1] * 6


def wave(changed: float) -> tuple[Any, ...]:
    series = np.sin(np.arange(60.0))
    series[30] += changed
    return (series,)


def pairs(changed: float) -> tuple[Any, ...]:
    words = ["a b", "b c", "c a", "a c"] * 5
    return ([*words, "a a" if changed else "b b"], [word.upper() for word in [*words, "b b"]])


def text(changed: float) -> tuple[Any, ...]:
    return ("one two three four five six " * 20 + ("end" if changed else "dne"),)


def sentences(changed: float) -> tuple[Any, ...]:
    return ([["a", "b", "c"] * 5, ["c", "d"] * (6 if changed else 5)],)


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (SequenceClassifier(hidden_size=4, validation_fraction=0.2, **COMMON), sequences),
        (Forecaster(horizon=3, hidden_size=4, **COMMON), wave),
        (Translator(hidden_size=4, embedding_size=4, **COMMON), pairs),
        (TextGenerator(hidden_size=4, truncate=8, batch_size=2, **COMMON), text),
        (WordVectors(dim=4, min_count=1, **COMMON), sentences),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
)
def test_other_data_is_refused(model: Any, data: Any, tmp_path: Any) -> None:
    model.fit(*data(0.0), checkpoints=tmp_path / "c")
    model.fit(*data(0.0), checkpoints=tmp_path / "c", resume=True)
    with pytest.raises(CheckpointError, match=r"other settings: (data|words)"):
        model.fit(*data(1e-3), checkpoints=tmp_path / "c", resume=True)


def pair(*data: Any) -> Any:
    return data


@pytest.mark.parametrize(
    ("model", "data", "together"),
    [
        (SequenceClassifier(hidden_size=4, **COMMON), sequences, pair),
        (Translator(hidden_size=4, embedding_size=4, **COMMON), pairs, pair),
        (TextGenerator(hidden_size=4, truncate=8, batch_size=2, **COMMON), text, lambda only: only),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "fit") else "",
)
def test_other_validation_data_is_refused(model: Any, data: Any, together: Any, tmp_path: Any) -> None:
    model.fit(*data(0.0), validation_data=together(*data(0.0)), checkpoints=tmp_path / "c")
    with pytest.raises(CheckpointError, match="other settings: data"):
        model.fit(*data(0.0), validation_data=together(*data(1e-3)), checkpoints=tmp_path / "c", resume=True)


def test_fingerprints() -> None:
    values = np.arange(6.0)
    different: list[Any] = [
        [values],
        [values.reshape(2, 3)],
        [values.astype(np.float32)],
        [values[:3], values[3:]],
        [np.array(["2024-01-01"], "datetime64[us]")],
        [np.array([], "datetime64[us]")],
        [np.array(["a", "b"])],
        [np.array(["a", None], dtype=object)],
        [],
    ]
    assert len({fingerprint(arrays) for arrays in different}) == len(different)
    assert fingerprint([values[::2]]) == fingerprint([values[::2].copy()])
