"""Sequences that a model made up, from a start that was given to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

MOST_PANELS = 12


def creative(
    sequences: Sequence[ArrayLike], seeds: Sequence[int], names: Sequence[str] | None = None, resolution: float = 1.0
) -> Figure:
    """Each sequence below the other, what was given in one colour and what was generated in another.

    Args:
        sequences: (steps,) each, seed and continuation; the first twelve are shown.
        seeds: how many steps of each were given.
        names: what to write above each.
        resolution: time of a step.

    Raises:
        ValueError: there is no sequence, the arguments differ in number, or a seed is longer than its sequence.
    """
    if not len(sequences):
        raise ValueError("sequences: expected at least one, found none")
    titles = [""] * len(sequences) if names is None else list(names)
    for name, given in (("seeds", seeds), ("names", titles)):
        if len(given) != len(sequences):
            raise ValueError(f"{name}: expected one for each of {len(sequences)} sequences, found {len(given)}")
    shown = min(len(sequences), MOST_PANELS)
    figure = Figure(figsize=(9, 2.6 * shown + 0.6), layout="constrained")
    panels = figure.subplots(shown, 1, squeeze=False)[:, 0]
    for number, (axes, sequence, seed, title) in enumerate(zip(panels, sequences, seeds, titles, strict=False)):
        values = np.asarray(sequence, float)
        if values.ndim != 1 or not 0 <= seed <= len(values):
            raise ValueError(
                f"sequences: expected (steps,) with a seed of at most as many, found shape {values.shape} and a seed "
                f"of {seed} at index {number}"
            )
        time = np.arange(len(values)) * resolution
        # Where they meet, the line goes on from the last step given.
        axes.plot(time[max(0, seed - 1) :], values[max(0, seed - 1) :], color="C0", linewidth=1.4, label="generated")
        axes.plot(time[:seed], values[:seed], color="C3", linewidth=2.2, label="seed")
        if seed:
            axes.axvspan(time[0], time[seed - 1], color="C3", alpha=0.08, linewidth=0)
        axes.set_title(title, fontsize=10)
        axes.set_ylabel("value")
        axes.margins(x=0.01)
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=8)
    panels[-1].set_xlabel("time" if resolution != 1 else "step")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return figure
