"""The picture of attention."""

import numpy as np
import pytest

from unrolled import plots


def test_tokens_are_on_both_axes(tmp_path) -> None:
    weights = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]])
    figure = plots.attention(weights, ["a", "$b_1", "</s>"], ["x", "</s>"])
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a", r"\$b_1", "</s>"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["x", "</s>"]
    assert np.allclose(axes.images[0].get_array(), weights)
    assert axes.get_xlabel() == "source"
    figure.savefig(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_long_sentences_make_no_huge_picture() -> None:
    figure = plots.attention(np.zeros((500, 400)), ["w"] * 400, ["w"] * 500)
    assert max(figure.get_size_inches()) <= 40


def test_other_shapes_are_named() -> None:
    for weights, source, target in ((np.zeros((2, 2)), ["a"], ["b"]), (np.zeros((0, 0)), [], [])):
        with pytest.raises(ValueError, match="weights: expected shape"):
            plots.attention(weights, source, target)
