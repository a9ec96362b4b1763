"""Forecaster: it learns, is repeatable, is not moved by what is missing, and says what is wrong with its input."""

import json
import os
import shutil
import signal

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import estimator_checks

from unrolled import Forecaster, cells
from unrolled.cells import Cell, State, tanh
from unrolled.data import read_series
from unrolled.models import ModelError
from unrolled.models.forecasting import baselines, metrics
from unrolled.models.forecasting.windows import Windows
from unrolled.training import Callback, Interrupted


def wave(steps: int = 120, *, season: int = 8, seed: int = 0, growth: float = 0.02) -> np.ndarray:
    """A season, a trend and a little noise."""
    time = np.arange(steps)
    noise = np.random.default_rng(seed).normal(0, 0.05, steps)
    return 5 + np.sin(time * 2 * np.pi / season) + growth * time + noise


def small(**options: object) -> Forecaster:
    defaults: dict[str, object] = {
        "hidden_size": 5,
        "horizon": 4,
        "window": 8,
        "epochs": 2,
        "batch_size": 32,
        "windows_per_epoch": 64,
        "random_state": 0,
        "refit": False,
    }
    return Forecaster(**(defaults | options))


def stamped(*series: np.ndarray, **more: object) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"unique_id": f"s{i}", "ds": pd.date_range("2024-01-01", periods=len(y), freq="h"), "y": y})
        for i, y in enumerate(series)
    ]
    return pd.concat(parts, ignore_index=True).assign(**more)


@pytest.mark.parametrize("head", ["direct", "recursive"])
def test_it_beats_the_seasonal_naive_forecast(head: str) -> None:
    whole = [wave(130, seed=seed) for seed in range(4)]
    model = Forecaster(head=head, hidden_size=16, horizon=10, epochs=15, lr=0.01, random_state=0)
    said = model.fit([y[:120] for y in whole]).predict()
    assert model.season_ == 8
    ours = np.mean([metrics.mae(y[120:], own) for y, own in zip(whole, said, strict=True)])
    naive = np.mean([metrics.mae(y[120:], baselines.seasonal_naive(y[:120], 10, 8)) for y in whole])
    assert ours < 0.7 * naive


def test_the_airline_passengers_beat_the_seasonal_naive_forecast() -> None:
    data = read_series("airline")
    history, actual = data.history(0)[:120, 0], data.history(0)[120:, 0]
    model = Forecaster(horizon=24, random_state=0).fit(data.until(np.array([120])))
    assert (model.season_, model.lag_, model.log_) == (12, 12, True)
    frame = model.predict()
    assert metrics.mae(actual, frame["unrolled"]) < 0.5 * metrics.mae(actual, baselines.seasonal_naive(history, 24, 12))
    assert str(frame["ds"][0])[:10] == "1959-01-01"


@pytest.mark.parametrize("cell", sorted(cells.by_name))
@pytest.mark.parametrize("head", ["direct", "recursive"])
def test_every_cell_is_saved_and_loaded(cell: str, head: str, tmp_path) -> None:
    model = small(cell=cell, head=head, num_layers=2, dropout=0.2, epochs=1).fit(wave())
    model.save(tmp_path / "m")
    again = Forecaster.load(tmp_path / "m")
    assert np.array_equal(model.predict_quantiles(7), again.predict_quantiles(7))
    assert np.array_equal(model.generate(wave(20), 5), again.generate(wave(20), 5))


CHOICES = [
    {"loss": "gaussian"},
    {"loss": "student-t", "scaling": "series", "difference": 1},
    {"loss": "mse", "scaling": "global", "difference": "season", "log": True},
    {"loss": "mae", "scaling": None, "difference": None},
    {"loss": "negative-binomial"},
    {"loss": "quantile", "quantiles": (0.05, 0.25, 0.5, 0.75, 0.95), "independent": True},
]


@pytest.mark.parametrize("options", CHOICES, ids=lambda options: options["loss"])
@pytest.mark.parametrize("head", ["direct", "recursive"])
def test_every_loss_and_scaling(options: dict, head: str, tmp_path) -> None:
    counts = np.round(3 * np.stack([wave(), wave(seed=1)], 1))
    model = small(head=head, **options).fit([counts, counts[:90]])
    levels = len(model.quantiles)
    points, quantiles = model.predict(6), model.predict_quantiles(6)
    assert [one.shape for one in points] == [(6, 2)] * 2
    assert [one.shape for one in quantiles] == [(6, 2, levels)] * 2
    assert all(np.isfinite(one).all() and (np.diff(one, axis=-1) >= 0).all() for one in quantiles)
    model.save(tmp_path / "m")
    again = Forecaster.load(tmp_path / "m")
    assert all(np.array_equal(a, b) for a, b in zip(quantiles, again.predict_quantiles(6), strict=True))
    if options["loss"] in ("mse", "mae"):
        with pytest.raises(ValueError, match="no distribution"):
            model.sample(3)
        return
    paths = model.sample(3, n=7, random_state=1)
    assert paths[0].shape == (7, 3, 2)
    assert np.array_equal(paths[0], model.sample(3, n=7, random_state=1)[0])
    if options["loss"] == "negative-binomial":
        assert np.array_equal(paths[0], np.round(paths[0]))
        assert paths[0].min() >= 0


@pytest.mark.parametrize("segment", [1, 3, 8])
def test_segments_that_do_not_fit_the_window_or_the_horizon(segment: int) -> None:
    model = small(segment=segment, window=10, horizon=5).fit(wave())
    assert model.predict().shape == (5,)
    assert model.predict(13).shape == (13,)
    assert np.array_equal(model.predict(13)[:5], model.predict())


@pytest.mark.parametrize("difference", [None, 1, "season"])
@pytest.mark.parametrize("independent", [False, True])
def test_rolled_step_by_step_equals_teacher_forcing(difference: object, independent: bool) -> None:
    """What a recursive model says of its own continuation, read at once, is that continuation."""
    both = np.stack([wave(), wave(seed=1)], 1)
    model = small(
        head="recursive", loss="mse", scaling="global", difference=difference, independent=independent, season=4
    )
    model.fit(both)
    made = model.generate(both, 6)
    whole = np.concatenate([both, made])
    windows = Windows(read_series(whole), model.window_, 6, calendar=False)
    batch = windows.gather(torch.tensor([0]), torch.tensor([len(both)]))
    scaled, scale = model.model_.scaled(batch.values, 6)
    values = model.model_.differenced(torch.cat([scaled, scale.scaled(batch.actual)], 1))
    with torch.no_grad():
        said, _ = model.model_.network(model.model_._whole_inputs(values, batch))
    forced = said[0, model.window_ - 1 :, :, 0]
    if model.lag_:
        before = torch.cat([scaled, scale.scaled(batch.actual)], 1)[0]
        forced = forced + before[model.window_ - model.lag_ : model.window_ - model.lag_ + 6]
    assert scale.values(forced.unsqueeze(0))[0].numpy() == pytest.approx(made, abs=1e-4)


def test_the_same_seed_gives_the_same_model() -> None:
    torch.manual_seed(1)
    a = small(dropout=0.3, refit=True).fit(wave())
    torch.manual_seed(2)
    state = torch.get_rng_state()
    b = small(dropout=0.3, refit=True).fit(wave())
    assert np.array_equal(a.predict_quantiles(), b.predict_quantiles())
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("head", ["direct", "recursive"])
def test_what_is_missing_moves_nothing(head: str) -> None:
    """Any value in the place of a missing one gives the same loss, gradients and forecasts."""
    values = wave(60)
    values[[5, 20, 21, 22, 58]] = np.nan
    model = small(head=head, scaling="window").fit(values)
    windows = Windows(read_series(values), 8, 4, calendar=False)
    where = torch.tensor([0, 0, 0]), torch.tensor([24, 20, 4])
    losses, gradients = [], []
    for _ in range(2):
        batch = windows.gather(*where)
        model.model_.zero_grad()
        loss = model.model_.loss(batch).mean
        loss.backward()
        losses.append(loss.detach())
        gradients.append([p.grad.clone() for p in model.model_.parameters() if p.grad is not None])
        # What stands before the series' start and behind its end in the store of all series.
        padded = np.concatenate([np.full((9, 1), 1e6), values[:, None], np.full((9, 1), -1e6)])
        windows.values, windows.offsets = torch.from_numpy(padded), torch.tensor([9])
    assert torch.equal(losses[0], losses[1])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))
    assert all(torch.isfinite(part).all() for part in gradients[0])


@pytest.mark.parametrize("head", ["direct", "recursive"])
def test_a_series_alone_equals_it_among_others(head: str) -> None:
    series = [wave(70), wave(12, seed=1), wave(5, seed=2), np.full(9, 3.0)]
    model = small(head=head, loss="mse", conformal=False).fit(series)
    together = model.predict()
    for own, said in zip(series, together, strict=True):
        assert model.predict(series=own) == pytest.approx(said, abs=1e-5)


@settings(max_examples=15)
@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    gaps=st.floats(0, 0.9),
    head=st.sampled_from(["direct", "recursive"]),
    scaling=st.sampled_from(["window", "level", "series", "global", None]),
    difference=st.sampled_from([None, 1, 3]),
    seed=st.integers(0, 1000),
)
def test_ragged_short_and_missing(lengths, gaps, head, scaling, difference, seed) -> None:
    random = np.random.default_rng(seed)
    series = [np.where(random.random(n) < gaps, np.nan, random.normal(5, 2, n)) for n in lengths]
    series.append(random.normal(0, 1, 8))
    model = small(head=head, scaling=scaling, difference=difference, epochs=1, windows_per_epoch=16, loss="gaussian")
    said = model.fit(series).predict()
    assert len(said) == len(series)
    assert all(one.shape == (4,) and np.isfinite(one).all() for one in said)


@pytest.mark.parametrize("scaling", ["window", "level", "series", "global", None])
def test_constant_and_empty_series_are_forecast(scaling: str | None) -> None:
    series = [np.full(40, 7.0), np.zeros(40), np.full(40, np.nan), wave(40)]
    model = small(scaling=scaling, epochs=30, lr=0.01, difference=1).fit(series)
    said = model.predict()
    assert all(np.isfinite(one).all() for one in said)
    assert said[0] == pytest.approx(np.full(4, 7.0), abs=1.0)


def test_frames_come_back_as_they_went_in(tmp_path) -> None:
    frame = stamped(wave(60), wave(50, seed=1))
    model = small().fit(frame)
    said = model.predict()
    assert isinstance(said, pd.DataFrame)
    assert list(said) == ["unique_id", "ds", "unrolled", "unrolled-lo-80", "unrolled-hi-80"]
    assert said["unique_id"].tolist() == ["s0"] * 4 + ["s1"] * 4
    assert said["ds"].iloc[4] == pd.Timestamp("2024-01-03 02:00")
    path = tmp_path / "series.csv"
    frame.to_csv(path, index=False)
    other = small().fit(path).predict()
    assert isinstance(other, pl.DataFrame)
    assert other["unrolled"].to_numpy() == pytest.approx(said["unrolled"].to_numpy())
    assert isinstance(small().fit([wave(60)]).predict(), list)
    wide = pd.DataFrame(
        {"a": wave(60), "b": wave(60, seed=1)}, pd.date_range("2024-01-01", periods=60, tz="Europe/Rome")
    )
    said = small().fit(wide).predict(2)
    assert said["unique_id"].tolist() == ["a", "a", "b", "b"]
    assert str(said["ds"].dtype.tz) == "Europe/Rome"


def test_covariates_known_ahead_are_used() -> None:
    random = np.random.default_rng(0)
    price = random.normal(size=(204, 1))
    y = 3 * price[:200, 0] + 10
    data = read_series(y, future=price, static=[[1.0]], past=random.normal(size=(200, 2)))
    model = small(epochs=40, lr=0.02, windows_per_epoch=512, difference=None, hidden_size=16).fit(data)
    assert model.predict() == pytest.approx(3 * price[200:, 0] + 10, abs=1.0)
    other = np.array([[1.0], [-1.0], [0.0], [2.0]])
    assert model.predict(future=other) == pytest.approx(3 * other[:, 0] + 10, abs=1.5)
    with pytest.raises(ValueError, match=r"future: covariate 'future0' of series 0 is missing at 203, step 4 of 4"):
        model.predict(future=other[:3])
    with pytest.raises(ValueError, match="step 5 of 6"):
        model.predict(6)


def test_a_covariate_missing_in_the_past_is_no_error() -> None:
    past = np.random.default_rng(0).normal(size=(60, 1))
    past[::7] = np.nan
    model = small(head="recursive").fit(read_series(wave(60), past=past))
    assert np.isfinite(model.predict()).all()


def test_intervals_cover_what_they_should() -> None:
    random = np.random.default_rng(0)
    series = [random.normal(0, 1 + i % 3, 140) for i in range(60)]
    model = small(epochs=4, windows_per_epoch=2048, horizon=5).fit([y[:120] for y in series])
    low, _, high = np.moveaxis(np.stack(model.predict_quantiles()), -1, 0)
    assert 0.7 < metrics.coverage(np.stack([y[120:125] for y in series]), low, high) < 0.9
    assert model.calibration_ is not None


def test_intervals_are_measured_anew_on_other_series(tmp_path) -> None:
    random = np.random.default_rng(0)
    model = small(epochs=4, scaling="global", horizon=5).fit([random.normal(0, 1, 140) for _ in range(40)])
    louder = [random.normal(0, 5, 140) for _ in range(60)]
    known, actual = [y[:135] for y in louder], np.stack([y[135:] for y in louder])
    low, _, high = np.moveaxis(np.stack(model.predict_quantiles(series=known)), -1, 0)
    assert metrics.coverage(actual, low, high) < 0.5
    points = model.predict(series=known)
    low, _, high = np.moveaxis(np.stack(model.calibrate(known, steps=30).predict_quantiles(series=known)), -1, 0)
    assert 0.7 < metrics.coverage(actual, low, high) < 0.9
    np.testing.assert_array_equal(points, model.predict(series=known))
    model.save(tmp_path / "model")
    loaded = Forecaster.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_quantiles(series=known), model.predict_quantiles(series=known))
    with pytest.raises(ValueError, match="steps: expected an integer of at least the horizon, 5, found 4"):
        model.calibrate(known, steps=4)
    with pytest.raises(ValueError, match="series: expected one with more than 6 steps"):
        model.calibrate([y[:6] for y in known])


def test_truncated_backpropagation_learns_and_resumes_exactly(tmp_path) -> None:
    series = [np.stack([wave(700), wave(700, seed=2)], 1), np.stack([wave(90), wave(90, seed=1)], 1)]
    options = {"head": "recursive", "truncate": 20, "scaling": "series", "difference": None, "epochs": 3, "lr": 0.01}
    options |= {"batch_size": 6, "independent": True, "num_layers": 2, "dropout": 0.1}
    model = small(**options).fit(series)
    assert model.history_[-1]["loss"] < 0.8 * model.history_[0]["loss"]

    class Stop(Callback):
        steps = 0

        def on_step(self, module, progress) -> None:
            self.steps += 1
            if self.steps == 9:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        small(**options, callbacks=[Stop()]).fit(series, checkpoints=tmp_path / "c")
    again = small(**options).fit(series, checkpoints=tmp_path / "c", resume=True)
    assert all(np.array_equal(a, b) for a, b in zip(model.predict(), again.predict(), strict=True))


def test_an_interrupted_fit_resumes_exactly_in_either_run(tmp_path) -> None:
    options = {"refit": True, "dropout": 0.2, "num_layers": 2}
    model = small(**options).fit(wave())
    steps = len(model.history_) * 2

    class Stop(Callback):
        def __init__(self, at: int) -> None:
            self.left = at

        def on_step(self, module, progress) -> None:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGTERM)

    for at in (1, steps + 1):
        folder = tmp_path / str(at)
        with pytest.raises(Interrupted):
            small(**options, callbacks=[Stop(at)]).fit(wave(), checkpoints=folder)
        again = small(**options).fit(wave(), checkpoints=folder, resume=True)
        assert np.array_equal(model.predict_quantiles(), again.predict_quantiles())


def test_it_stops_early_and_trains_again_on_everything() -> None:
    model = small(epochs=40, patience=2, lr=0.05, refit=True).fit(wave())
    assert len(model.history_) < 40
    assert "validation_loss" in model.history_[0]
    assert small(validation=0.0).fit(wave()).calibration_ is None


def test_generation_is_the_same_at_any_length() -> None:
    model = small(head="recursive", epochs=5).fit(wave())
    start = wave(30)
    whole = model.generate(start, 40)
    assert np.array_equal(whole[:7], model.generate(start, 7))
    drawn = model.generate(start, 40, sampled=True, random_state=3)
    assert np.array_equal(drawn, model.generate(start, 40, sampled=True, random_state=3))
    assert not np.array_equal(drawn, whole)
    both = model.generate([start, wave(9)], 4)
    assert both[0] == pytest.approx(whole[:4], abs=1e-5)


@pytest.mark.parametrize(
    "name",
    [
        "check_estimator_cloneable",
        "check_estimator_repr",
        "check_get_params_invariance",
        "check_set_params",
        "check_no_attributes_set_in_init",
        "check_parameters_default_constructible",
        "check_valid_tag_types",
        "check_mixin_order",
    ],
)
def test_scikit_learns_own_checks(name: str) -> None:
    assert getattr(estimator_checks, name)("Forecaster", Forecaster()) is None


def test_a_clone_is_not_trained() -> None:
    copy = clone(small(horizon=3).fit(wave()))
    assert copy.horizon == 3
    with pytest.raises(NotFittedError):
        copy.predict()


@pytest.mark.parametrize(
    ("options", "series", "told"),
    [
        ({"cell": "lstn"}, wave(), "cell: .*did you mean 'lstm'"),
        ({"hidden_size": 0}, wave(), "hidden_size"),
        ({"num_layers": 1.5}, wave(), "num_layers"),
        ({"horizon": 0}, wave(), "horizon"),
        ({"window": -1}, wave(), "window"),
        ({"dropout": 1.0}, wave(), "dropout"),
        ({"head": "both"}, wave(), "head: expected one of direct, recursive"),
        ({"loss": "huber"}, wave(), "loss: expected one of quantile"),
        ({"scaling": "none"}, wave(), "scaling"),
        ({"difference": "daily"}, wave(), "difference"),
        ({"difference": 9}, wave(), "difference: expected no more steps than the window, 8"),
        ({"quantiles": (0.9, 0.1)}, wave(), "quantiles"),
        ({"quantiles": ()}, wave(), "quantiles"),
        ({"log": "yes"}, wave(), "log"),
        ({"log": True}, wave() - 100, "log: expected positive values"),
        ({"truncate": 10}, wave(), "truncate: expected head='recursive'"),
        ({"truncate": 10, "head": "recursive"}, wave(), "truncate: expected scaling"),
        ({"segment": 4, "head": "recursive"}, wave(), "segment"),
        ({"loss": "negative-binomial"}, wave() - 100, "expected counts"),
        ({"loss": "negative-binomial", "difference": 1}, wave(), "counts"),
        ({"validation": -0.1}, wave(), "validation"),
        ({"lr": 0.0}, wave(), "lr"),
        ({"device": "gpu7"}, wave(), "device"),
        ({}, np.full(50, np.nan), "some value that is not missing"),
        ({}, np.array([1.0]), "two steps or more"),
        ({}, np.array([1.0, np.inf] * 20), "column 0, row 1: expected a finite number"),
    ],
)
def test_bad_input_is_named(options: dict, series: np.ndarray, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        small(**options).fit(series)


def test_bad_questions_are_named() -> None:
    with pytest.raises(NotFittedError):
        small().predict()
    model = small().fit(stamped(wave(60)))
    with pytest.raises(ValueError, match="horizon"):
        model.predict(0)
    with pytest.raises(ValueError, match="horizon: expected at most 4"):
        model.sample(5)
    with pytest.raises(ValueError, match="expected times"):
        model.predict(series=wave(60))
    with pytest.raises(ValueError, match="without covariates known ahead"):
        model.predict(future=np.zeros((4, 1)))
    with pytest.raises(ValueError, match="n: expected"):
        model.sample(2, n=0)
    quiet = small(loss="mse", conformal=False).fit(wave())
    with pytest.raises(ValueError, match="no quantiles"):
        quiet.predict_quantiles()


class Mine(Cell):
    """A user's cell."""

    states = ("h",)
    gates = ("only",)

    def step(self, x, r, state):
        """One step."""
        return State(h=0.5 * state.h + tanh(x.only + r.only))


def test_a_users_cell_is_saved_by_name_and_loaded_by_class(tmp_path) -> None:
    model = small(cell=Mine).fit(wave())
    model.save(tmp_path / "m")
    with pytest.raises(ModelError, match="pass the class"):
        Forecaster.load(tmp_path / "m")
    assert np.array_equal(model.predict(), Forecaster.load(tmp_path / "m", cell=Mine).predict())


def test_a_saved_model_knows_its_series(tmp_path) -> None:
    frame = stamped(wave(90), wave(30, seed=1), shop=["x"] * 90 + ["z"] * 30, price=np.arange(120.0))
    model = small(scaling="series").fit(read_series(frame, static="shop", past="price"))
    model.save(tmp_path / "m")
    again = Forecaster.load(tmp_path / "m")
    pd.testing.assert_frame_equal(model.predict(6), again.predict(6))
    pd.testing.assert_frame_equal(model.predict(series=frame), again.predict(series=frame))
    assert again.plot().axes[0].get_title() == "s0"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model"
    small().fit(stamped(wave(60))).save(path)
    return path


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (["kind"], "SequenceClassifier"),
        (["parameters"], {}),
        (["parameters", "hidden_size"], 10**9),
        (["parameters", "horizon"], 10**9),
        (["parameters", "horizon"], 5),
        (["parameters", "cell"], "os:system"),
        (["parameters", "cell"], "gru"),
        (["parameters", "segment"], 10**8),
        (["parameters", "quantiles"], [0.5]),
        (["chosen", "window"], 10**12),
        (["chosen", "window"], -1),
        (["chosen", "lag"], "x"),
        (["calibration"], {"levels": [0.1], "corrections": []}),
        (["calibration"], 7),
        (["series", "ids"], []),
        (["series", "ids"], ["a", "b"]),
        (["series", "ids"], [["a"]]),
        (["series", "frequency"], {"unit": "number", "count": 1, "month_end": False}),
        (["series", "frequency"], {"unit": "us", "count": 10**30, "month_end": False}),
        (["series", "columns", "targets"], ["a", "b"]),
        (["series", "columns", "targets"], "yz"),
        (["series", "columns", "kind"], 3),
        (["series"], None),
    ],
)
def test_a_config_that_lies_is_refused(saved, tmp_path, keys: list[str], value: object) -> None:
    path = tmp_path / "model"
    shutil.copytree(saved, path)
    config = json.loads((path / "config.json").read_text())
    inner = config
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    (path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError):
        Forecaster.load(path)
