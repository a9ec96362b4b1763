"""A classifier's training and its test in one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from unrolled.plots.confusion_matrix import draw_confusion
from unrolled.plots.learning_curve import draw_metric


def classification(
    history: Sequence[dict[str, Any]], y_true: Sequence[Any], y_pred: Sequence[Any], classes: Sequence[Any]
) -> Figure:
    """Loss and accuracy over the epochs, and the confusion matrix of a test.

    Args:
        history: as `history_` of a classifier.
        y_true: labels of the test (examples,).
        y_pred: predicted labels.
        classes: the labels in the order to show.

    Raises:
        ValueError: the history is empty, or the labels differ in number.
    """
    if not history:
        raise ValueError("history: expected at least one epoch, found none")
    figure = Figure(figsize=(14, 4.2), layout="constrained")
    loss, accuracy, matrix = figure.subplots(1, 3, width_ratios=(1, 1, 1.15))
    draw_metric(loss, history, "loss")
    draw_metric(accuracy, history, "accuracy")
    draw_confusion(matrix, y_true, y_pred, classes)
    right = np.mean(np.asarray(y_true) == np.asarray(y_pred))
    matrix.set_title(f"test: {right:.2%} of {len(y_true)} right", fontsize=10)
    return figure
