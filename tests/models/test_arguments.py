"""What all estimators have in common is refused in one way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from unrolled import Forecaster, SequenceClassifier, TextGenerator, Translator, WordVectors

FITS: dict[type, Callable[[Any], object]] = {
    SequenceClassifier: lambda model: model.fit(np.zeros((4, 3, 1)), [0, 1, 0, 1]),
    Forecaster: lambda model: model.fit(np.arange(60.0)),
    Translator: lambda model: model.fit(["a b", "b a"] * 9, ["c d", "d c"] * 9),
    TextGenerator: lambda model: model.fit("to be or not to be " * 9),
    WordVectors: lambda model: model.fit([["a", "b", "a", "b", "a", "b"]] * 9),
}
ARRAY = np.array(["a", "b"])


@pytest.mark.parametrize("kind", FITS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("value", [3, "progress", [None], ARRAY], ids=repr)
def test_callbacks_that_are_none(kind: type, value: object) -> None:
    with pytest.raises(ValueError, match=r"^callbacks: expected a list of instances"):
        FITS[kind](kind(epochs=1, callbacks=value))


@pytest.mark.parametrize("kind", FITS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("value", [-1, 2**40, 1.5, "seed", ARRAY], ids=repr)
def test_seeds_that_are_none(kind: type, value: object) -> None:
    with pytest.raises(ValueError, match="random_state: expected None, a whole number"):
        FITS[kind](kind(epochs=1, random_state=value))


@pytest.mark.parametrize("kind", [kind for kind in FITS if kind is not WordVectors], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    ("name", "value"),
    [("cell_options", 3), ("cell_options", ARRAY), ("cell_options", {1: 2}), ("cell", 3), ("cell", ARRAY)],
)
def test_cells_that_are_none(kind: type, name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{name}: expected"):
        FITS[kind](kind(epochs=1, **{name: value}))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (SequenceClassifier, ["pooling", "class_weight", "optimizer", "schedule"]),
        (Forecaster, ["loss", "head", "scaling", "log", "refit", "optimizer", "schedule"]),
        (Translator, ["attention", "subwords", "monitor", "optimizer", "schedule"]),
        (WordVectors, ["loss", "architecture", "noise"]),
        (TextGenerator, ["level", "optimizer", "schedule"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_array_where_a_word_is_expected(kind: type, names: list[str]) -> None:
    for name in names:
        with pytest.raises(ValueError, match=f"^{name}: expected"):
            FITS[kind](kind(epochs=1, **{name: ARRAY}))
