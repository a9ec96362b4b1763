"""Calibrated intervals cover what they say."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from unrolled.models.forecasting.conformal import Calibration

LEVELS = (0.05, 0.1, 0.5, 0.9, 0.95)


def world(windows: int, horizon: int, seed: int, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Values round a known middle with a known spread, and intervals that are `width` times too wide."""
    random = np.random.default_rng(seed)
    middle, spread = random.normal(size=(windows, horizon, 2)), random.uniform(0.1, 10, (windows, horizon, 2))
    actual = middle + spread * random.standard_t(3, (windows, horizon, 2))
    return actual, middle[..., None] + spread[..., None] * width * np.array([-2, -1.5, 0, 1.5, 2])


def covered(actual: np.ndarray, quantiles: np.ndarray, low: int) -> np.ndarray:
    """The part of each step's values between the quantiles `low` from either end."""
    inside = (quantiles[..., low] <= actual) & (actual <= quantiles[..., -1 - low])
    return inside.mean((0, 2))


@pytest.mark.parametrize("width", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("few", [10, 400])
def test_exchangeable_windows_are_covered_as_promised(width: float, few: int) -> None:
    # Each of 200 steps is a trial of its own, with corrections from its own windows.
    held, later = world(few, 200, 1, width), world(500, 200, 2, width)
    found = Calibration.fit(*held, LEVELS, enough=1).apply(later[1])
    scores = 2 * few
    for low, nominal in ((0, 0.9), (1, 0.8)):
        expected = np.ceil((scores + 1) * nominal) / (scores + 1)
        assert covered(later[0], found, low).mean() == pytest.approx(expected, abs=0.01)


def test_a_step_with_few_windows_borrows_from_its_neighbours() -> None:
    held, later = world(3, 100, 1, 0.3), world(2000, 100, 2, 0.3)
    own = covered(later[0], Calibration.fit(*held, LEVELS, enough=1).apply(later[1]), 1)
    lent = covered(later[0], Calibration.fit(*held, LEVELS).apply(later[1]), 1)
    assert lent.std() < 0.5 * own.std()
    assert lent.mean() == pytest.approx(0.8, abs=0.04)


def test_corrections_follow_the_horizon() -> None:
    # Intervals that are right at the first step and three times too narrow at the last.
    actual, quantiles = world(3000, 2, 0, 1.0)
    quantiles[:, 1] = quantiles[:, 1, :, 2:3] + (quantiles[:, 1] - quantiles[:, 1, :, 2:3]) / 3
    corrections = Calibration.fit(actual, quantiles, LEVELS).corrections
    width_after = (1 + 2 * corrections) * [[1], [1 / 3]]
    np.testing.assert_allclose(width_after[0], width_after[1], rtol=0.1)


@given(
    arrays(float, (4, 3, 1), elements=st.floats(-5, 5)),
    arrays(float, (4, 3, 1, 5), elements=st.floats(-5, 5)),
    arrays(float, (2, 6, 1, 5), elements=st.floats(-5, 5)),
)
def test_quantiles_never_cross(actual: np.ndarray, quantiles: np.ndarray, later: np.ndarray) -> None:
    found = Calibration.fit(actual, quantiles, LEVELS, enough=1).apply(later)
    assert (np.diff(found, axis=-1) >= 0).all()
    np.testing.assert_array_equal(found[..., 2], np.sort(later, -1)[..., 2])


@given(st.floats(0.001, 1000), st.floats(-100, 100))
def test_units_do_not_matter(factor: float, shift: float) -> None:
    actual, quantiles = world(50, 3, 0, 0.5)
    calibration = Calibration.fit(actual, quantiles, LEVELS)
    other = Calibration.fit(actual * factor + shift, quantiles * factor + shift, LEVELS)
    np.testing.assert_allclose(other.corrections, calibration.corrections, rtol=1e-6, atol=1e-6)


def test_missing_values_do_not_count() -> None:
    actual, quantiles = world(100, 2, 0, 0.5)
    masked = np.concatenate([actual, np.full_like(actual, np.nan)])
    twice = np.concatenate([quantiles, quantiles])
    np.testing.assert_array_equal(
        Calibration.fit(masked, twice, LEVELS, enough=1).corrections,
        Calibration.fit(actual, quantiles, LEVELS, enough=1).corrections,
    )
    nothing = Calibration.fit(np.full_like(actual, np.nan), quantiles, LEVELS)
    np.testing.assert_array_equal(nothing.apply(quantiles), quantiles)


def test_intervals_without_width_stay() -> None:
    actual = np.random.default_rng(0).normal(size=(50, 2, 1))
    flat = np.zeros((50, 2, 1, 5))
    np.testing.assert_array_equal(Calibration.fit(actual, flat, LEVELS).apply(flat), flat)


def test_levels_without_a_partner_stay() -> None:
    actual, quantiles = world(100, 2, 0, 0.5)
    levels = (0.1, 0.3, 0.5, 0.9, 0.95)
    found = Calibration.fit(actual, quantiles, levels)
    assert found.corrections.shape == (2, 1)
    lonely = Calibration.fit(actual, quantiles[..., :2], (0.1, 0.3))
    np.testing.assert_array_equal(lonely.apply(quantiles[..., :2]), quantiles[..., :2])


def test_other_horizons() -> None:
    actual, quantiles = world(300, 3, 0, 0.5)
    calibration = Calibration.fit(actual, quantiles, LEVELS)
    long = np.concatenate([quantiles, quantiles[:, -1:]], 1)
    np.testing.assert_array_equal(calibration.apply(long)[:, :3], calibration.apply(quantiles))
    np.testing.assert_array_equal(calibration.apply(long)[:, 3], calibration.apply(long)[:, 2])
    np.testing.assert_array_equal(calibration.apply(quantiles[0, :1]), calibration.apply(quantiles)[0, :1])


def test_records_come_back() -> None:
    actual, quantiles = world(60, 3, 0, 0.5)
    calibration = Calibration.fit(actual, quantiles, LEVELS)
    read = Calibration.from_record(json.loads(json.dumps(calibration.record())))
    assert read.levels == calibration.levels
    np.testing.assert_array_equal(read.apply(quantiles), calibration.apply(quantiles))


def test_bad_arguments_are_named() -> None:
    actual, quantiles = world(5, 3, 0, 0.5)
    with pytest.raises(ValueError, match="actual: expected shape"):
        Calibration.fit(actual[0], quantiles[0], LEVELS)
    with pytest.raises(ValueError, match="actual: expected at least one"):
        Calibration.fit(actual[:0], quantiles[:0], LEVELS)
    with pytest.raises(ValueError, match="quantiles: expected shape"):
        Calibration.fit(actual, quantiles[..., :3], LEVELS)
    with pytest.raises(ValueError, match="levels: expected"):
        Calibration.fit(actual, quantiles, LEVELS[::-1])
    calibration = Calibration.fit(actual, quantiles, LEVELS)
    with pytest.raises(ValueError, match="quantiles: expected shape"):
        calibration.apply(quantiles[..., :3])
    record = calibration.record()
    for bad in ({}, {"levels": None}, record | {"corrections": [[1.0]]}, record | {"corrections": [[np.nan] * 2]}):
        with pytest.raises(ValueError, match=r"record: expected|corrections: expected"):
            Calibration.from_record(bad)
