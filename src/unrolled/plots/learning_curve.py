"""How a model learned: loss and accuracy over the epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator


def learning_curve(history: Sequence[dict[str, Any]]) -> Figure:
    """Training and validation loss, and accuracy where there is one, over the epochs.

    Args:
        history: as `history_` of an estimator.

    Raises:
        ValueError: the history is empty.
    """
    if not history:
        raise ValueError("history: expected at least one epoch, found none")
    metrics = [name for name in ("loss", "accuracy") if name in history[0]]
    figure = Figure(figsize=(5 * len(metrics), 3.6), layout="constrained")
    for metric, axes in zip(metrics, figure.subplots(1, len(metrics), squeeze=False)[0], strict=True):
        draw_metric(axes, history, metric)
    return figure


def draw_metric(axes: Axes, history: Sequence[dict[str, Any]], metric: str) -> None:
    """Draws one metric, of training and validation, over the epochs."""
    epochs = [entry["epoch"] for entry in history]
    for name, label in ((metric, "training"), (f"validation_{metric}", "validation")):
        if name in history[0]:
            axes.plot(epochs, [entry[name] for entry in history], marker="o", markersize=3, label=label)
    axes.set_xlabel("epoch")
    axes.set_ylabel("cross-entropy (nats)" if metric == "loss" else metric)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    axes.legend()
