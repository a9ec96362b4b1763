"""How errors grow with the distance of what is forecast."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

# Lines that colours of their own can tell apart.
COLOURS = 10


def errors_by_horizon(errors: Mapping[str, ArrayLike], metric: str = "mean absolute error") -> Figure:
    """A line for each model over the steps ahead; in the legend, its mean over all of them.

    Args:
        errors: by model, (horizon,), NaN where nothing was measured.
        metric: what the errors are, for the axis.

    Raises:
        ValueError: there is nothing to show, or errors are not (horizon,).
    """
    if not errors:
        raise ValueError("errors: expected at least one model, found none")
    figure = Figure(figsize=(7.5, 4), layout="constrained")
    axes = figure.subplots()
    for number, (name, values) in enumerate(errors.items()):
        line = np.asarray(values, float)
        if line.ndim != 1 or np.isnan(line).all():
            raise ValueError(f"errors of {name!r}: expected numbers (horizon,), found shape {line.shape}")
        axes.plot(
            np.arange(1, len(line) + 1),
            line,
            color=f"C{number % COLOURS}",
            linestyle=("-", "--", ":")[number // COLOURS % 3],
            linewidth=1.6,
            marker="o" if len(line) <= 30 else None,
            markersize=3,
            label=f"{name} ({np.nanmean(line):.4g})".replace("$", r"\$"),
        )
    axes.set_xlabel("steps ahead")
    axes.set_ylabel(metric)
    axes.set_ylim(bottom=0)
    axes.set_xlim(0.5, max(len(np.atleast_1d(line)) for line in errors.values()) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", title="model (mean)", frameon=False)
    return figure
