"""Quantiles brought to their nominal coverage by what they missed on windows held back from training.

Romano, Patterson, Candès 2019, "Conformalized Quantile Regression", with scores in units of the interval's own width
(Sesia, Candès 2020, "A comparison of some conformal quantile regression methods"), so that series of any size share
the corrections and an interval shrinks to its middle at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unrolled.models.forecasting.metrics import Values, check_levels

# Scores that a step's correction should rest on; with fewer, neighbouring steps lend theirs.
ENOUGH = 200


@dataclass(frozen=True)
class Calibration:
    """How far pairs of quantiles are moved apart, by step of the horizon.

    If the held-back windows and those to come are exchangeable, an interval of nominal coverage 1 - a covers at least
    that part of the values on average, whatever the model (Romano et al., theorem 1). Windows of one series that
    overlap, or a series that changes, are exchangeable only roughly.

    Attributes:
        levels: of the quantiles, increasing; each below 0.5 makes a pair with the one as far above, others stay.
        corrections: (horizon, pairs), widest pair first: the part of its width that each end is moved outwards,
            -0.5 at least.
    """

    levels: tuple[float, ...]
    corrections: Values

    @classmethod
    def fit(cls, actual: ArrayLike, quantiles: ArrayLike, levels: Sequence[float], *, enough: int = ENOUGH) -> Self:
        """Measures held-back windows.

        Args:
            actual: (windows, horizon, targets), NaN where missing.
            quantiles: (windows, horizon, targets, levels).
            levels: between 0 and 1, increasing.
            enough: scores, over windows and targets, that a step needs of its own; otherwise the nearest steps lend
                theirs, as many to each side as it takes.

        Raises:
            ValueError: the shapes do not fit, or the levels are not as said.
        """
        levels = check_levels(levels)
        actual, quantiles = np.asarray(actual, float), np.asarray(quantiles, float)
        if actual.ndim != 3:
            raise ValueError(f"actual: expected shape (windows, horizon, targets), found {actual.shape}")
        if not actual.size:
            raise ValueError(f"actual: expected at least one window, step and target, found shape {actual.shape}")
        _check_shape(quantiles, (*actual.shape, len(levels)))
        quantiles = np.sort(quantiles, -1)
        horizon = actual.shape[1]
        pairs = _pairs(levels)
        corrections = np.zeros((horizon, len(pairs)))
        for column, (low, high) in enumerate(pairs):
            scores = _scores(actual, quantiles[..., low], quantiles[..., high])
            for step in range(horizon):
                corrections[step, column] = _correction(_nearby(scores, step, enough), levels[high] - levels[low])
        return cls(tuple(levels), corrections)

    def apply(self, quantiles: ArrayLike) -> Values:
        """Corrected quantiles, which increase with the level.

        Args:
            quantiles: (..., horizon, targets, levels). Past the horizon that was measured, its last step's
                corrections hold.

        Returns:
            As quantiles, sorted where they crossed; a pair that was moved into the next inner one stops at it.

        Raises:
            ValueError: there is not one for each level.
        """
        quantiles = np.asarray(quantiles, float)
        if quantiles.ndim < 3 or quantiles.shape[-1] != len(self.levels):
            raise ValueError(
                f"quantiles: expected shape (..., horizon, targets, {len(self.levels)}), found {quantiles.shape}"
            )
        made = np.sort(quantiles, -1)
        steps = np.minimum(np.arange(made.shape[-3]), len(self.corrections) - 1)
        for column, (low, high) in enumerate(_pairs(self.levels)):
            moved = self.corrections[steps, column][:, None] * (made[..., high] - made[..., low])
            made[..., low], made[..., high] = made[..., low] - moved, made[..., high] + moved
        # From the middle outwards: an outer quantile never lies within an inner one.
        middle = int(np.searchsorted(self.levels, 0.5))
        made[..., middle:] = np.maximum.accumulate(made[..., middle:], -1)
        made[..., : middle + 1] = np.minimum.accumulate(made[..., middle::-1], -1)[..., ::-1]
        return made

    def record(self) -> dict[str, Any]:
        """As JSON values."""
        return {"levels": list(self.levels), "corrections": self.corrections.tolist()}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """What `record` gave.

        Raises:
            ValueError: it gave no such thing.
        """
        try:
            levels = check_levels(record["levels"])
            corrections = np.array(record["corrections"], float)
        except (KeyError, TypeError) as error:
            raise ValueError(f"record: expected levels and corrections, found {record!r:.100}") from error
        pairs = len(_pairs(levels))
        if corrections.ndim != 2 or corrections.shape[1] != pairs or not len(corrections):
            raise ValueError(f"corrections: expected shape (horizon, {pairs}), found {corrections.shape}")
        if not np.isfinite(corrections).all():
            raise ValueError("corrections: expected finite numbers")
        return cls(tuple(levels), corrections)


def _pairs(levels: Sequence[float]) -> list[tuple[int, int]]:
    """Places of the symmetric pairs of levels, the widest first."""
    pairs = []
    for low, level in enumerate(levels):
        for high in range(low + 1, len(levels)):
            if abs(level + levels[high] - 1) < 1e-6:
                pairs.append((low, high))
    return pairs


def _scores(actual: Values, low: Values, high: Values) -> Values:
    """How far outside its interval each value lies, negative inside, in widths; NaN where there is none."""
    width = high - low
    with np.errstate(invalid="ignore", divide="ignore"):
        scores: Values = np.maximum(low - actual, actual - high) / width
    # No factor widens an interval of width 0.
    return np.where(width > 0, scores, np.nan)


def _nearby(scores: Values, step: int, enough: int) -> Values:
    """The scores of a step, and of as many steps round it as it takes to have enough."""
    horizon = scores.shape[1]
    for reach in range(horizon):
        near = scores[:, max(0, step - reach) : step + reach + 1]
        near = near[~np.isnan(near)]
        if len(near) >= enough:
            break
    return near


def _correction(scores: NDArray[np.float64], coverage: float) -> float:
    """The score that the part `coverage` of all further ones will not exceed; the highest if there are too few."""
    if not len(scores):
        return 0.0
    rank = min(len(scores), int(np.ceil(round((len(scores) + 1) * coverage, 9))))
    return float(np.partition(scores, rank - 1)[rank - 1])


def _check_shape(quantiles: Values, shape: tuple[int, ...]) -> None:
    if quantiles.shape != shape:
        raise ValueError(
            f"quantiles: expected shape {shape}, (windows, horizon, targets, levels), found {quantiles.shape}"
        )
