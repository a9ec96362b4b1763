"""How far gradients reach back."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from unrolled.plots.against_lag import against_lag


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
    curves = {name: (np.arange(len(line)), line) for name, line in lines.items()}
    return against_lag(curves, "gradient that arrives (1 at lag 0)", log=True)
