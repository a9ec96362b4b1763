"""What was and what is expected, with how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

History = tuple[str, ArrayLike, ArrayLike]
Forecast = tuple[ArrayLike, ArrayLike, Mapping[float, tuple[ArrayLike, ArrayLike]]]

MOST_PANELS = 12
# History shown, in horizons, so that neither it nor the forecast is squeezed: alone, and in a grid; in steps, at least.
HORIZONS = (6, 3)
STEPS = 60
# Characters of a name that fit above the axes, alone and in a grid.
NAME = (90, 36)
# Lines of at most so many points show each as a dot.
DOTS = 40


def forecast(
    history: Sequence[History],
    forecasts: Sequence[Forecast],
    actual: Sequence[ArrayLike | None] | None = None,
    *,
    steps: int | None = None,
) -> Figure:
    """A fan chart: history, forecast and the intervals round it; one series large, up to twelve in a grid.

    Args:
        history: for each series its name, times (time,), numbers or datetime64, and values (time,), NaN where missing.
        forecasts: for each series times (horizon,), the forecast (horizon,), and by percentage the lower and upper
            ends (horizon,) of intervals, of which there may be none.
        actual: for each series what came (horizon,), or None where that is not known.
        steps: of the history to show; unless given six horizons, three in a grid, and sixty steps at least.

    Series past the twelfth are left out, and the title says so.

    Raises:
        ValueError: there is no series, or the arguments do not match in number or length.
    """
    if not history:
        raise ValueError("history: expected at least one series, found none")
    told = [None] * len(history) if actual is None else list(actual)
    for name, given in (("forecasts", forecasts), ("actual", told)):
        if len(given) != len(history):
            raise ValueError(f"{name}: expected one for each of {len(history)} series, found {len(given)}")
    shown = min(len(history), MOST_PANELS)
    columns = 1 if shown == 1 else 2 if shown <= 4 else 3
    rows = -(-shown // columns)
    size = (10, 4.6) if shown == 1 else (4.4 * columns + 0.6, 2.3 * rows + 0.7)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, past, ahead, came in zip(panels, history, forecasts, told, strict=False):
        count = max(HORIZONS[shown > 1] * len(np.asarray(ahead[0])), STEPS) if steps is None else steps
        draw_forecast(axes, past, ahead, came, count)
        axes.set_title(_shortened(past[0], NAME[shown > 1]), fontsize=10)
    for axes in panels[shown:]:
        axes.remove()
    labels: dict[str, Any] = {}
    for axes in panels[:shown]:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            labels.setdefault(label, handle)
    figure.legend(labels.values(), labels.keys(), loc="outside lower center", ncols=len(labels), frameon=False)
    if len(history) > shown:
        figure.suptitle(f"{shown} of {len(history)} series", fontsize=10)
    return figure


def draw_forecast(axes: Axes, history: History, ahead: Forecast, actual: ArrayLike | None, steps: int) -> None:
    """Draws one series, with the last few steps of its history.

    Raises:
        ValueError: times and values differ in length.
    """
    name, times, values = history[0], np.asarray(history[1]), np.asarray(history[2], float)
    times_ahead, middle = np.asarray(ahead[0]), np.asarray(ahead[1], float)
    _check_lengths(f"history of {name!r}", times, values)
    _check_lengths(f"forecast of {name!r}", times_ahead, middle)
    times, values = times[max(0, len(times) - steps) :], values[max(0, len(values) - steps) :]
    # The fan opens where the history ends, if its last value is known.
    joined = len(values) > 0 and not np.isnan(values[-1])

    def from_history(value: ArrayLike) -> NDArray[np.float64]:
        return np.concatenate([values[-1:] if joined else values[:0], np.asarray(value, float)])

    where = np.concatenate([times[-1:], times_ahead]) if joined else times_ahead
    axes.plot(times, values, color="0.25", linewidth=1.2, marker=_marker(times), markersize=4, label="history")
    for percent in sorted(ahead[2], reverse=True):
        low, high = (np.asarray(end, float) for end in ahead[2][percent])
        _check_lengths(f"{percent:g} % interval of {name!r}", times_ahead, low, high)
        axes.fill_between(
            where,
            from_history(low),
            from_history(high),
            # Not transparent: a colour in the legend is the one in the picture, whatever lies below.
            color=_lightened("C0", 0.2 + 0.6 * (1 - percent / 100)),
            linewidth=0,
            label=f"{percent:g} % interval",
        )
    style: dict[str, Any] = {"marker": _marker(times_ahead), "markersize": 4}
    axes.plot(where, from_history(middle), color="C0", linewidth=1.6, label="forecast", **style)
    if actual is not None:
        came = np.asarray(actual, float)
        _check_lengths(f"actual of {name!r}", times_ahead, came)
        axes.plot(times_ahead, came, color="black", linewidth=1.2, linestyle=":", label="actual", **style)
    if times_ahead.dtype.kind == "M":
        locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        axes.xaxis.get_offset_text().set_fontsize(8)
    axes.margins(x=0.02)
    axes.grid(alpha=0.3)
    axes.tick_params(labelsize=8)


def _check_lengths(what: str, times: NDArray[Any], *values: NDArray[Any]) -> None:
    for value in values:
        if value.shape != times.shape or times.ndim != 1:
            raise ValueError(f"{what}: expected as many values as times, {times.shape}, found {value.shape}")


def _marker(times: NDArray[Any]) -> str | None:
    return "." if len(times) <= DOTS else None


def _lightened(colour: str, part: float) -> tuple[float, ...]:
    return tuple(1 - part * (1 - channel) for channel in to_rgb(colour))


def _shortened(name: str, most: int) -> str:
    name = str(name)
    # A pair of dollar signs would be set as mathematics.
    return (name if len(name) <= most else name[: most - 1] + "…").replace("$", r"\$")
