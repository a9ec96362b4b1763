"""`Forecaster`: what comes next in time series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from unrolled.cells import Cell
from unrolled.checks import integer, truth
from unrolled.data.frames import check_future, read_like, read_series, with_future
from unrolled.data.series import SeriesSet
from unrolled.models.estimator import cell_maker, read_parameters, training_options, written_parameters
from unrolled.models.fit import Fit
from unrolled.models.folder import assembled, making, read_model, write_model
from unrolled.models.forecasting import fitting, record, results, settings
from unrolled.models.forecasting.base import Forecasting
from unrolled.models.forecasting.calendar import features
from unrolled.models.forecasting.conformal import Calibration
from unrolled.models.forecasting.forecasts import Forecasts, Where
from unrolled.models.forecasting.likelihoods import likelihood
from unrolled.models.forecasting.model import CARRIED, ForecastModel, Scaling
from unrolled.models.forecasting.network import DirectNetwork, RecursiveNetwork, Shape
from unrolled.models.forecasting.windows import Windows
from unrolled.models.shared import own_seed
from unrolled.training import Callback, Options, joined

# How many sets of windows' worth of history a saved model keeps of each series, to forecast and to draw it.
KEPT = 3
# Up to so many windows a model that is stopped in time trains again on all of them, the held-back ones too.
REFIT_UP_TO = 20_000
# Held-back windows that calibrate; those of a recursive model take many paths each.
CALIBRATING = {"direct": 4096, "recursive": 512}

Floats = NDArray[np.float64]


class Forecaster(Forecasting):
    """Forecasts one time series or thousands with recurrent layers.

    Args:
        cell: name of a cell (`unrolled.cells.by_name`), or a class of cells.
        hidden_size: units of each layer.
        num_layers: layers, one on top of the other; at most 1,000.
        dropout: probability that a unit is dropped between layers and before the dense layer, while training.
        horizon: steps to forecast.
        window: steps that a forecast looks back; None for three seasons or more, as the data allow.
        head: "direct", all steps of the horizon at once; or "recursive", a step at a time, with output and state fed
            back.
        segment: steps that a direct model reads and forecasts at once, which makes long windows short (SegRNN, Lin et
            al. 2023); None for 1.
        loss: "quantile", a likelihood ("gaussian", "student-t", "negative-binomial" for counts), "mse" or "mae".
        quantiles: levels that are forecast.
        scaling: how targets are scaled, reversibly: by mean and spread of each "window" (Kim et al. 2022), by the mean
            of each window's last season and one spread for all ("level"), by mean and spread of each "series", by those
            of all ("global"), or None.
        difference: how many steps back a forecast starts from: 1 for the last value, "season" for the last season.
            A direct model subtracts the window's last steps from it and adds them to the forecast; a recursive one goes
            from each step to the one so many later. "auto" for the season, or 1 without one; None for nothing.
        log: whether to take logarithms; "auto" where they make the spread of seasons more even.
        season: steps of a season; None to know it by the frequency, or find it in series without times.
        calendar: whether time stamps give features (hour of day, day of week, ...).
        independent: whether several targets are forecast each alone, by the same weights.
        conformal: whether intervals are calibrated on held-back windows (Romano et al. 2019).
        truncate: for a recursive model and long series: steps of truncated backpropagation through time, over which
            the state is carried from chunk to chunk, instead of windows.
        epochs: passes over the windows; see windows_per_epoch.
        batch_size: windows a step.
        windows_per_epoch: windows that an epoch draws; None for all, but at least 1,024 and at most 32,768.
        lr: learning rate, at its highest.
        optimizer: "adam", "adamw" or "sgd".
        weight_decay: of the optimizer.
        clip_norm: gradients are scaled down to this norm, None for never.
        schedule: of the learning rate: "constant", "linear", "cosine" or "one-cycle".
        warmup: part of all steps in which the learning rate rises.
        patience: stop after this many epochs without a lower loss on held-back windows, and go back to the best; None
            to train to the end.
        validation: steps at the end of each series that are held back, or a part of its steps (the horizon at least,
            half as much again if that makes few windows; nothing where too little would be left); 0 for none.
        refit: whether to train once more on everything, for as many epochs as did best; "auto" for small data.
        random_state: seed (an integer or a NumPy RandomState); the same gives the same model bit for bit on one
            machine and thread count. None draws one.
        device: "auto" (CUDA if there is one), or a torch device.
        cell_options: further arguments of the cell.
        verbose: whether to show a progress bar.
        callbacks: instances of `unrolled.training.Callback`.

    Attributes:
        series_: what it was trained on, a `SeriesSet`; of a loaded model, the ends of it.
        season_, window_, lag_, log_: what None or "auto" came to; a lag of 0 is no difference.
        calibration_: of the intervals, None without.
        held_: the windows that were held back and never trained on, None if there are none.
        history_: a dictionary for every epoch; see `unrolled.training.train`.
        model_: the trained torch module.

    Memory: the data once as float64, covariates once more as float32, and what `unrolled.training.train` states;
    windows are gathered batch by batch.
    """

    def __init__(
        self,
        cell: str | type[Cell] = "lstm",
        hidden_size: int = 64,
        num_layers: int = 1,
        dropout: float = 0.0,
        horizon: int = 24,
        window: int | None = None,
        head: str = "direct",
        segment: int | None = None,
        loss: str = "quantile",
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
        scaling: str | None = "window",
        difference: int | str | None = "auto",
        log: bool | str = "auto",
        season: int | None = None,
        calendar: bool = True,
        independent: bool = False,
        conformal: bool = True,
        truncate: int | None = None,
        epochs: int = 50,
        batch_size: int = 64,
        windows_per_epoch: int | None = None,
        lr: float = 2e-3,
        optimizer: str = "adam",
        weight_decay: float = 0.0,
        clip_norm: float | None = 1.0,
        schedule: str = "cosine",
        warmup: float = 0.0,
        patience: int | None = 10,
        validation: float = 0.1,
        refit: bool | str = "auto",
        random_state: Any = None,
        device: str = "auto",
        cell_options: dict[str, Any] | None = None,
        verbose: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.cell = cell
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.dropout = dropout
        self.horizon = horizon
        self.window = window
        self.head = head
        self.segment = segment
        self.loss = loss
        self.quantiles = quantiles
        self.scaling = scaling
        self.difference = difference
        self.log = log
        self.season = season
        self.calendar = calendar
        self.independent = independent
        self.conformal = conformal
        self.truncate = truncate
        self.epochs = epochs
        self.batch_size = batch_size
        self.windows_per_epoch = windows_per_epoch
        self.lr = lr
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.schedule = schedule
        self.warmup = warmup
        self.patience = patience
        self.validation = validation
        self.refit = refit
        self.random_state = random_state
        self.device = device
        self.cell_options = cell_options
        self.verbose = verbose
        self.callbacks = callbacks

    @joined()
    def fit(self, series: Any, y: Any = None, *, checkpoints: str | Path | None = None, resume: bool = False) -> Self:
        """Trains on the past of some series.

        Args:
            series: what `unrolled.data.read_series` takes, or what it gave, which can tell more of the columns.
            y: ignored, as scikit-learn's conventions have it.
            checkpoints: folder to save to after each epoch and when stopped by a signal; needs a fixed random_state.
            resume: go on from the newest checkpoint there.

        Returns:
            The forecaster itself.

        Raises:
            ValueError: an argument, here or of the constructor, is not what it should be; the message names it. No
                series has a window to train on.
            NonFiniteLossError: training diverged.
            Interrupted: a signal asked to stop; only with checkpoints.
        """
        options = self.checked_options()
        fit = Fit.of(self, self._config, checkpoints, resume)
        data = read_series(series)
        if not np.isfinite(data.values).any():
            raise ValueError("series: expected some value that is not missing, found none")
        self._choose(data)
        split = fitting.split(data, self.window_, int(self.horizon), self.validation)
        if not len(split.training):
            raise ValueError("series: expected at least one of two steps or more to train on, found none")
        training = fitting.Training(
            Windows(data, self.window_, int(self.horizon), calendar=self.calendar),
            lambda: self._model(data),
            int(self.batch_size),
            self.windows_per_epoch,
            self.truncate,
        )
        self.model_, self.history_ = training.run(split, options, fit.within("first"))
        calibrating = training.held(self.model_, split, CALIBRATING[self.head]) if len(split.held) else None
        self.calibration_ = self._measured(calibrating) if self.conformal and calibrating is not None else None
        self.held_ = split.held if len(split.held) else None
        small = len(split.training) <= REFIT_UP_TO if self.refit == "auto" else bool(self.refit)
        if small and len(split.held):
            best = min(self.history_, key=lambda entry: float(entry["validation_loss"]))["epoch"]
            whole = fitting.everything(data, self.window_, int(self.horizon))
            again = replace(options, epochs=int(best), patience=None)
            self.model_, _ = training.run(whole, again, fit.within("again"))
            self.held_ = None
        self.series_, self.scales_ = data, fitting.series_scales(self.model_, data)
        return self

    def sample(
        self,
        horizon: int | None = None,
        n: int = 100,
        series: Any = None,
        *,
        future: Any = None,
        random_state: Any = None,
    ) -> Any:
        """Sample paths (n, horizon) or (n, horizon, targets); for several series a list.

        A recursive model draws each step given those before. A direct model draws each on its own: right step by
        step, but its paths do not tell how steps go together.

        Args:
            horizon, series, future: as `predict`'s; a direct model samples no further than trained for.
            n: how many.
            random_state: seed of the draw.

        Raises:
            ValueError: as `predict`, or the loss makes no distribution.
            NotFittedError: `fit` was not called.
        """
        n = integer("n", n)
        data, where, horizon = self._where(horizon, series, future)
        seed = own_seed(random_state)
        paths = self._forecasts().sample(where, horizon, n, seed)
        arrays = results.as_arrays(data, paths.transpose(0, 2, 3, 1))
        return [np.moveaxis(one, -1, 0) for one in arrays] if isinstance(arrays, list) else np.moveaxis(arrays, -1, 0)

    def generate(self, seed: Any, n: int, *, sampled: bool = False, random_state: Any = None) -> Any:
        """Goes on from the end of a sequence, each step from those before.

        A recursive model carries its state along, so that a step costs the same however long it has gone on; a direct
        one goes on block by block, and cannot be sampled beyond its horizon.

        Args:
            seed: how the sequence begins, in any form that `predict` takes; None for what it was trained on.
            n: steps to go on.
            sampled: whether to draw each step, instead of taking the point forecast.
            random_state: seed of the draw.

        Returns:
            What follows, in the form of `predict`, without quantiles.

        Raises:
            ValueError: as `predict`, or the loss makes no distribution to draw from.
            NotFittedError: `fit` was not called.
        """
        data, where, n = self._where(integer("n", n), seed, None)
        truth("sampled", sampled)
        drawn, told = own_seed(random_state), self._forecasts()
        values = told.sample(where, n, 1, drawn)[:, 0] if sampled else told.points(where, n)
        if results.in_frames(data):
            return results.forecast_frame(data, values, values[..., None][..., :0], ())
        return results.as_arrays(data, values)

    def save(self, path: str | Path) -> None:
        """Writes the trained forecaster to a folder, `config.json` and `model.safetensors`.

        Of the series it was trained on the ends are kept, to forecast from. An earlier model there is replaced as a
        whole; any other folder is left alone.

        Raises:
            ModelError: the folder holds something else.
            ValueError: the names of series or cell options cannot be written as JSON.
            NotFittedError: `fit` was not called.
        """
        write_model(path, type(self).__name__, *self.written())

    def written(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """What makes the trained forecaster again: JSON values, and tensors."""
        check_is_fitted(self, "model_")
        steps = max(KEPT * (self.window_ + int(self.horizon)), 2 * self.season_ + self.lag_)
        kept, tensors = record.written(self.series_.tail(steps), self.scales_)
        config = self._config() | {
            "chosen": {"season": self.season_, "window": self.window_, "lag": self.lag_, "log": self.log_},
            "calibration": None if self.calibration_ is None else self.calibration_.record(),
            "history": self.history_,
            "series": kept,
        }
        state = self.model_.state_dict().items()
        model = {f"model.{name}": tensor for name, tensor in state if not name.startswith(CARRIED)}
        return config, model | tensors

    @classmethod
    def load(cls, path: str | Path, *, cell: type[Cell] | None = None, device: str = "auto") -> Self:
        """Reads a forecaster that `save` wrote.

        Args:
            path: the folder.
            cell: the class of cells, where it is not one of `unrolled.cells`; files name it but cannot bring it.
            device: as the constructor's.

        Raises:
            ModelError: a file is missing, damaged, or not a forecaster's.
        """
        config, tensors = read_model(path, cls.__name__)
        return cls.read(path, config, tensors, cell=cell, device=device)

    @classmethod
    def read(
        cls,
        path: str | Path,
        config: dict[str, Any],
        tensors: dict[str, Tensor],
        *,
        cell: type[Cell] | None = None,
        device: str = "auto",
    ) -> Self:
        """What `written` gave, made again; `path` is for the error's message.

        Raises:
            ModelError: `written` did not give this.
        """
        with making(path, "a forecaster"):
            made = cls(**read_parameters(path, config, cell), device=device)
            made.checked_options()
            made.series_, made.scales_ = record.read(config["series"], tensors)
            for name in ("season", "window", "lag"):
                setattr(made, f"{name}_", record.natural(name, config["chosen"][name]))
            made.log_ = config["chosen"]["log"] is True
            calibration = config["calibration"]
            made.calibration_ = None if calibration is None else Calibration.from_record(calibration)
            made.history_, made.held_ = list(config["history"]), None
            own = {name.removeprefix("model."): part for name, part in tensors.items() if name.startswith("model.")}
            record.check_plausible(made._shape(made.series_), sum(tensor.numel() for tensor in own.values()))
            made.model_ = assembled(lambda: made._model(made.series_), own, device)
        return made

    def checked_options(self) -> Options:
        """Checks the constructor's arguments, and gives those of the training loop.

        Raises:
            ValueError: one is not what it should be; the message names it.
        """
        settings.check(self.get_params(deep=False))
        return training_options(self)

    def _choose(self, data: SeriesSet) -> None:
        """Decides what was left open."""
        counts = self.loss == "negative-binomial"
        if counts and (np.nan_to_num(data.values) < 0).any():
            raise ValueError("loss: negative-binomial expected counts, found a negative value")
        self.season_ = settings.season_of(data) if self.season is None else int(self.season)
        self.window_ = (
            settings.window_of(data, int(self.horizon), self.season_) if self.window is None else int(self.window)
        )
        if counts:
            self.lag_, self.log_ = 0, False
            return
        self.log_ = settings.grows_with_level(data, self.season_) if self.log == "auto" else bool(self.log)
        if self.log_ and (np.nan_to_num(data.values, nan=1.0) <= 0).any():
            raise ValueError("log: expected positive values only, found one that is not; pass log=False")
        lag = self.difference
        self.lag_ = self.season_ if isinstance(lag, str) else int(lag or 0)
        if self.lag_ > self.window_:
            if not isinstance(lag, str):
                raise ValueError(f"difference: expected no more steps than the window, {self.window_}, found {lag}")
            self.lag_ = 1

    def _shape(self, data: SeriesSet) -> Shape:
        columns = data.columns
        return Shape(
            len(columns.targets),
            len(columns.past),
            len(columns.future),
            self._calendar_features(data),
            len(columns.static),
            self.window_,
            int(self.horizon),
            likelihood(self.loss, self._levels()).size,
            int(self.segment or 1),
            bool(self.independent),
        )

    def _model(self, data: SeriesSet) -> ForecastModel:
        shape = self._shape(data)
        make_cell, sizes = self._make_cell(), {"num_layers": int(self.num_layers), "dropout": float(self.dropout)}
        network: DirectNetwork | RecursiveNetwork
        if self.head == "direct":
            network = DirectNetwork(make_cell, shape, hidden_size=int(self.hidden_size), **sizes)  # type: ignore[arg-type]
        else:
            network = RecursiveNetwork(make_cell, shape, **sizes)  # type: ignore[arg-type]
        said = likelihood(self.loss, self._levels())
        recent = self.season_ if self.season_ > 1 else self.window_
        return ForecastModel(network, said, Scaling(self.scaling, self.lag_, self.log_, said.counts, recent))

    def _calendar_features(self, data: SeriesSet) -> int:
        if not self.calendar or data.frequency.unit == "number":
            return 0
        return len(features(data.starts[:1], data.frequency.name)[1])

    def _uses_calendar(self) -> bool:
        return self._calendar_features(self.series_) > 0

    def _make_cell(self) -> Callable[[int], Cell]:
        return cell_maker(self.cell, self.hidden_size, self.cell_options)

    def calibrate(self, series: Any = None, *, steps: int | None = None) -> Self:
        """Measures the intervals anew on the ends of series, without training; for when errors have become others.

        Args:
            series: as `predict`'s.
            steps: at the end of each series, over which it is forecast, from one origin after the other; None for
                twice the horizon.

        Returns:
            The forecaster itself, with another `calibration_`.

        Raises:
            ValueError: an argument is not what it should be, or no series is long enough.
            NotFittedError: `fit` was not called.
        """
        data, held = self._ends(series, steps)
        numbers, cutoffs = held.find(held.spread(CALIBRATING[self.head]))
        scales = fitting.series_scales(self.model_, data, np.maximum(held.first.numpy(), 1))
        windows = Windows(data, self.window_, int(self.horizon), calendar=self._uses_calendar())
        self.calibration_ = self._measured(Where(windows, numbers, cutoffs, scales))
        return self

    def _measured(self, where: Where) -> Calibration:
        actual, quantiles = Forecasts(self.model_, int(self.horizon), self._levels()).errors(where)
        return Calibration.fit(actual, quantiles, self._levels())

    def _forecasts(self) -> Forecasts:
        return Forecasts(self.model_, int(self.horizon), self.told_levels(), self.calibration_)

    def told_levels(self) -> tuple[float, ...]:
        """The levels of quantiles that forecasts come with: none for a point loss that was not calibrated."""
        distribution = self.model_.likelihood.distribution
        return self._levels() if distribution or self.calibration_ is not None else ()

    def _levels(self) -> tuple[float, ...]:
        return settings.check_levels(self.quantiles, "quantiles")

    def forecast(self, horizon: int | None, series: Any, future: Any) -> tuple[SeriesSet, Floats, Floats]:
        """The series; points (series, horizon, targets) and quantiles (series, horizon, targets, levels) after them."""
        data, where, steps = self._where(horizon, series, future)
        return data, *self._forecasts().of(where, steps)

    def forecast_from(self, data: SeriesSet, pairs: list[tuple[int, int]]) -> tuple[Floats, Floats]:
        """Points and quantiles from origins within series (pairs, horizon, ...)."""
        horizon = int(self.horizon)
        windows = Windows(data, self.window_, horizon, calendar=self._uses_calendar())
        ends = np.ones(len(data), np.int64)
        for series, cutoff in reversed(pairs):
            ends[series] = cutoff
        scales = fitting.series_scales(self.model_, data, ends)
        numbers, cutoffs = (torch.tensor(part) for part in zip(*pairs, strict=True))
        return self._forecasts().of(Where(windows, numbers, cutoffs, scales), horizon)

    def _where(self, horizon: int | None, series: Any, future: Any) -> tuple[SeriesSet, Where, int]:
        """The series to forecast from, their ends, and how many steps."""
        check_is_fitted(self, "model_")
        steps = integer("horizon", self.horizon if horizon is None else horizon)
        data, scales = self.series_, self.scales_
        if series is not None:
            data = read_like(series, self.series_)
            scales = fitting.series_scales(self.model_, data)
            if self._uses_calendar() and data.frequency.unit == "number":
                raise ValueError(
                    "series: expected times, as in training, since the model uses the calendar; found none"
                )
        if future is not None:
            data = with_future(data, future)
        check_future(data, steps)
        whole = self._forecasts().whole(steps)
        windows = Windows(data, self.window_, whole, calendar=self._uses_calendar())
        everywhere = torch.arange(len(data)), torch.from_numpy(data.lengths)
        return data, Where(windows, *everywhere, scales), steps

    def _config(self) -> dict[str, Any]:
        return {"parameters": written_parameters(self) | {"quantiles": list(self._levels())}}
