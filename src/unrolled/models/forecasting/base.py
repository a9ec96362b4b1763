"""What all forecasters have in common: forecasts in the form of the series, backtests and plots."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from unrolled.checks import expect, integer, is_count, is_one_of, is_truth
from unrolled.data.frames import read_like, read_series
from unrolled.data.series import SeriesSet
from unrolled.models.forecasting import backtest, results
from unrolled.models.forecasting.backtest import Backtest
from unrolled.models.forecasting.windows import Choice

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]


class Forecasting(BaseEstimator):  # type: ignore[misc]
    """A forecaster in terms of what it says of the ends of series, and of origins within them.

    Attributes:
        series_: what it was trained on.
        season_: steps of a season.
    """

    horizon: int
    series_: SeriesSet
    season_: int

    @abstractmethod
    def fit(self, series: Any, y: Any = None) -> Self:
        """Trains on the past of some series."""

    @abstractmethod
    def checked_options(self) -> Any:
        """Checks the constructor's arguments.

        Raises:
            ValueError: one is not what it should be; the message names it.
        """

    @abstractmethod
    def told_levels(self) -> tuple[float, ...]:
        """The levels of the quantiles that forecasts come with."""

    @abstractmethod
    def forecast(self, horizon: int | None, series: Any, future: Any) -> tuple[SeriesSet, Floats, Floats]:
        """The series; points (series, horizon, targets) and quantiles (series, horizon, targets, levels) after them."""

    @abstractmethod
    def forecast_from(self, data: SeriesSet, pairs: list[tuple[int, int]]) -> tuple[Floats, Floats]:
        """Points and quantiles from origins, pairs of a series' number and how many of its steps are known."""

    @abstractmethod
    def calibrate(self, series: Any = None, *, steps: int | None = None) -> Self:
        """Measures the intervals anew on the ends of series, without training."""

    def predict(self, horizon: int | None = None, series: Any = None, *, future: Any = None) -> Any:
        """Forecasts what comes after the ends of series.

        Args:
            horizon: steps; None for those trained for. A direct model goes beyond its own from its own forecasts.
            series: others than trained on, in the same form; None for those trained on.
            future: covariates known ahead, for the steps to forecast: arrays (horizon, features) beside arrays, or a
                frame or path with the columns of the series; not needed where the series brought them.

        Returns:
            For arrays the point forecast, (horizon,) or (horizon, targets); a list of them for a list. For frames and
            paths a long frame of that kind (polars for paths) with the columns unique_id, ds, "unrolled", and lower and
            upper quantiles such as "unrolled-lo-80" and "unrolled-hi-80". With several targets unique_id is the
            target's name, or "id/target".

        Raises:
            ValueError: an argument is not what it should be, or a covariate known ahead is missing.
            NotFittedError: `fit` was not called.
        """
        data, points, quantiles = self.forecast(horizon, series, future)
        if results.in_frames(data):
            return results.forecast_frame(data, points, quantiles, self.told_levels())
        return results.as_arrays(data, points)

    def predict_quantiles(self, horizon: int | None = None, series: Any = None, *, future: Any = None) -> Any:
        """Quantiles at the levels of the constructor, (horizon, levels) or (horizon, targets, levels).

        Arguments are those of `predict`; for several series a list.

        Raises:
            ValueError: as `predict`, or the loss makes no quantiles: "mse" and "mae" where nothing was held back.
            NotFittedError: `fit` was not called.
        """
        data, _, quantiles = self.forecast(horizon, series, future)
        if not self.told_levels():
            raise ValueError("loss: a point loss makes no quantiles without calibration on held-back windows")
        return results.as_arrays(data, quantiles)

    def backtest(
        self,
        series: Any = None,
        *,
        windows: int = 3,
        step: int | None = None,
        refit: bool | str = False,
        baselines: Sequence[str] | None = None,
    ) -> Backtest:
        """Forecasts from origins in the past, beside what came and beside simple forecasts.

        Args:
            series: as `fit`'s; None for those trained on.
            windows: origins of each series, the last one horizon before its end.
            step: steps from one origin to the next; None for the horizon.
            refit: False to train a copy of this forecaster once, on what was known at each series' first origin; True
                to train it anew for every origin; "never" to use this one as it is trained, for series that it has not
                seen or after the part of them that it has.
            baselines: some of "naive", "seasonal-naive" and "auto-ets"; None for all, the last only if statsforecast is
                installed and there are few forecasts.

        Returns:
            A `Backtest`: `frame`, `table`, `plot()`; it prints as its table. This forecaster stays as it is.

        Raises:
            ValueError: an argument is not what it should be, or no series is long enough.
            NotFittedError: `fit` was not called, which needs to be for "never" or without series.
        """
        horizon = int(self.horizon)
        windows, step = integer("windows", windows), horizon if step is None else integer("step", step)
        never = is_one_of(refit, ["never"])
        expect("refit", refit, "True, False or 'never'", never or is_truth(refit))
        self.checked_options()
        if series is None or never:
            check_is_fitted(self, "series_")
        data = self.series_ if series is None else read_like(series, self.series_) if never else read_series(series)
        # No series has more origins than steps.
        windows = min(windows, int(data.lengths.max()))
        pairs = backtest.origins(data.lengths, horizon, windows, step)
        chosen = backtest.chosen_baselines(baselines, len(pairs) * data.targets)
        if refit and not never:
            fitted, made = self, []
            for back in reversed(range(windows)):
                cutoffs = data.lengths - horizon - back * step
                own = [(i, int(cutoff)) for i, cutoff in enumerate(cutoffs) if cutoff >= 2]
                if own:
                    fitted = self._fitted_before(data, own)
                    made += list(zip(own, *fitted.forecast_from(data, own), strict=True))
            by_pair = {pair: said for pair, *said in made}
            points, quantiles = (np.stack([by_pair[pair][i] for pair in pairs]) for i in range(2))
        else:
            fitted = self if never else self._fitted_before(data, pairs)
            points, quantiles = fitted.forecast_from(data, pairs)
        return backtest.compared(data, pairs, points, quantiles, fitted.told_levels(), fitted.season_, chosen)

    def plot(self, horizon: int | None = None, series: Any = None, *, future: Any = None) -> Figure:
        """A fan chart of what `predict` says, with the history before it; arguments and errors are the same."""
        from unrolled import plots

        data, points, quantiles = self.forecast(horizon, series, future)
        history, ahead = results.drawn(data, points, quantiles, self.told_levels())
        return plots.forecast(history, ahead)

    def _ends(self, series: Any, steps: int | None) -> tuple[SeriesSet, Choice]:
        """Series, and the windows that forecast their last steps."""
        check_is_fitted(self, "series_")
        horizon = int(self.horizon)
        steps = 2 * horizon if steps is None else steps
        expected = f"an integer of at least the horizon, {horizon}"
        expect("steps", steps, expected, is_count(steps) and steps >= horizon)
        data = self.series_ if series is None else read_like(series, self.series_)
        ends = Choice(np.maximum(data.lengths - int(steps), 2), data.lengths - horizon)
        if not len(ends):
            raise ValueError(f"series: expected one with more than {horizon + 1} steps to measure intervals on")
        return data, ends

    def _fitted_before(self, data: SeriesSet, pairs: list[tuple[int, int]]) -> Self:
        """A copy trained on what was known at the first origin of each series; series without one are left out."""
        first: dict[int, int] = {}
        for series, cutoff in pairs:
            first.setdefault(series, cutoff)
        known = data.take(list(first)).until(np.array(list(first.values())))
        copy: Self = clone(self)
        return copy.fit(known)
