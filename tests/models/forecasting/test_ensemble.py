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

from .test_forecaster import small, stamped, wave


@pytest.fixture(scope="module")
def fitted() -> EnsembleForecaster:
    members = [small(difference=1), small(difference=None, scaling="level", random_state=1)]
    return EnsembleForecaster(members).fit(stamped(wave(), wave(seed=1)))


def test_it_says_the_mean_of_its_members(fitted: EnsembleForecaster) -> None:
    said = [member.predict() for member in fitted.members_]
    mean = fitted.predict()
    assert list(mean.columns) == list(said[0].columns)
    for name in mean.columns[2:]:
        np.testing.assert_allclose(mean[name], (said[0][name] + said[1][name]) / 2)
        assert not np.allclose(said[0][name], said[1][name])
    assert (mean["unrolled-lo-80"] <= mean["unrolled-hi-80"]).all()


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
