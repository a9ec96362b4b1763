"""How many times longer the others take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator


def speed(lines: Sequence[tuple[str, Mapping[str, float]]]) -> Figure:
    """A dot for each contender on each line, on a logarithmic scale; 1 is our own time.

    Args:
        lines: what was measured, and by contender how many times longer than ours it took.

    Raises:
        ValueError: there is nothing to show.
    """
    shown = [(name, times) for name, times in lines if times]
    if not shown:
        raise ValueError("lines: expected at least one with a time, found none")
    names = list(dict.fromkeys(name for _, times in shown for name in times))
    figure = Figure(figsize=(8.5, 1.4 + 0.3 * len(shown)), layout="constrained")
    axes = figure.subplots()
    for number, contender in enumerate(names):
        rows = [row for row, (_, times) in enumerate(shown) if contender in times]
        places = [shown[row][1][contender] for row in rows]
        marker = "osD^vPX*"[number % 8]
        axes.scatter(places, rows, label=contender, marker=marker, s=36, zorder=3)
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_xscale("log")
    highest = max(value for _, times in shown for value in times.values())
    ticks = [tick for tick in (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if tick <= 1.5 * highest]
    axes.set_xticks(ticks)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_yticks(range(len(shown)), [name for name, _ in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.grid(axis="x", alpha=0.3)
    axes.grid(axis="y", alpha=0.15)
    axes.set_xlabel("times longer than unrolled\n(right of the line: unrolled is faster)")
    figure.legend(loc="outside upper center", ncols=-(-len(names) // (1 if len(names) < 5 else 2)), frameon=False)
    return figure
