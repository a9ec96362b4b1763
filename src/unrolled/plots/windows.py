"""Windows of a series: what went in, what should have come out, and what did."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

MOST_PANELS = 12


def windows(instance: ArrayLike, target: ArrayLike, prediction: ArrayLike, times: ArrayLike | None = None) -> Figure:
    """Instance, target and prediction of each window; the target is the instance a step later.

    Args:
        instance: (steps,), or (windows, steps), of which the first twelve are shown.
        target: as instance.
        prediction: as instance.
        times: (steps + 1,) or (windows, steps + 1), those of the instance and the last target's; counted from 0 unless
            given.

    Raises:
        ValueError: the shapes differ, or there is nothing to show.
    """
    given = {"instance": instance, "target": target, "prediction": prediction}
    values = {name: np.atleast_2d(np.asarray(value, float)) for name, value in given.items()}
    count, steps = values["instance"].shape[0], values["instance"].shape[-1]
    for name, value in values.items():
        if value.shape != (count, steps) or not value.size:
            raise ValueError(f"{name}: expected shape (steps,) or (windows, steps), alike for all, found {value.shape}")
    where = np.atleast_2d(np.arange(steps + 1) if times is None else np.asarray(times))
    if where.shape not in ((1, steps + 1), (count, steps + 1)):
        raise ValueError(f"times: expected shape ({steps + 1},) or ({count}, {steps + 1}), found {where.shape}")
    where = np.broadcast_to(where, (count, steps + 1))
    shown = min(count, MOST_PANELS)
    columns = 1 if shown == 1 else 2 if shown <= 4 else 3
    rows = -(-shown // columns)
    figure = Figure(figsize=(7, 4.2) if shown == 1 else (4.4 * columns, 2.6 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, time, *window in zip(panels, where, *values.values(), strict=False):
        axes.plot(time[:-1], window[0], "o", color="C0", markersize=6, label="instance")
        axes.plot(time[1:], window[1], "o", color="black", markersize=10, markerfacecolor="none", label="target")
        axes.plot(time[1:], window[2], ".", color="C3", markersize=7, label="prediction")
        axes.grid(alpha=0.3)
        axes.tick_params(labelsize=8)
    for axes in panels[:shown][-columns:]:
        axes.set_xlabel("time")
    for axes in panels[:shown:columns]:
        axes.set_ylabel("value")
    for axes in panels[shown:]:
        axes.remove()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    if count > shown:
        figure.suptitle(f"{shown} of {count} windows", fontsize=10)
    return figure
