"""Rolling origins: nothing of the future is seen, and the table is that of the frame."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from unrolled import Forecaster
from unrolled.models.forecasting import baselines, metrics
from unrolled.models.forecasting.backtest import origins


def wave(steps: int, seed: int = 0) -> np.ndarray:
    time = np.arange(steps)
    return 5 + np.sin(time * 2 * np.pi / 6) + 0.02 * time + np.random.default_rng(seed).normal(0, 0.05, steps)


def small(**options: object) -> Forecaster:
    defaults: dict[str, object] = {"hidden_size": 5, "horizon": 4, "window": 8, "epochs": 1, "windows_per_epoch": 64}
    return Forecaster(**(defaults | {"random_state": 0, "refit": False, "season": 6} | options))


def frame(*lengths: int) -> pd.DataFrame:
    return pd.concat(
        pd.DataFrame({"unique_id": f"s{i}", "ds": pd.date_range("2024-01-01", periods=n), "y": wave(n, i)})
        for i, n in enumerate(lengths)
    )


def test_the_frame_has_the_shape_of_a_cross_validation() -> None:
    found = small().backtest(frame(60, 40), windows=3, step=2)
    assert isinstance(found.frame, pd.DataFrame)
    assert list(found.frame)[:6] == ["unique_id", "ds", "cutoff", "y", "unrolled", "unrolled-lo-80"]
    assert len(found.frame) == 2 * 3 * 4
    first = found.frame.iloc[0]
    assert str(first["cutoff"])[:10] == "2024-02-21"
    assert str(first["ds"])[:10] == "2024-02-22"
    whole = frame(60, 40).merge(found.frame, on=["unique_id", "ds"], suffixes=("", "_told"))
    assert np.array_equal(whole["y"], whole["y_told"])


def test_the_table_is_that_of_the_frame() -> None:
    found = small(quantiles=(0.05, 0.3, 0.5, 0.95)).backtest(frame(60, 40), windows=2)
    table = found.table.set_index("model")
    assert list(table.index)[:3] == ["unrolled", "naive", "seasonal-naive"]
    told = found.frame
    assert table.loc["unrolled", "MAE"] == pytest.approx(np.abs(told["unrolled"] - told["y"]).mean())
    inside = (told["unrolled-lo-90"] <= told["y"]) & (told["y"] <= told["unrolled-hi-90"])
    assert table.loc["unrolled", "coverage-90"] == pytest.approx(inside.mean())
    history = wave(60)[:52]
    assert told["seasonal-naive"][:4].tolist() == pytest.approx(baselines.seasonal_naive(history, 4, 6))
    assert "unrolled" in str(found)
    assert "MASE" in str(found).splitlines()[0]
    axes = found.plot().axes[0]
    assert len(axes.lines) == len(table)


@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize("scaling", ["window", "series", "global"])
def test_the_future_is_not_seen(refit: bool, scaling: str) -> None:
    y = wave(60)
    changed = y.copy()
    changed[52:] += 100
    first, other = (
        small(scaling=scaling).backtest(values, windows=2, refit=refit, baselines=[]).frame for values in (y, changed)
    )
    assert isinstance(first, pl.DataFrame)
    assert first["unrolled"][:4].to_list() == other["unrolled"][:4].to_list()
    assert first["unrolled"][4:].to_list() != other["unrolled"][4:].to_list()


def test_a_trained_model_on_what_it_has_not_seen() -> None:
    model = small().fit(wave(60))
    weights = [parameter.clone() for parameter in model.model_.parameters()]
    found = model.backtest(wave(70), windows=6, step=1, refit="never")
    assert all((a == b).all() for a, b in zip(weights, model.model_.parameters(), strict=True))
    assert found.frame["unrolled"][:4].to_numpy() == pytest.approx(model.predict(series=wave(70)[:61]), abs=1e-5)


def test_several_targets_are_told_apart() -> None:
    both = pd.DataFrame({"ds": pd.date_range("2024", periods=50), "a": wave(50), "b": wave(50, 1)})
    found = small().backtest(both, windows=2)
    assert found.frame["unique_id"].tolist() == ["a"] * 4 + ["b"] * 4 + ["a"] * 4 + ["b"] * 4
    last = found.frame[found.frame["unique_id"] == "b"].iloc[-4:]
    assert last["y"].tolist() == wave(50, 1)[-4:].tolist()
    scale = np.mean([metrics.scale(wave(50, i)[:42], 6) for i in range(2)])
    row = found.rows[0]
    assert row["MASE"] == pytest.approx(row["MAE"] / scale, rel=0.1)


def test_origins_of_ragged_series() -> None:
    assert origins(np.array([10, 5, 7]), 4, 2, 3) == [(0, 3), (0, 6), (2, 3)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"windows": 0}, "windows"),
        ({"step": -1}, "step"),
        ({"refit": "always"}, "refit"),
        ({"baselines": ["arima"]}, "baselines: expected some of naive"),
        ({"series": wave(5)}, "more than 5 steps"),
    ],
)
def test_bad_input_is_named(options: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        small().backtest(**({"series": wave(60)} | options))
