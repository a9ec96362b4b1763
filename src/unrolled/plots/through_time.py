"""What a cell did, step by step: states unit by unit, and gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

# More labels than this along the time axis would overlap.
MOST_LABELS = 60
QUANTILES = (0.1, 0.5, 0.9)
# The order of units that shows most: those that hold the same thing lie side by side.
SMALL = 1e-12


def states(values: Mapping[str, ArrayLike], labels: Sequence[str] | None = None, *, ordered: bool = True) -> Figure:
    """Heat maps, one for each state: time to the right, units downwards.

    Args:
        values: by name (time, units), as a row of `unrolled.inspect`'s.
        labels: (time,) what to write below the steps, such as the letters that were read, with "" for nothing; numbers
            unless given.
        ordered: whether units are ordered by when they are strongest, those of the first state's panel in all.

    Raises:
        ValueError: there is nothing to show, or the shapes do not match.
    """
    panels = _checked(values, labels)
    steps, units = next(iter(panels.values())).shape
    order = _order(next(iter(panels.values()))) if ordered else np.arange(units)
    height = float(np.clip(0.05 * units, 1.7, 4))
    figure = Figure(figsize=(8.4, 0.9 + (height + 0.35) * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, value) in zip(grid, panels.items(), strict=True):
        # The same distance from zero is the same strength of colour.
        most = max(float(np.abs(value).max()), SMALL)
        shown = value[:, order] if value.shape[1] == units else value
        image = axes.imshow(shown.T, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto", interpolation="nearest")
        figure.colorbar(image, ax=axes, fraction=0.04, pad=0.02).set_label("value")
        axes.set_title(f"state {name}", fontsize=10, loc="left")
        axes.set_ylabel("unit" + (", sorted" if ordered and value.shape[1] == units else ""))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    _label_time(grid[-1], steps, labels)
    return figure


def gates(values: Mapping[str, ArrayLike], labels: Sequence[str] | None = None) -> Figure:
    """How each gate went through time: its median over the units, and where four fifths of them lie.

    Args:
        values: by name (time, units), as a row of `unrolled.inspect`'s. What lies between 0 and 1 is drawn on
            that scale.
        labels: as of `states`.

    Raises:
        ValueError: there is nothing to show, or the shapes do not match.
    """
    panels = _checked(values, labels)
    steps = len(next(iter(panels.values())))
    figure = Figure(figsize=(8.4, 0.9 + 1.55 * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for number, (axes, (name, value)) in enumerate(zip(grid, panels.items(), strict=True)):
        low, middle, high = np.quantile(value, QUANTILES, axis=1)
        colour = f"C{number}"
        axes.fill_between(range(steps), low, high, color=colour, alpha=0.25, linewidth=0)
        axes.plot(middle, color=colour, marker="." if steps <= MOST_LABELS else None)
        opens = value.min() >= 0 and value.max() <= 1
        axes.set_title(f"{name} gate" if opens else name, fontsize=10, loc="left")
        if opens:
            axes.set_ylim(-0.05, 1.05)
            axes.set_yticks([0, 0.5, 1], ["0 shut", "0.5", "1 open"])
        else:
            axes.set_ylabel("value")
        axes.grid(alpha=0.3)
        axes.margins(x=0.01)
    _label_time(grid[-1], steps, labels)
    figure.suptitle("median of the units, and the range of 80 % of them", fontsize=9, color="0.35")
    return figure


def _checked(values: Mapping[str, ArrayLike], labels: Sequence[str] | None) -> dict[str, NDArray[np.float64]]:
    arrays = {name: np.asarray(value, float) for name, value in values.items()}
    if not arrays:
        raise ValueError("values: expected at least one, by name, found none")
    steps = next(iter(arrays.values())).shape[:1]
    for name, value in arrays.items():
        if value.ndim != 2 or not value.size or value.shape[:1] != steps:
            raise ValueError(f"values: expected (time, units) for {name}, as many steps in all, found {value.shape}")
    if labels is not None and (len(labels),) != steps:
        raise ValueError(f"labels: expected one for each of {steps[0]} steps, found {len(labels)}")
    return arrays


def _order(value: NDArray[np.float64]) -> NDArray[Any]:
    strength = np.abs(value)
    # The middle of each unit's strength in time.
    middle = (strength * np.arange(len(value))[:, None]).sum(0) / np.maximum(strength.sum(0), SMALL)
    return np.argsort(middle, kind="stable")


def _label_time(axes: Axes, steps: int, labels: Sequence[str] | None) -> None:
    axes.set_xlabel("step")
    if labels is None:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return
    # Where nothing is written there is no tick.
    where = [step for step in range(steps) if labels[step]]
    where = where[:: max(1, -(-len(where) // MOST_LABELS))]
    long = max((len(labels[i]) for i in where), default=0) > 2 and steps > 8
    # Labels are text, in which a dollar sign is no formula.
    axes.set_xticks(where, [labels[i].replace("$", r"\$") for i in where], fontsize=8, rotation=90 if long else 0)
