"""An ensemble is the mean of its members, saved and loaded as one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from unrolled import EnsembleForecaster
from unrolled.models import ModelError
from unrolled.models.forecasting.metrics import coverage

from .test_forecaster import small, stamped, wave


@pytest.fixture(scope="module")
def fitted() -> EnsembleForecaster:
    members = [small(difference=1), small(difference=None, scaling="level", random_state=1)]
    return EnsembleForecaster(members).fit(stamped(wave(), wave(seed=1)))


def test_it_says_the_mean_of_its_members(fitted: EnsembleForecaster) -> None:
    said = [member.predict() for member in fitted.members_]
    mean = fitted.predict()
    assert list(mean.columns) == list(said[0].columns)
    np.testing.assert_allclose(mean["unrolled"], (said[0]["unrolled"] + said[1]["unrolled"]) / 2)
    assert not np.allclose(said[0]["unrolled"], said[1]["unrolled"])
    assert (mean["unrolled-lo-80"] <= mean["unrolled-hi-80"]).all()


def test_its_intervals_are_those_of_the_mean_not_of_its_members() -> None:
    # Each member adds noise of its own, which the mean has less of.
    draw = np.random.default_rng(0)
    series = [draw.normal(0, 1, 160) for _ in range(60)]
    members = [
        small(difference=1, scaling=None, loss="mae", windows_per_epoch=64, random_state=seed) for seed in range(3)
    ]
    ensemble = EnsembleForecaster(members).fit([y[:150] for y in series])
    actual = np.stack([y[150:154] for y in series])
    assert ensemble.calibration_ is not None
    low, _, high = np.moveaxis(np.stack(ensemble.predict_quantiles()), -1, 0)
    assert 0.7 < coverage(actual, low, high) < 0.9
    refitted = EnsembleForecaster([clone(member).set_params(refit=True) for member in members[:2]])
    assert refitted.fit([y[:150] for y in series]).calibration_ is None


def test_it_is_calibrated_anew(fitted: EnsembleForecaster) -> None:
    again = EnsembleForecaster(fitted.forecasters).fit(stamped(wave(), wave(seed=1)))
    before = again.predict()
    louder = [wave(90, seed=seed) + np.random.default_rng(seed).normal(0, 4, 90) for seed in range(2)]
    again.calibrate(stamped(*louder), steps=40)
    after = again.predict()
    np.testing.assert_allclose(after["unrolled"], before["unrolled"])
    widths = [frame["unrolled-hi-80"] - frame["unrolled-lo-80"] for frame in (before, after)]
    assert widths[1].mean() > 2 * widths[0].mean()


def test_a_longer_horizon_other_series_and_quantiles(fitted: EnsembleForecaster) -> None:
    other = stamped(wave(60, seed=5))
    assert len(fitted.predict(7, other)) == 7
    assert np.stack(fitted.predict_quantiles(3)).shape == (2, 3, 3)


def test_backtest_is_that_of_the_mean(fitted: EnsembleForecaster) -> None:
    data = stamped(wave(60, seed=5))
    whole = fitted.backtest(data, windows=2, refit="never", baselines=["naive"])
    parts = [member.backtest(data, windows=2, refit="never", baselines=["naive"]) for member in fitted.members_]
    mean = np.mean([part.frame["unrolled"] for part in parts], 0)
    np.testing.assert_allclose(whole.frame["unrolled"], mean)
    again = fitted.backtest(data, windows=1)
    assert {row["model"] for row in again.rows} >= {"unrolled", "naive"}


def test_saved_and_loaded_it_says_the_same(fitted: EnsembleForecaster, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    loaded = EnsembleForecaster.load(tmp_path / "model")
    assert loaded.predict().equals(fitted.predict())
    assert clone(loaded).get_params()["forecasters"][0].hidden_size == 5


@pytest.mark.parametrize("members", [[], "no list", [{}], [{"parameters": {}}]])
def test_a_damaged_config_is_refused(fitted: EnsembleForecaster, tmp_path: Path, members: object) -> None:
    fitted.save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"members": members}))
    with pytest.raises(ModelError, match=re.escape(str(tmp_path / "model"))):
        EnsembleForecaster.load(tmp_path / "model")


def test_an_interrupted_fit_goes_on(tmp_path: Path) -> None:
    members, data = [small(), small(random_state=1)], wave()
    whole = EnsembleForecaster(members).fit(data)
    EnsembleForecaster(members[:1]).fit(data, checkpoints=tmp_path / "runs")
    resumed = EnsembleForecaster(members).fit(data, checkpoints=tmp_path / "runs", resume=True)
    assert (resumed.predict() == whole.predict()).all()


def test_members_that_do_not_fit_together_are_an_error() -> None:
    with pytest.raises(ValueError, match="forecasters: expected a list of Forecasters, found"):
        EnsembleForecaster([]).fit(wave())
    with pytest.raises(ValueError, match="forecasters: expected one horizon for all"):
        EnsembleForecaster([small(), small(horizon=5)]).fit(wave())
    with pytest.raises(ValueError, match="hidden_size"):
        EnsembleForecaster([small(hidden_size=0)]).fit(wave())
    with pytest.raises(NotFittedError):
        EnsembleForecaster([small()]).predict()
