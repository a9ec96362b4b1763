"""Labels on a map do not lie on each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unrolled import plots
from unrolled.plots.word_map import place_labels


@given(st.integers(1, 60), st.integers(0, 100))
def test_labels_do_not_overlap(count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    sizes = random.uniform(5, 60, (count, 2))
    centres = place_labels(random.uniform(0, 300, (count, 2)), sizes, (0, 0, 300, 300))
    shown = ~np.isnan(centres[:, 0])
    assert shown[0]
    low, high = (centres - sizes / 2)[shown], (centres + sizes / 2)[shown]
    assert (low >= 0).all()
    assert (high <= 300).all()
    overlap = ((low[:, None] < high) & (low < high[:, None])).all(2)
    assert overlap.sum() == shown.sum()


def test_labels_on_the_figure_do_not_overlap() -> None:
    words = [f"word{i}" for i in range(120)]
    figure = plots.word_map(words, np.random.default_rng(0).normal(size=(120, 2)))
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) > 110
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.mark.parametrize("points", [np.zeros((2, 2)), np.zeros((3, 3)), np.zeros((0, 2))])
def test_bad_points(points) -> None:
    for draw in (plots.word_map, lambda words, points: plots.word_map_page(words, points, [0] * 3, [[]] * 3)):
        with pytest.raises(ValueError, match="points: expected"):
            draw(["a", "b", "c"], points)


def test_loss_curve() -> None:
    figure = plots.loss_curve([(1_000_000 * i, 5 / i) for i in range(1, 40)])
    assert figure.axes[0].get_xlabel() == "words trained on (millions)"
    with pytest.raises(ValueError, match="at least one point"):
        plots.loss_curve([])
