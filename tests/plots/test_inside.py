"""Pictures of what goes on inside a cell."""

import numpy as np
import pytest

from unrolled import plots

RANDOM = np.random.default_rng(0)


def test_states_are_heat_maps_with_one_scale_each(tmp_path) -> None:
    h, c = RANDOM.normal(size=(7, 5)), 10 * RANDOM.normal(size=(7, 5))
    figure = plots.states({"h": h, "c": c}, ordered=False)
    one, two = figure.axes[:2]
    assert np.allclose(one.images[0].get_array(), h.T)
    assert one.images[0].get_clim() == pytest.approx((-np.abs(h).max(), np.abs(h).max()))
    assert two.get_title(loc="left") == "state c"
    assert two.get_xlabel() == "step"
    figure.savefig(tmp_path / "states.png")
    assert (tmp_path / "states.png").stat().st_size > 1000


def test_units_are_in_the_same_order_in_all_panels() -> None:
    h = np.eye(4)[::-1]
    figure = plots.states({"h": h, "c": 2 * h, "narrow": h[:, :2]})
    first, second = (axes.images[0].get_array() for axes in figure.axes[:2])
    assert np.allclose(first, np.eye(4))
    assert np.allclose(second, 2 * first)


def test_gates_between_0_and_1_are_drawn_on_that_scale() -> None:
    figure = plots.gates({"forget": RANDOM.random((6, 9)), "candidate": RANDOM.normal(size=(6, 9))})
    forget, candidate = figure.axes
    assert forget.get_ylim() == pytest.approx((-0.05, 1.05))
    assert [label.get_text() for label in forget.get_yticklabels()] == ["0 shut", "0.5", "1 open"]
    assert candidate.get_title(loc="left") == "candidate"
    assert candidate.get_ylim()[0] < 0


def test_labels_stand_where_there_is_something_to_write() -> None:
    labels = ["a", "", "$", "", "", "b"]
    for draw in (plots.states, plots.gates):
        axes = draw({"h": RANDOM.random((6, 3))}, labels).axes[0]
        assert [label.get_text() for label in axes.get_xticklabels()] == ["a", r"\$", "b"]
        assert list(axes.get_xticks()) == [0, 2, 5]
    many = plots.gates({"h": RANDOM.random((500, 3))}, ["x"] * 500).axes[0]
    assert len(many.get_xticks()) <= 60


def test_gradient_reach_leaves_out_what_has_no_logarithm() -> None:
    figure = plots.gradient_reach({"rnn": [1, 0.1, 0.01], "lstm": [1, 0.0, np.nan]})
    axes = figure.axes[0]
    assert axes.get_yscale() == "log"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["rnn", "lstm"]
    assert [len(line.get_ydata()) for line in axes.lines] == [3, 1]


def test_other_shapes_are_named() -> None:
    for draw in (plots.states, plots.gates):
        for values in ({}, {"h": np.zeros(3)}, {"h": np.zeros((3, 2)), "c": np.zeros((4, 2))}, {"h": np.zeros((0, 2))}):
            with pytest.raises(ValueError, match="values: expected"):
                draw(values)
        with pytest.raises(ValueError, match="labels: expected one for each of 3 steps, found 2"):
            draw({"h": np.zeros((3, 2))}, ["a", "b"])
    for reach in ({}, {"rnn": []}, {"rnn": np.zeros((2, 2))}):
        with pytest.raises(ValueError, match="reach: expected"):
            plots.gradient_reach(reach)


def test_labels_of_a_confusion_matrix_are_inside_the_picture(tmp_path) -> None:
    figure = plots.confusion_matrix(list(range(10)), list(range(10)))
    figure.savefig(tmp_path / "matrix.png")
    box = figure.axes[0].yaxis.label.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
