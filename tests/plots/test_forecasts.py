"""Pictures of forecasts: what is drawn, and that it can be read."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from unrolled import plots


def series(name: str = "a", steps: int = 144, horizon: int = 12):
    """A history by month and a forecast with two intervals."""
    times = np.datetime64("1949-01") + np.arange(steps + horizon)
    times = times.astype("datetime64[ns]")
    middle = np.full(horizon, 5.0)
    bands = {80: (middle - 2, middle + 2), 50: (middle - 1, middle + 1)}
    return (name, times[:steps], np.arange(steps, dtype=float)), (times[steps:], middle, bands)


def drawn(axes, label: str):
    return next(line for line in axes.lines if line.get_label() == label)


def test_forecast_of_one_series_is_large() -> None:
    past, ahead = series()
    figure = plots.forecast([past], [ahead], [np.full(12, 6.0)])
    (axes,) = figure.axes
    assert axes.get_title() == "a"
    # Six horizons of history, and a fan that opens from its end.
    np.testing.assert_array_equal(drawn(axes, "history").get_ydata(), np.arange(72, 144))
    np.testing.assert_array_equal(drawn(axes, "forecast").get_ydata(), [143.0, *[5.0] * 12])
    np.testing.assert_array_equal(drawn(axes, "actual").get_ydata(), [6.0] * 12)
    wide, narrow = axes.collections
    assert (wide.get_label(), narrow.get_label()) == ("80 % interval", "50 % interval")
    assert {3.0, 7.0} <= set(wide.get_paths()[0].vertices[:, 1])
    assert {4.0, 6.0} <= set(narrow.get_paths()[0].vertices[:, 1])
    # The narrower is the darker.
    assert narrow.get_facecolor()[0, :3].sum() < wide.get_facecolor()[0, :3].sum()
    FigureCanvasAgg(figure).draw()
    years = [label.get_text() for label in axes.get_xticklabels()]
    assert set(years) & {str(year) for year in range(1949, 1963)}
    told = [text.get_text() for text in figure.legends[0].texts]
    assert told == ["history", "80 % interval", "50 % interval", "forecast", "actual"]


@pytest.mark.parametrize("count", [2, 40])
def test_many_series_make_a_grid_in_which_nothing_overlaps(count: int) -> None:
    both = [series(f"series {i}", steps=200) for i in range(count)]
    figure = plots.forecast([past for past, _ in both], [ahead for _, ahead in both])
    assert len(figure.axes) == min(count, 12)
    assert figure.get_suptitle() == ("12 of 40 series" if count == 40 else "")
    FigureCanvasAgg(figure).draw()
    for axes in figure.axes:
        labels = [label for label in axes.get_xticklabels() if label.get_text() and label.get_visible()]
        boxes = [label.get_window_extent() for label in labels]
        assert len(boxes) >= 2
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    panels = [axes.get_tightbbox() for axes in figure.axes]
    assert not any(a.overlaps(b) for i, a in enumerate(panels) for b in panels[:i])


def test_gaps_stay_gaps_and_short_series_show() -> None:
    past, ahead = ("gap", np.arange(3), np.array([1.0, np.nan, np.nan])), (np.array([3]), np.array([4.0]), {})
    (axes,) = plots.forecast([past], [ahead]).axes
    assert drawn(axes, "forecast").get_ydata().tolist() == [4.0]
    assert drawn(axes, "forecast").get_marker() == drawn(axes, "history").get_marker() == "."
    assert np.isnan(drawn(axes, "history").get_ydata()).sum() == 2


def test_names_are_literal_and_shortened() -> None:
    past, ahead = series("$a$" + "b" * 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plots.forecast([past, past], [ahead, ahead])
        FigureCanvasAgg(figure).draw()
    assert figure.axes[0].get_title().startswith(r"\$a\$b")
    assert figure.axes[0].get_title().endswith("b…")
    assert figure.axes[0].title.get_window_extent().width < figure.axes[0].bbox.width


def test_windows_are_a_step_apart() -> None:
    values = np.random.default_rng(0).normal(size=(5, 21))
    times = 0.1 * np.arange(21)
    figure = plots.windows(values[:, :-1], values[:, 1:], values[:, 1:] + 1, times)
    assert len(figure.axes) == 5
    for axes, window in zip(figure.axes, values, strict=True):
        for label, place, shown in (
            ("instance", times[:-1], window[:-1]),
            ("target", times[1:], window[1:]),
            ("prediction", times[1:], window[1:] + 1),
        ):
            np.testing.assert_array_equal(drawn(axes, label).get_xdata(), place)
            np.testing.assert_array_equal(drawn(axes, label).get_ydata(), shown)
    (axes,) = plots.windows(values[0, :-1], values[0, 1:], values[0, 1:]).axes
    assert drawn(axes, "instance").get_xdata().tolist() == list(range(20))
    many = plots.windows(*[np.zeros((30, 4))] * 3)
    assert (len(many.axes), many.get_suptitle()) == (12, "12 of 30 windows")


def test_creative_sequences_mark_their_seed() -> None:
    sequences = [np.arange(30.0), np.arange(50.0)]
    figure = plots.creative(sequences, [0, 20], ["from nothing", "from a start"], resolution=0.1)
    first, second = figure.axes
    assert first.get_title() == "from nothing"
    assert drawn(first, "seed").get_ydata().tolist() == []
    np.testing.assert_array_equal(drawn(first, "generated").get_ydata(), sequences[0])
    np.testing.assert_array_equal(drawn(second, "seed").get_ydata(), np.arange(20))
    np.testing.assert_array_equal(drawn(second, "generated").get_ydata(), np.arange(19, 50))
    np.testing.assert_allclose(drawn(second, "generated").get_xdata(), 0.1 * np.arange(19, 50))
    assert second.get_xlabel() == "time"


def test_errors_by_horizon_tell_their_mean() -> None:
    figure = plots.errors_by_horizon({"net": [1.0, 2.0], "naive": [2.0, np.nan]}, "MASE")
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.lines] == ["net (1.5)", "naive (2)"]
    assert axes.lines[0].get_xdata().tolist() == [1, 2]
    assert axes.get_ylabel() == "MASE"
    assert axes.get_ylim()[0] == 0


def test_bad_arguments_are_named() -> None:
    past, ahead = series()
    for call, message in (
        (lambda: plots.forecast([], []), "history: expected at least one"),
        (lambda: plots.forecast([past], []), "forecasts: expected one for each of 1"),
        (lambda: plots.forecast([past], [ahead], []), "actual: expected one for each of 1"),
        (lambda: plots.forecast([past], [ahead], [np.ones(3)]), "actual of 'a': expected as many"),
        (lambda: plots.forecast([("a", [1], [1, 2])], [ahead]), "history of 'a': expected as many"),
        (lambda: plots.forecast([past], [(ahead[0], ahead[1][:3], {})]), "forecast of 'a': expected as many"),
        (lambda: plots.forecast([past], [(*ahead[:2], {80: ([1], [2])})]), "80 % interval of 'a'"),
        (lambda: plots.windows(np.ones(3), np.ones(2), np.ones(3)), "target: expected shape"),
        (lambda: plots.windows(np.ones(0), np.ones(0), np.ones(0)), "instance: expected shape"),
        (lambda: plots.windows(*[np.ones(3)] * 3, times=np.ones(3)), "times: expected shape"),
        (lambda: plots.creative([], []), "sequences: expected at least one"),
        (lambda: plots.creative([np.ones(3)], [4]), "a seed of 4 at index 0"),
        (lambda: plots.creative([np.ones(3)], [1, 2]), "seeds: expected one for each of 1"),
        (lambda: plots.errors_by_horizon({}), "errors: expected at least one"),
        (lambda: plots.errors_by_horizon({"net": [np.nan]}), "errors of 'net'"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
