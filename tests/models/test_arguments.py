"""What all estimators have in common is refused in one way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from unrolled import Forecaster, SequenceClassifier, TextGenerator, Translator, WordVectors, cells
from unrolled.data.vocabulary import UnknownWordError

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


@pytest.mark.parametrize("kind", FITS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("name", ["verbose", "epochs"])
def test_flags_and_counts_have_bounds(kind: type, name: str) -> None:
    for value in (2**70, ARRAY):
        with pytest.raises(ValueError, match=f"^{name}: expected"):
            FITS[kind](kind(**{"epochs": 1, name: value}))


@pytest.mark.parametrize("kind", [kind for kind in FITS if kind is not WordVectors], ids=lambda kind: kind.__name__)
def test_options_that_the_cell_does_not_have(kind: type) -> None:
    for cell in ("gru", cells.GRU):
        with pytest.raises(ValueError, match=r"^cell_options: GRU does not take these options"):
            FITS[kind](kind(cell=cell, epochs=1, cell_options={"peephole": True}))
    with pytest.raises(ValueError, match=r"^num_layers: expected at most 1000, found 1001"):
        FITS[kind](kind(epochs=1, num_layers=1001))


@pytest.mark.parametrize("kind", FITS, ids=lambda kind: kind.__name__)
def test_checkpoints_that_are_none(kind: type) -> None:
    X, y = np.zeros((4, 3, 1)), [0, 1, 0, 1]
    given: tuple[Any, ...] = (X, y) if kind is SequenceClassifier else ([["a", "b"]] * 9,)
    given = (["a b", "b a"] * 9, ["c d", "d c"] * 9) if kind is Translator else given
    given = (np.arange(60.0),) if kind is Forecaster else ("to be or not " * 9,) if kind is TextGenerator else given
    model = kind(epochs=1, random_state=0)
    for name, value in (("checkpoints", 3), ("checkpoints", ARRAY), ("resume", "yes")):
        with pytest.raises(TypeError, match=f"^{name}: expected"):
            model.fit(*given, **{name: value})
    with pytest.raises(ValueError, match=r"^random_state: expected a seed"):
        kind(epochs=1).fit(*given, checkpoints="nowhere")


def test_pairs_to_validate_on_are_named() -> None:
    with pytest.raises(ValueError, match=r"^validation_data: expected a pair"):
        SequenceClassifier(epochs=1).fit(np.zeros((4, 3, 1)), [0, 1, 0, 1], np.zeros((4, 3, 1)))
    with pytest.raises(ValueError, match=r"^validation_data: source\[0\]: expected a pair"):
        Translator(epochs=1).fit(["a b", "b a"] * 9, ["c d", "d c"] * 9, [None])


def test_labels_and_weights_to_score_by() -> None:
    X, y = np.zeros((4, 3, 1)), [0, 1, 0, 1]
    X[1::2] = 1
    model = SequenceClassifier(epochs=1, hidden_size=2, random_state=0).fit(X, y)
    found = model.predict(X)
    assert model.score(X, found) == 1
    assert model.score(X, np.where(np.arange(4) < 1, 1 - found, found), [3, 1, 1, 1]) == 0.5
    assert model.score(X, ["a", "b", "a", "b"]) == 0
    for given, name in (((X, [1]), "y"), ((X, y, [1]), "sample_weight"), ((X, y, [0, 0, 0, 0]), "sample_weight")):
        with pytest.raises(ValueError, match=f"^{name}: expected"):
            model.score(*given)


def test_words_are_told_by_the_argument_they_came_as() -> None:
    model = WordVectors(dim=2, min_count=1, epochs=1).fit([["a", "b", "c", "d"]] * 9)
    with pytest.raises(UnknownWordError, match=r"^c: 'x' is not in the vocabulary of 4 words"):
        model.analogy("a", "b", "x")
    with pytest.raises(TypeError, match=r"^word: expected a word, found NoneType"):
        model.most_similar(["a", None])
    with pytest.raises(ValueError, match=r"^words: 'x' is not"):
        model.map(["a", "b", "x"])


def test_a_text_without_end_is_streamed_and_not_returned() -> None:
    model = TextGenerator(hidden_size=3, epochs=1, truncate=8, batch_size=2).fit("to be or not to be " * 9)
    assert next(model.stream(n=None))
    with pytest.raises(ValueError, match=r"^n: expected an integer of at least 0, found None"):
        model.sample(n=None)
