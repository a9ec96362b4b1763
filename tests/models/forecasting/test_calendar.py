"""The calendar as numbers, beside the standard library's own calendar."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unrolled.models.forecasting import calendar

# What each feature is by the standard library, and its last place.
OWN = {
    "second_of_minute": (lambda t: t.second, 59),
    "minute_of_hour": (lambda t: t.minute, 59),
    "hour_of_day": (lambda t: t.hour, 23),
    "day_of_week": (lambda t: t.weekday(), 6),
    "day_of_month": (lambda t: t.day - 1, 30),
    "day_of_year": (lambda t: t.timetuple().tm_yday - 1, 365),
    "week_of_year": (lambda t: t.isocalendar().week - 1, 52),
    "month_of_year": (lambda t: t.month - 1, 11),
}


@given(
    st.lists(st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1)), min_size=1, max_size=5),
    st.sampled_from(["s", "1m", "15min", "h", "D", "B", "W-SUN", "SMS", "MS", "1mo", "QE-DEC", "1y"]),
    st.sampled_from(["us", "ns", "s"]),
)
def test_features_are_the_calendars(times: list[datetime], frequency: str, unit: str) -> None:
    values, names = calendar.features(np.array(times, f"datetime64[{unit}]"), frequency)
    assert values.dtype == np.float32
    assert values.shape == (len(times), len(names))
    for column, name in zip(values.T, names, strict=True):
        place, last = OWN[name]
        np.testing.assert_allclose(column, [place(t) / last - 0.5 for t in times], atol=1e-6)


def test_features_go_with_the_frequency() -> None:
    start = datetime(2024, 12, 30)
    hours = np.array([start + timedelta(hours=i) for i in range(24 * 400)], "datetime64[s]")
    values, names = calendar.features(hours, "h")
    assert names == ["hour_of_day", "day_of_week", "day_of_month", "day_of_year"]
    assert values.min(0).tolist() == [-0.5] * 4
    assert np.abs(values).max() <= 0.5
    assert calendar.features(hours, "1w")[1] == ["day_of_month", "week_of_year"]
    assert calendar.features(hours, "3")[0].shape == (len(hours), 0)


@pytest.mark.parametrize(
    ("frequency", "season"),
    [
        ("h", 24),
        ("1h", 24),
        ("H", 24),
        ("6h", 4),
        ("7h", 1),
        ("15min", 96),
        ("15m", 96),
        ("D", 7),
        ("B", 5),
        ("W", 52),
        ("W-MON", 52),
        ("M", 12),
        ("MS", 12),
        ("1mo", 12),
        ("QS-JAN", 4),
        ("q", 4),
        ("YE-DEC", 1),
        ("ms", 1),
        ("1", 1),
    ],
)
def test_season_length(frequency: str, season: int) -> None:
    assert calendar.season_length(frequency) == season


@pytest.mark.parametrize("frequency", ["hourly", "", "0h", "-1h", "h1", "1.5h", None, "x"])
def test_unknown_frequencies_are_named(frequency) -> None:
    with pytest.raises(ValueError, match="frequency: expected"):
        calendar.season_length(frequency)


def test_bad_times_are_named() -> None:
    with pytest.raises(ValueError, match="index 1"):
        calendar.features(np.array(["2024-01-01", "NaT"], "datetime64[D]"), "D")
    with pytest.raises(ValueError, match="times: expected datetime64"):
        calendar.features(np.arange(3), "D")
