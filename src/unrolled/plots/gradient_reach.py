"""How far gradients reach back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike


def gradient_reach(reach: Mapping[str, ArrayLike]) -> Figure:
    """The size of the gradient that arrives so many steps back, a line for each cell.

    Args:
        reach: by name (lags,), as `unrolled.gradient_reach` gives it; NaN is left out.

    Raises:
        ValueError: there is nothing to show.
    """
    lines = {name: np.asarray(value, float) for name, value in reach.items()}
    if not lines or any(line.ndim != 1 or not line.size for line in lines.values()):
        found = {name: line.shape for name, line in lines.items()}
        raise ValueError(f"reach: expected (lags,) for at least one name, found {found or 'none'}")
    figure = Figure(figsize=(7, 3.8), layout="constrained")
    axes = figure.subplots()
    for name, line in lines.items():
        # Nothing at all has no place on a logarithmic axis.
        axes.plot(np.where(line > 0, line, np.nan), label=name, marker="." if len(line) <= 40 else None)
    axes.set_yscale("log")
    axes.set_xlabel("lag: steps back from the output")
    axes.set_ylabel("gradient that arrives (1 at lag 0)")
    axes.grid(alpha=0.3)
    axes.margins(x=0.01)
    axes.legend()
    return figure
