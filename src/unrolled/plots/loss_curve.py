"""How the loss of a long run fell, with the number of words seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

# Points that the smoothed line is the mean of.
SMOOTHED = 15


def loss_curve(curve: Sequence[tuple[int, float]]) -> Figure:
    """The loss of a pair over the words trained on.

    Args:
        curve: as `loss_curve_` of word vectors.

    Raises:
        ValueError: there is no point.
    """
    if not curve:
        raise ValueError("curve: expected at least one point, found none")
    words, losses = np.array(curve).T
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    smooth = len(words) > 4 * SMOOTHED
    style = {"color": "0.75", "linewidth": 1} if smooth else {"marker": "."}
    axes.plot(words / 1e6, losses, label="as trained", **style)
    if smooth:
        mean = np.convolve(losses, np.full(SMOOTHED, 1 / SMOOTHED), "valid")
        half = SMOOTHED // 2
        axes.plot(words[half : half + len(mean)] / 1e6, mean, label=f"mean of {SMOOTHED} points")
    # A loss that begins a hundred times higher than it ends leaves the rest flat otherwise.
    if losses.min() > 0 and losses.max() > 10 * losses.min():
        axes.set_yscale("log")
    axes.set_xlabel("words trained on (millions)")
    axes.set_ylabel("loss of a pair (nats)")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
