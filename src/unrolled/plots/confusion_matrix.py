"""Which classes are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Beyond this many classes the numbers would not be readable.
MOST_NUMBERED = 30


def confusion_matrix(y_true: Sequence[Any], y_pred: Sequence[Any], classes: Sequence[Any] | None = None) -> Figure:
    """True classes in rows, predicted ones in columns; colours are parts of a row.

    Args:
        y_true: labels (examples,).
        y_pred: predicted labels (examples,).
        classes: the labels in the order to show; sorted unless given.

    Raises:
        ValueError: the labels differ in number, or there are none.
    """
    figure = Figure(figsize=(5.4, 4.6), layout="compressed")
    draw_confusion(figure.subplots(), y_true, y_pred, classes)
    return figure


def draw_confusion(axes: Axes, y_true: Sequence[Any], y_pred: Sequence[Any], classes: Sequence[Any] | None) -> None:
    """Draws the matrix."""
    from sklearn.metrics import confusion_matrix as count

    if len(y_true) != len(y_pred) or len(y_true) == 0:
        raise ValueError(f"y_pred: expected as many labels as y_true, {len(y_true)}, found {len(y_pred)}")
    names = np.unique(np.concatenate([y_true, y_pred])) if classes is None else np.asarray(classes)
    counts = count(y_true, y_pred, labels=names)
    parts = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    image = axes.imshow(parts, cmap="Blues", vmin=0, vmax=1)
    bar = axes.figure.colorbar(image, ax=axes, fraction=0.046)
    bar.set_label("part of the true class")
    size = max(4.0, min(9.0, 90 / len(names)))
    long = max(len(str(name)) for name in names) > 3
    step = max(1, len(names) // MOST_NUMBERED)
    ticks = range(0, len(names), step)
    axes.set_xticks(ticks, [str(names[i]) for i in ticks], fontsize=size, rotation=90 if long else 0)
    axes.set_yticks(ticks, [str(names[i]) for i in ticks], fontsize=size)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    if len(names) <= MOST_NUMBERED:
        for (row, column), value in np.ndenumerate(counts):
            if value:
                colour = "white" if parts[row, column] > 0.5 else "black"
                axes.text(column, row, str(value), ha="center", va="center", fontsize=size, color=colour)
