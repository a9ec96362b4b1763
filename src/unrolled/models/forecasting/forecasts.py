"""Running a trained model over windows: points, quantiles and sample paths, as values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unrolled.models.forecasting.conformal import Calibration
from unrolled.models.forecasting.model import ForecastModel, to_device
from unrolled.models.forecasting.scaling import Scale
from unrolled.models.forecasting.windows import Batch, Windows, in_parts

Floats = NDArray[np.float64]

# Windows that are forecast at once, and paths of them.
AT_ONCE = 512
PATHS_AT_ONCE = 4096


@dataclass(frozen=True)
class Where:
    """Some windows to forecast.

    Attributes:
        windows: of the series.
        series: numbers of the series (windows,).
        cutoffs: known steps of each (windows,).
        scales: of every series (series, 2, targets), where they are scaled as a whole.
    """

    windows: Windows
    series: Tensor
    cutoffs: Tensor
    scales: Floats | None = None

    def batches(self, at_once: int, horizon: int, device: torch.device) -> Iterator[tuple[Batch, Tensor | None]]:
        """Windows with what follows them, and the scales of their series."""
        for series, cutoffs in zip(in_parts(self.series, at_once), in_parts(self.cutoffs, at_once), strict=True):
            given = None if self.scales is None else torch.from_numpy(self.scales)[series].to(device)
            yield to_device(self.windows.gather(series, cutoffs, horizon), device), given


@dataclass(frozen=True)
class Forecasts:
    """What a trained model says of windows.

    Args:
        model: trained.
        horizon: steps that it says at once.
        levels: of the quantiles.
        calibration: of these quantiles; None to leave them as they are.
        paths: sample paths from which a recursive model's quantiles come.
        seed: of these paths.
    """

    model: ForecastModel
    horizon: int
    levels: tuple[float, ...]
    calibration: Calibration | None = None
    paths: int = 200
    seed: int = 0

    def whole(self, horizon: int) -> int:
        """Steps that are forecast to have so many: a direct model goes on by its own horizon."""
        return horizon if self.model.recursive else -(-horizon // self.horizon) * self.horizon

    def of(self, where: Where, horizon: int) -> tuple[Floats, Floats]:
        """Points (windows, horizon, targets) and quantiles (windows, horizon, targets, levels).

        A direct model's forecasts beyond its own horizon go on from its points.
        """
        points, quantiles = [], []
        for batch, given in where.batches(self._at_once(), self.whole(horizon), self._device()):
            parts = [self._values(*part) for part in self._blocks(batch, horizon, given)]
            points.append(np.concatenate([point for point, _ in parts], 1)[:, :horizon])
            quantiles.append(np.concatenate([said for _, said in parts], 1)[:, :horizon])
        return np.concatenate(points), np.concatenate(quantiles)

    def points(self, where: Where, horizon: int) -> Floats:
        """Points (windows, horizon, targets) alone; a recursive model feeds them back, with no path drawn."""
        if not self.model.recursive:
            return self.of(where, horizon)[0]
        made = []
        for batch, given in where.batches(AT_ONCE, horizon, self._device()):
            rolled, scale = self.model.roll(batch, horizon, 1, None, given)
            made.append(scale.values(rolled[:, 0]).cpu().numpy())
        return np.concatenate(made)

    def errors(self, where: Where) -> tuple[Floats, Floats]:
        """What followed the windows (windows, horizon, targets), and quantiles uncalibrated; in the scaled space."""
        actual, quantiles = [], []
        for batch, given in where.batches(self._at_once(), self.horizon, self._device()):
            _, said, scale = self._say(batch, self.horizon, given)
            actual.append(scale.scaled(batch.actual).double().cpu().numpy())
            quantiles.append(said.double().cpu().numpy())
        return np.concatenate(actual), np.concatenate(quantiles)

    def sample(self, where: Where, horizon: int, paths: int, seed: int) -> Floats:
        """Sample paths (windows, paths, horizon, targets).

        A recursive model draws each step given the ones before; a direct one draws each step on its own.

        Raises:
            ValueError: the loss makes no distribution, or a direct model is asked for more than its horizon.
        """
        if not self.model.recursive and horizon > self.horizon:
            raise ValueError(f"horizon: expected at most {self.horizon} to sample with head='direct', found {horizon}")
        generator = torch.Generator().manual_seed(seed)
        made = []
        for batch, given in where.batches(max(1, PATHS_AT_ONCE // paths), self.whole(horizon), self._device()):
            if self.model.recursive:
                drawn, scale = self.model.roll(batch, horizon, paths, generator, given)
            else:
                drawn, scale = self.model.draw(batch, paths, generator, given)
            values = scale.values(drawn.permute(0, 2, 3, 1))[:, :horizon]
            made.append(values.permute(0, 3, 1, 2).cpu().numpy())
        return np.concatenate(made)

    def _blocks(self, batch: Batch, horizon: int, given: Tensor | None) -> Iterator[tuple[Tensor, Tensor, Scale]]:
        if self.model.recursive:
            yield self._say(batch, horizon, given)
            return
        own, window = self.horizon, batch.values.shape[1]
        for first in range(0, horizon, own):
            end = first + window + own
            part = replace(batch, future=batch.future[:, first:end], calendar=batch.calendar[:, first:end])
            point, said, scale = self._say(part, own, given)
            yield point, said, scale
            values = torch.cat([batch.values, scale.values(point)], 1)[:, -window:]
            hidden = batch.past.new_full((len(point), own, batch.past.shape[2]), float("nan"))
            batch = replace(batch, values=values, past=torch.cat([batch.past, hidden], 1)[:, -window:])

    def _say(self, batch: Batch, horizon: int, given: Tensor | None) -> tuple[Tensor, Tensor, Scale]:
        """Points and quantiles in the scaled space."""
        levels = np.array(self.levels)
        if not self.model.recursive:
            return self.model.say(batch, levels, horizon, given)
        if not self.model.likelihood.distribution:
            rolled, scale = self.model.roll(batch, horizon, 1, None, given)
            return rolled[:, 0], self.model.likelihood.quantiles(rolled[:, 0, ..., None], levels, scale.spread), scale
        generator = torch.Generator().manual_seed(self.seed)
        rolled, scale = self.model.roll(batch, horizon, self.paths, generator, given)
        at = torch.tensor([*self.levels, 0.5], dtype=torch.float64, device=rolled.device)
        said = torch.quantile(rolled.double(), at, 1).permute(1, 2, 3, 0)
        return said[..., -1], said[..., :-1], scale

    def _values(self, point: Tensor, said: Tensor, scale: Scale) -> tuple[Floats, Floats]:
        if self.calibration is not None:
            said = torch.from_numpy(self.calibration.apply(said.double().cpu().numpy())).to(point.device)
        return scale.values(point).cpu().numpy(), scale.values(said).cpu().numpy()

    def _at_once(self) -> int:
        return max(1, PATHS_AT_ONCE // self.paths) if self.model.recursive else AT_ONCE

    def _device(self) -> torch.device:
        return self.model.given.device
