"""`EnsembleForecaster`: the mean of several forecasters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from unrolled.checks import as_path
from unrolled.data.frames import read_series
from unrolled.data.series import SeriesSet
from unrolled.models.folder import ModelError, making, read_model, write_model
from unrolled.models.forecasting.base import Floats, Forecasting
from unrolled.models.forecasting.conformal import Calibration
from unrolled.models.forecasting.forecaster import Forecaster
from unrolled.models.forecasting.windows import Choice
from unrolled.training import joined

# Windows that the mean's intervals are measured on.
MEASURED = 1024


class EnsembleForecaster(Forecasting):
    """The mean of what several forecasters say, which is better than most of them where they err differently.

    Members with other scalings, differences or windows err more differently than those with other seeds. Quantiles are
    averaged level by level (Vincentization; Lichtendahl, Grushka-Cockayne, Winkler 2013); since the mean errs less than
    its members, their intervals are then brought to their coverage as those of one forecaster are, where windows were
    held back from all members.

    Args:
        forecasters: what to train, with the same horizon and quantiles.

    Attributes:
        members_: the trained ones.
        calibration_: of the mean's intervals, None without.
        series_: what they were trained on.
        season_: steps of a season.

    Memory: the members', one after the other while they train.
    """

    def __init__(self, forecasters: Sequence[Forecaster]) -> None:
        self.forecasters = forecasters

    @property
    def horizon(self) -> int:  # type: ignore[override]
        """Steps that the members forecast."""
        return int(self.forecasters[0].horizon)

    @joined()
    def fit(self, series: Any, y: Any = None, *, checkpoints: str | Path | None = None, resume: bool = False) -> Self:
        """Trains the members in turn; arguments and errors are those of `Forecaster.fit`."""
        self.checked_options()
        path = None if checkpoints is None else as_path("checkpoints", checkpoints)
        data = read_series(series)
        folders = [None if path is None else path / str(i) for i in range(len(self.forecasters))]
        self.members_ = [
            clone(member).fit(data, checkpoints=folder, resume=resume)
            for member, folder in zip(self.forecasters, folders, strict=True)
        ]
        self._take(self.members_[0])
        held = [member.held_ for member in self.members_]
        self.calibration_ = None
        if None not in held and self.told_levels():
            self.calibration_ = self._measured(data, min(held, key=len))
        return self

    def calibrate(self, series: Any = None, *, steps: int | None = None) -> Self:
        """Measures the intervals anew; arguments and errors are those of `Forecaster.calibrate`."""
        data, ends = self._ends(series, steps)
        for member in self.members_:
            member.calibrate(series, steps=steps)
        self.calibration_ = None
        self.calibration_ = self._measured(data, ends)
        return self

    def _measured(self, data: SeriesSet, held: Choice) -> Calibration:
        numbers, cutoffs = (part.tolist() for part in held.find(held.spread(MEASURED)))
        _, quantiles = self.forecast_from(data, list(zip(numbers, cutoffs, strict=True)))
        rows = data.offsets[numbers][:, None] + np.array(cutoffs)[:, None] + np.arange(self.horizon)
        return Calibration.fit(data.values[rows], quantiles, self.told_levels())

    def checked_options(self) -> None:
        """Checks the constructor's arguments.

        Raises:
            ValueError: there are no members, or they differ in horizon or quantiles.
        """
        members = self.forecasters
        if not isinstance(members, (list, tuple)) or not members or not all(isinstance(m, Forecaster) for m in members):
            raise ValueError(f"forecasters: expected a list of Forecasters, found {members!r:.100}")
        for member in members:
            member.checked_options()
        for name in ("horizon", "quantiles"):
            values = [tuple(np.atleast_1d(getattr(member, name))) for member in members]
            if len(set(values)) > 1:
                raise ValueError(f"forecasters: expected one {name} for all, found {sorted(set(values))}")

    def told_levels(self) -> tuple[float, ...]:
        """The levels of the quantiles that forecasts come with: those that every member makes."""
        levels = [member.told_levels() for member in self.members_]
        return levels[0] if all(levels) else ()

    def forecast(self, horizon: int | None, series: Any, future: Any) -> tuple[SeriesSet, Floats, Floats]:
        """The series; points (series, horizon, targets) and quantiles (series, horizon, targets, levels) after them."""
        check_is_fitted(self, "members_")
        said = [member.forecast(horizon, series, future) for member in self.members_]
        return said[0][0], *self._mean([part[1:] for part in said])

    def forecast_from(self, data: SeriesSet, pairs: list[tuple[int, int]]) -> tuple[Floats, Floats]:
        """Points and quantiles from origins, pairs of a series' number and how many of its steps are known."""
        return self._mean([member.forecast_from(data, pairs) for member in self.members_])

    def save(self, path: str | Path) -> None:
        """Writes all members to one folder, `config.json` and `model.safetensors`; see `Forecaster.save`.

        Raises:
            ModelError: the folder holds something else.
            NotFittedError: `fit` was not called.
        """
        check_is_fitted(self, "members_")
        configs: list[dict[str, Any]] = []
        tensors: dict[str, Tensor] = {}
        for number, member in enumerate(self.members_):
            config, own = member.written()
            configs.append(config)
            tensors |= {f"{number}.{name}": tensor for name, tensor in own.items()}
        own = None if self.calibration_ is None else self.calibration_.record()
        write_model(path, type(self).__name__, {"members": configs, "calibration": own}, tensors)

    @classmethod
    def load(cls, path: str | Path, *, device: str = "auto") -> Self:
        """Reads what `save` wrote.

        Raises:
            ModelError: a file is missing, damaged, or not an ensemble's.
        """
        config, tensors = read_model(path, cls.__name__)
        configs = config.get("members")
        if not isinstance(configs, list) or not configs or not all(isinstance(own, dict) for own in configs):
            raise ModelError(f"{path}: config.json: expected a list of members")
        members = []
        for number, own in enumerate(configs):
            prefix = f"{number}."
            parts = {name.removeprefix(prefix): part for name, part in tensors.items() if name.startswith(prefix)}
            members.append(Forecaster.read(path, own, parts, device=device))
        made = cls([clone(member) for member in members])
        made.members_ = members
        with making(path, "an ensemble"):
            made.checked_options()
            own = config.get("calibration")
            made.calibration_ = None if own is None else Calibration.from_record(own)
        made._take(members[0])
        return made

    def _take(self, member: Forecaster) -> None:
        self.series_, self.season_ = member.series_, member.season_

    def _mean(self, said: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
        points = np.mean([part for part, _ in said], 0)
        if not self.told_levels():
            return points, np.empty((*points.shape, 0))
        quantiles: Floats = np.mean([part for _, part in said], 0)
        return points, quantiles if self.calibration_ is None else self.calibration_.apply(quantiles)
