"""Pictures: what is drawn, and that everything is labelled."""

import numpy as np
import pytest

from unrolled import plots

HISTORY = [
    {"epoch": i + 1, "loss": 1 / (i + 1), "accuracy": 0.5, "validation_loss": 2.0, "validation_accuracy": 0.4}
    for i in range(5)
]


def test_learning_curve_draws_training_and_validation(tmp_path) -> None:
    figure = plots.learning_curve(HISTORY)
    loss, accuracy = figure.axes
    assert [line.get_label() for line in loss.lines] == ["training", "validation"]
    assert np.allclose(loss.lines[0].get_ydata(), [1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    assert loss.get_xlabel() == "epoch"
    assert accuracy.get_ylabel() == "accuracy"
    figure.savefig(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 1000


def test_confusion_matrix_counts() -> None:
    axes = plots.confusion_matrix(["a", "a", "b"], ["a", "b", "b"]).axes[0]
    assert sorted(text.get_text() for text in axes.texts) == ["1", "1", "1"]
    assert np.allclose(axes.images[0].get_array(), [[0.5, 0.5], [0, 1]])
    assert axes.get_xlabel() == "predicted class"


def test_many_classes_stay_readable() -> None:
    labels = np.arange(100)
    axes = plots.confusion_matrix(labels, labels).axes[0]
    assert len(axes.get_xticks()) <= 34
    assert not axes.texts


def test_classification_has_three_parts() -> None:
    figure = plots.classification(HISTORY, [0, 1, 1], [0, 1, 0], [0, 1])
    assert "66.67%" in figure.axes[2].get_title()


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(ValueError, match="history"):
        plots.learning_curve([])
    with pytest.raises(ValueError, match="y_pred"):
        plots.confusion_matrix([1, 2], [1])


@pytest.mark.parametrize("count", [1, 3, 5, 8])
def test_the_legend_of_many_curves_is_inside_the_picture(count: int, tmp_path) -> None:
    curves = {f"LSTM, forget bias {number}": ([1, 2], [0.5, 0.1]) for number in range(count)}
    figure = plots.against_lag(curves, "accuracy", chance=0.1)
    # Laid out when it is drawn.
    figure.savefig(tmp_path / "lag.png")
    legend, whole = figure.legends[0].get_window_extent(), figure.bbox
    assert legend.x0 >= whole.x0
    assert legend.x1 <= whole.x1
    assert legend.y1 <= figure.axes[0].get_window_extent().y0


def test_curves_against_lag(tmp_path) -> None:
    curves = {"RNN": ([1, 2, 4], [0.5, 0.0, 0.1]), "LSTM": ([1, 2, 4], [0.9, 0.8, 0.7])}
    figure = plots.against_lag(curves, "accuracy", title="copying", chance=0.1, log=True)
    axes = figure.axes[0]
    assert [line.get_label() for line in axes.lines] == ["RNN", "LSTM", "knowing nothing"]
    assert axes.lines[0].get_xdata().tolist() == [1, 4]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("lag (steps)", "accuracy", "log")
    figure.savefig(tmp_path / "lag.png")
    assert plots.against_lag(curves, "accuracy").axes[0].get_ylim()[0] == 0
    for bad in ({}, {"RNN": ([1, 2], [0.5])}, {"RNN": ([], [])}):
        with pytest.raises(ValueError, match="curves"):
            plots.against_lag(bad, "accuracy")
