"""Forecasts that repeat what was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unrolled.models.forecasting import baselines


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=30), st.integers(1, 20), st.integers(1, 8))
def test_seasonal_naive_is_the_value_a_season_before(history: list[float], horizon: int, season: int) -> None:
    made = list(history)
    for _ in range(horizon):
        made.append(made[-season] if len(made) >= season else history[-1])
    if len(history) >= season:
        assert baselines.seasonal_naive(history, horizon, season).tolist() == made[len(history) :]
    assert baselines.naive(history, horizon).tolist() == [history[-1]] * horizon


def test_what_is_missing_comes_from_a_season_earlier() -> None:
    nan = np.nan
    assert baselines.seasonal_naive([1, 2, nan, 4, nan, nan], 4, 3).tolist() == [4, 2, 4, 4]
    assert baselines.naive([1, 2, nan], 2).tolist() == [2, 2]


def test_a_short_history_gives_what_it_has() -> None:
    assert baselines.seasonal_naive([1.0, 2.0], 4, 3).tolist() == [2, 1, 2, 2]


def test_quantiles_hold_what_they_promise() -> None:
    # A random walk, of which the naive intervals are right at every step.
    random = np.random.default_rng(0)
    walks = random.normal(size=(2000, 80)).cumsum(1)
    levels = (0.1, 0.5, 0.9)
    quantiles = np.stack([baselines.seasonal_naive_quantiles(walk[:60], 20, 1, levels) for walk in walks])
    below = (walks[:, 60:, None] <= quantiles).mean(0)
    np.testing.assert_allclose(below, np.broadcast_to(levels, (20, 3)), atol=0.04)
    np.testing.assert_array_equal(quantiles[0, :, 1], baselines.naive(walks[0, :60], 20))


def test_quantiles_grow_season_by_season() -> None:
    quantiles = baselines.seasonal_naive_quantiles(np.random.default_rng(0).normal(size=50), 8, 4, (0.1, 0.9))
    width = quantiles[:, 1] - quantiles[:, 0]
    np.testing.assert_allclose(width / width[0], [1] * 4 + [2**0.5] * 4)
    assert np.ptp(baselines.seasonal_naive_quantiles([3.0, 3.0], 2, 1, (0.1, 0.9))) == 0


def test_auto_ets_finds_trend_and_season() -> None:
    pytest.importorskip("statsforecast", reason="statsforecast is not installed")
    time = np.arange(84)
    series = 50 + time + 10 * np.sin(time * np.pi / 6) + np.random.default_rng(0).normal(size=84)
    history = series[:72].copy()
    history[[0, 30, 31]] = np.nan
    quantiles = baselines.auto_ets(history, 12, 12, (0.1, 0.5, 0.9))
    assert quantiles.shape == (12, 3)
    assert (np.diff(quantiles, axis=1) > 0).all()
    error = np.abs(quantiles[:, 1] - series[72:]).mean()
    assert error < 0.5 * np.abs(baselines.seasonal_naive(history, 12, 12) - series[72:]).mean()
    # What is missing at the end is forecast and left out.
    history[-2:] = np.nan
    assert baselines.auto_ets(history, 12, 12).shape == (12, 1)
    assert np.abs(baselines.auto_ets(history, 12, 12)[:, 0] - series[72:]).mean() < 3


def test_bad_arguments_are_named() -> None:
    for history in ([], [np.nan], [[1.0]]):
        with pytest.raises(ValueError, match="history: expected one series"):
            baselines.naive(history, 1)
    for horizon in (0, 1.0, True):
        with pytest.raises(ValueError, match="horizon: expected a positive integer"):
            baselines.naive([1.0], horizon)
    with pytest.raises(ValueError, match="season: expected"):
        baselines.seasonal_naive([1.0], 1, 0)
    with pytest.raises(ValueError, match="levels: expected"):
        baselines.seasonal_naive_quantiles([1.0], 1, 1, [0.9, 0.1])
