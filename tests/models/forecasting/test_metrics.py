"""Errors beside independent formulas and published values."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm
from sklearn import metrics as sklearn

from unrolled.models.forecasting import baselines, metrics

M4 = Path(__file__).parents[4] / "shared" / "data" / "m4"


def random_pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(size=(3, 4, 5)), random.normal(size=(3, 4, 5))


@given(st.integers(0, 1000), st.floats(0.01, 0.99))
def test_errors_are_those_of_scikit_learn(seed: int, level: float) -> None:
    actual, forecast = random_pair(seed)
    flat = actual.ravel(), forecast.ravel()
    assert np.isclose(metrics.mae(actual, forecast), sklearn.mean_absolute_error(*flat))
    assert np.isclose(metrics.mse(actual, forecast), sklearn.mean_squared_error(*flat))
    assert np.isclose(metrics.rmse(actual, forecast), sklearn.root_mean_squared_error(*flat))
    assert np.isclose(metrics.pinball(actual, forecast, level), sklearn.mean_pinball_loss(*flat, alpha=level))


@given(st.integers(0, 1000))
def test_missing_values_do_not_count(seed: int) -> None:
    actual, forecast = random_pair(seed)
    missing = np.random.default_rng(seed).random(actual.shape) < 0.3
    masked = np.where(missing, np.nan, actual)
    quantiles = np.stack([forecast - 1, forecast + 1], -1)
    for metric in (metrics.mae, metrics.mse, metrics.rmse, metrics.smape):
        assert np.isclose(metric(masked, forecast), metric(actual[~missing], forecast[~missing]))
    left = actual[~missing]
    assert np.isclose(metrics.crps(masked, quantiles, (0.1, 0.9)), metrics.crps(left, quantiles[~missing], (0.1, 0.9)))
    inside = metrics.coverage(masked, forecast - 1, forecast + 1)
    assert np.isclose(inside, np.mean(np.abs(left - forecast[~missing]) <= 1))


def test_nothing_to_count_and_broken_forecasts_are_no_number() -> None:
    nothing, some = np.full(3, np.nan), np.ones(3)
    broken = np.array([1.0, np.nan, 1.0])
    for metric in (metrics.mae, metrics.mse, metrics.rmse, metrics.smape):
        assert np.isnan(metric(nothing, some))
        assert np.isnan(metric(some, broken))
    assert np.isnan(metrics.coverage(some, broken, some))
    assert np.isnan(metrics.coverage(nothing, some, some))
    assert np.isnan(metrics.crps(np.zeros(3), np.ones((3, 1)), [0.5]))


def test_smape_by_hand() -> None:
    assert metrics.smape([1.0, 0.0, 2.0], [3.0, 0.0, -2.0]) == pytest.approx((100 + 0 + 200) / 3)


def test_mase_by_hand() -> None:
    # Differences two steps apart: 2, 2 and a missing one; the errors are 1 and 3.
    history = [1.0, 5.0, 3.0, np.nan, 5.0]
    assert metrics.scale(history, 2) == 2
    assert metrics.mase([6.0, 0.0], [5.0, 3.0], history, 2) == 1
    assert np.isnan(metrics.mase([6.0], [5.0], [4.0, 4.0, 4.0], 1))
    assert np.isnan(metrics.scale([1.0, 2.0], 2))


def test_mean_quantile_loss_tends_to_the_crps() -> None:
    # Of a standard normal forecast, by the integral of (F(x) - 1[x >= y])^2.
    value = 0.7
    below, _ = quad(lambda x: norm.cdf(x) ** 2, -12, value)
    above, _ = quad(lambda x: (norm.cdf(x) - 1) ** 2, value, 12)
    levels = (np.arange(2000) + 0.5) / 2000
    found = metrics.crps([value], norm.ppf(levels)[None], levels)
    assert found * value == pytest.approx(below + above, abs=1e-4)


def test_table_pools_series_and_steps() -> None:
    columns = {
        "unique_id": np.array(["a", "a", "b", "b"], object),
        "ds": np.arange(4),
        "cutoff": np.zeros(4),
        "y": np.array([1.0, 2.0, 10.0, np.nan]),
        "point": np.array([2.0, 2.0, 10.0, 10.0]),
        "net-2": np.array([1.0, 3.0, 14.0, 10.0]),
        "net-2-lo-80": np.array([0.0, 2.5, 9.0, 0.0]),
        "net-2-hi-80": np.array([2.0, 4.0, 15.0, 0.0]),
        "net-2-lo-50": np.array([1.0, 2.5, 12.0, 0.0]),
        "net-2-hi-50": np.array([1.5, 3.5, 14.0, 0.0]),
    }
    histories = {"a": [0.0, 1.0, 0.0], "b": [0.0, 4.0, 0.0]}
    point, net = metrics.table(columns, histories, 1)
    assert point == {
        "model": "point",
        "MAE": pytest.approx(1 / 3),
        "RMSE": pytest.approx(np.sqrt(1 / 3)),
        "sMAPE": pytest.approx(200 * (1 / 3) / 3),
        "MASE": pytest.approx(1 / 3),
    }
    assert net["model"] == "net-2"
    assert net["MASE"] == pytest.approx((0 + 1 + 1) / 3)
    assert (net["coverage-50"], net["coverage-80"]) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    quantiles = np.stack([columns[f"net-2{end}"] for end in ("-lo-80", "-lo-50", "", "-hi-50", "-hi-80")], -1)
    assert net["CRPS"] == pytest.approx(metrics.crps(columns["y"], quantiles, (0.1, 0.25, 0.5, 0.75, 0.9)))
    assert list(metrics.table(columns, histories, 1, levels=[80])[1])[-1] == "coverage-80"
    # A series that never changes has no scale; the other one is what is left.
    assert metrics.table(columns, histories | {"b": [3.0, 3.0]}, 1)[0]["MASE"] == pytest.approx(1 / 2)


def test_errors_by_horizon_whatever_the_order_of_rows() -> None:
    random = np.random.default_rng(0)
    actual, forecast = random.normal(size=(2, 3, 4)), random.normal(size=(2, 3, 4))
    actual[0, 1, 2] = np.nan
    series, cutoff, ahead = (index.ravel() for index in np.indices(actual.shape))
    columns = {"unique_id": np.array(["b", "a"], object)[series], "cutoff": 10 * cutoff, "ds": 10 * cutoff + ahead}
    columns |= {"y": actual.ravel(), "m": forecast.ravel()}
    shuffled = random.permutation(len(series))
    found = metrics.by_horizon({name: column[shuffled] for name, column in columns.items()})
    np.testing.assert_allclose(found["m"], np.nanmean(np.abs(actual - forecast), (0, 1)))
    histories = {"b": [0.0, 2.0], "a": [0.0, 5.0]}
    scaled = metrics.by_horizon(columns, histories)["m"]
    np.testing.assert_allclose(scaled, np.nanmean(np.abs(actual - forecast) / [[[2]], [[5]]], (0, 1)))
    with pytest.raises(ValueError, match="one named 'ds'"):
        metrics.by_horizon({"unique_id": ["a"], "y": [1.0]})


def test_bad_tables_are_named() -> None:
    columns = {"unique_id": ["a"], "y": [1.0], "m": [1.0], "m-lo-80": [0.0]}
    with pytest.raises(ValueError, match="upper end for 'm-lo-80'"):
        metrics.table(columns, {"a": [1.0, 2.0]}, 1)
    with pytest.raises(ValueError, match="m-lo-90"):
        metrics.table(columns | {"m-hi-80": [1.0]}, {"a": [1.0, 2.0]}, 1, levels=[90])
    with pytest.raises(ValueError, match="histories: expected one of every series, found none of 'a'"):
        metrics.table(columns, {}, 1)
    with pytest.raises(ValueError, match="one named 'y'"):
        metrics.table({"unique_id": ["a"]}, {}, 1)
    with pytest.raises(ValueError, match="unique_id: expected as many rows as y, 2"):
        metrics.table({"unique_id": ["a"], "y": [1.0, 2.0]}, {}, 1)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"forecast: expected the shape of actual, \(2,\), found \(2, 1\)"):
        metrics.mae([1.0, 2.0], [[1.0], [2.0]])
    with pytest.raises(ValueError, match="low: expected"):
        metrics.coverage([1.0, 2.0], [1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="quantiles: expected shape"):
        metrics.crps([1.0], [[1.0, 2.0]], [0.5])
    for levels in ([0.5, 0.5], [0.9, 0.1], [0.0], [1.0], []):
        with pytest.raises(ValueError, match="levels: expected"):
            metrics.crps([1.0], [[1.0] * len(levels)], levels)
    for season in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="season: expected"):
            metrics.scale([1.0, 2.0], season)
    with pytest.raises(ValueError, match="history: expected one series"):
        metrics.scale([[1.0, 2.0]], 1)


@pytest.mark.skipif(not M4.exists(), reason="needs the development data, ../shared/data")
def test_seasonal_naive_on_m4_is_as_published() -> None:
    def rows(name: str) -> dict[str, np.ndarray]:
        with (M4 / name).open(newline="") as file:
            return {row[0]: np.array([float(v) for v in row[1:] if v]) for row in list(csv.reader(file))[1:]}

    histories, actuals = rows("Hourly-train.csv"), rows("Hourly-test.csv")
    forecasts = {name: baselines.seasonal_naive(history, 48, 24) for name, history in histories.items()}
    columns = {
        "unique_id": np.repeat(np.array(list(actuals), object), 48),
        "y": np.concatenate(list(actuals.values())),
        "sNaive": np.concatenate([forecasts[name] for name in actuals]),
        "Naive": np.concatenate([baselines.naive(histories[name], 48) for name in actuals]),
    }
    seasonal, naive = metrics.table(columns, histories, 24)
    assert (seasonal["sMAPE"], seasonal["MASE"]) == (pytest.approx(13.912, abs=5e-4), pytest.approx(1.193, abs=5e-4))
    assert (naive["sMAPE"], naive["MASE"]) == (pytest.approx(43.003, abs=5e-4), pytest.approx(11.608, abs=5e-4))
