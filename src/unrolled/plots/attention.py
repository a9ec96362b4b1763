"""What each word of a translation looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

# Inches of a cell, and the most a side of the picture may have.
CELL, MOST = 0.28, 40.0


def attention(weights: Any, source: Sequence[str], target: Sequence[str]) -> Figure:
    """Attention's weights as a heat map: the source along the top, the target down the side.

    Args:
        weights: (target, source), 0 to 1.
        source, target: tokens.

    Raises:
        ValueError: the weights have another shape, or there are none.
    """
    values = np.asarray(weights, dtype=float)
    if values.shape != (len(target), len(source)) or not values.size:
        raise ValueError(
            f"weights: expected shape ({len(target)}, {len(source)}), a row for each target token and a column for "
            f"each source token, and at least one; found {values.shape}"
        )
    longest = [max(len(name) for name in names) * 0.1 for names in (target, source)]
    size = [min(MOST, 1.6 + CELL * len(names) + room) for names, room in zip((source, target), longest, strict=True)]
    figure = Figure(figsize=(size[0], size[1]), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    figure.colorbar(image, ax=axes, fraction=0.04).set_label("attention")
    # Tokens are text, in which a dollar sign is no formula.
    axes.set_xticks(range(len(source)), [_plain(name) for name in source], rotation=90, fontsize=8)
    axes.set_yticks(range(len(target)), [_plain(name) for name in target], fontsize=8)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("source")
    axes.set_ylabel("target")
    return figure


def _plain(name: str) -> str:
    return name.replace("$", r"\$")
