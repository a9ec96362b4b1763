"""Training a forecaster's model on windows, and holding some back to stop in time and to calibrate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unrolled.data.series import SeriesSet
from unrolled.models.fit import Fit
from unrolled.models.forecasting.forecasts import Where
from unrolled.models.forecasting.model import ForecastModel, to_device
from unrolled.models.forecasting.scaling import moments
from unrolled.models.forecasting.tracks import Tracks
from unrolled.models.forecasting.windows import Choice, Windows, in_parts, training_cutoffs
from unrolled.training import Loss, Options

# An epoch draws every window once, but at least and at most so many.
FEWEST_DRAWN, MOST_DRAWN = 1024, 32_768
FEW_HELD = 16
# Held-back windows that are looked at after each epoch, and that calibrate.
MOST_VALIDATED = 2048
VALIDATED_AT_ONCE = 256


@dataclass(frozen=True)
class Split:
    """Which windows train, and which are held back."""

    training: Choice
    held: Choice


def split(data: SeriesSet, window: int, horizon: int, validation: float) -> Split:
    """Holds back the windows that forecast the ends of the series.

    Args:
        data: the series.
        window, horizon: steps.
        validation: steps at the end of each series that are kept from training, or a part of its steps; but the
            horizon at least, half as much again if that makes few windows, and nothing of a series that would have less
            than window and horizon left.
    """
    lengths = data.lengths
    if validation >= 1:
        held = np.full_like(lengths, int(validation))
    else:
        held = np.where(validation > 0, np.maximum(np.round(validation * lengths), horizon), 0).astype(np.int64)
        # One window alone says little of when to stop: few series give half a horizon more.
        if 0 < (held - horizon + 1).sum() < FEW_HELD:
            held += horizon // 2
    enough = lengths - held >= (window + horizon if validation < 1 else horizon + 1)
    held = np.where(enough & (held >= horizon), held, 0)
    first, last = training_cutoffs(lengths, window, horizon, held)
    nothing = held == 0
    return Split(
        Choice(first, last), Choice(np.where(nothing, 1, lengths - held), np.where(nothing, 0, lengths - horizon))
    )


def everything(data: SeriesSet, window: int, horizon: int) -> Split:
    """All windows for training."""
    none = np.zeros_like(data.lengths)
    first, last = training_cutoffs(data.lengths, window, horizon, none)
    return Split(Choice(first, last), Choice(none + 1, none))


@dataclass(frozen=True)
class Training:
    """What training runs of one forecaster have in common.

    Args:
        windows: of the series.
        make_model: a fresh model.
        batch_size: windows a step.
        per_epoch: windows that an epoch draws, None for all within bounds.
        truncate: steps of a chunk to train on chunks of tracks, None to train on windows.
    """

    windows: Windows
    make_model: Callable[[], ForecastModel]
    batch_size: int
    per_epoch: int | None
    truncate: int | None

    def run(self, split: Split, options: Options, fit: Fit) -> tuple[ForecastModel, list[dict[str, Any]]]:
        """A trained model and its history; see `unrolled.training.train`."""
        data = self.windows.data
        with fit.seeded():
            model = self.make_model()
        ends = np.maximum(np.minimum(split.training.last + self.windows.horizon, data.lengths), 1)
        measure(model, data, ends)
        model.to(fit.device)
        scales = series_scales(model, data, ends)
        loss = _WindowLoss(self.windows, split, scales, fit.device)
        training: Callable[[Any, Any], Loss] = loss.training
        batches: Callable[[torch.Generator], Sequence[Any]] = partial(self._drawn, split.training)
        if self.truncate is not None:
            tracks = Tracks(
                data.until(np.minimum(ends, data.lengths)),
                self.truncate,
                self.batch_size,
                lag=model.scaling.lag,
                scales=scales,
                calendar=self.windows.calendar.shape[1] > 0,
                device=fit.device,
            )
            model.prepare_to_carry(self.batch_size)
            training, batches = tracks.loss, tracks.batches
        validate = loss.validated if len(split.held) else None
        return model, fit.train(model, training, batches, options, data=data.arrays(), validate=validate)

    def held(self, model: ForecastModel, split: Split, most: int) -> Where:
        """Held-back windows, evenly spread, to measure a model on."""
        ends = np.maximum(np.minimum(split.training.last + self.windows.horizon, self.windows.data.lengths), 1)
        series, cutoffs = split.held.find(split.held.spread(most))
        return Where(self.windows, series, cutoffs, series_scales(model, self.windows.data, ends))

    def _drawn(self, choice: Choice, generator: torch.Generator) -> Sequence[Tensor]:
        """The batches of an epoch: numbers of windows."""
        per_epoch = self.per_epoch or min(max(len(choice), FEWEST_DRAWN), MOST_DRAWN)
        return in_parts(choice.draw(per_epoch, generator), self.batch_size)


@dataclass(frozen=True)
class _WindowLoss:
    """The loss of windows by their numbers."""

    windows: Windows
    split: Split
    scales: NDArray[np.float64] | None
    device: torch.device

    def training(self, model: Any, numbers: Tensor) -> Loss:
        return self._of(model, self.split.training, numbers)

    def validated(self, model: Any) -> dict[str, float]:
        total, count = 0.0, 0
        for numbers in in_parts(self.split.held.spread(MOST_VALIDATED), VALIDATED_AT_ONCE):
            found = self._of(model, self.split.held, numbers)
            total, count = total + float(found.mean) * found.count, count + found.count
        return {"validation_loss": total / count}

    def _of(self, model: ForecastModel, choice: Choice, numbers: Tensor) -> Loss:
        series, cutoffs = choice.find(numbers)
        given = None if self.scales is None else torch.from_numpy(self.scales)[series].to(self.device)
        return model.loss(to_device(self.windows.gather(series, cutoffs), self.device), given)


def measure(model: ForecastModel, data: SeriesSet, ends: NDArray[np.int64]) -> None:
    """Sets a model's scales of covariates, and of targets for global scaling, from each series before its end."""
    scaling, features = model.scaling, model.network.features
    rows = np.concatenate([np.arange(a, a + n) for a, n in zip(data.offsets, ends, strict=False)])
    if scaling.method in ("global", "level"):
        values = data.values[rows]
        if scaling.method == "level":
            # The unit is how far series vary round their own means.
            values = _centered(model, data, ends)
        given = moments(values, log=scaling.log and scaling.method == "global", counts=scaling.counts)
        model.given.copy_(torch.from_numpy(given))
    for name, values in (("past", data.past[rows]), ("future", data.future), ("static", data.static)):
        if values.shape[1]:
            center, spread = moments(values, log=False, counts=False)
            getattr(features, f"{name}_center").copy_(torch.from_numpy(center))
            getattr(features, f"{name}_spread").copy_(torch.from_numpy(spread))


def _centered(model: ForecastModel, data: SeriesSet, ends: NDArray[np.int64]) -> NDArray[np.float64]:
    """Every series before its end, without its mean, in logarithms if the model takes them."""
    parts = [data.history(i)[:n] for i, n in enumerate(ends.tolist())]
    if model.scaling.log:
        parts = [np.log(part, where=part > 0, out=np.full_like(part, np.nan)) for part in parts]
    seen = [~np.isnan(part) for part in parts]
    sums = [np.where(own, part, 0.0).sum(0) / np.maximum(own.sum(0), 1) for part, own in zip(parts, seen, strict=True)]
    return np.concatenate([part - mean for part, mean in zip(parts, sums, strict=True)])


def series_scales(
    model: ForecastModel, data: SeriesSet, ends: NDArray[np.int64] | None = None
) -> NDArray[np.float64] | None:
    """The scale of each series (series, 2, targets) from before its end; None unless series are scaled as a whole."""
    scaling = model.scaling
    if scaling.method != "series":
        return None
    ends = data.lengths if ends is None else ends
    parts = [data.history(i)[:n] for i, n in enumerate(ends.tolist())]
    return np.stack([moments(part, log=scaling.log, counts=scaling.counts) for part in parts])
