"""What cells keep of what they saw some steps ago."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

MARKERS = "osD^vPX*"
LEGEND_COLUMNS = 3


def against_lag(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    quantity: str,
    *,
    title: str = "",
    chance: float | None = None,
    log: bool = False,
) -> Figure:
    """A line for each cell: accuracy, an error, or the norm of a gradient, over the steps in between.

    Args:
        curves: for every cell its lags in steps (points,), and what was measured there (points,).
        quantity: what that is, with its unit.
        title: what the cells had to do.
        chance: what knowing nothing gives; drawn as a line across.
        log: whether the quantity is on a logarithmic scale; where it is zero there is no point then.

    Raises:
        ValueError: there is no curve, or one has not a value for each lag.
    """
    if not curves:
        raise ValueError("curves: expected at least one, found none")
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    axes = figure.subplots()
    for number, (name, (lags, values)) in enumerate(curves.items()):
        x, y = np.asarray(lags, float), np.asarray(values, float)
        if x.ndim != 1 or x.shape != y.shape or not len(x):
            raise ValueError(f"curves: expected a value for each lag, found shapes {x.shape} and {y.shape} for {name}")
        shown = y > 0 if log else np.ones(len(y), bool)
        marker = MARKERS[number % len(MARKERS)] if len(x) <= 30 else None
        axes.plot(x[shown], y[shown], marker=marker, markersize=4, linewidth=1.4, label=name)
    if log:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    if chance is not None:
        axes.axhline(chance, color="0.4", linestyle=":", linewidth=1.2, label="knowing nothing")
    axes.set_xlabel("lag (steps)")
    axes.set_ylabel(quantity)
    axes.set_title(title, fontsize=10)
    axes.margins(x=0.02)
    axes.grid(alpha=0.3)
    # In rows of a few, since a legend wider than the picture would be cut off.
    columns = min(len(curves) + 1, LEGEND_COLUMNS)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=columns, frameon=False)
    return figure
