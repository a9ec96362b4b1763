"""What a forecast says of a value: quantiles, the parameters of a distribution, or a point; and what errors cost.

All of it is in the scaled space of the network. Parameters are (..., size), values (...).
"""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

SMALLEST = 1e-4


class Likelihood:
    """What all have in common.

    Attributes:
        size: numbers that the network gives for each value.
        counts: whether values are counts, which are scaled by a factor alone.
        distribution: whether values can be drawn.
    """

    size = 1
    counts = False
    distribution = True

    def loss(self, parameters: Tensor, values: Tensor, spread: Tensor) -> Tensor:
        """The cost of each value (...); `spread` (...) is the unit that values are in."""
        raise NotImplementedError

    def point(self, parameters: Tensor, spread: Tensor) -> Tensor:
        """The best single forecast (...) under the loss: the median, or the mean for "mse"."""
        raise NotImplementedError

    def quantiles(self, parameters: Tensor, levels: NDArray[np.float64], spread: Tensor) -> Tensor:
        """Quantiles (..., levels), ascending with the level."""
        raise NotImplementedError

    def sample(self, parameters: Tensor, spread: Tensor, generator: torch.Generator) -> Tensor:
        """One draw of each value (...).

        Raises:
            ValueError: the loss makes no distribution.
        """
        uniform = torch.rand(parameters.shape[:-1], generator=generator, dtype=torch.float64)
        return self.inverse(parameters, uniform.to(parameters.device), spread)

    def inverse(self, parameters: Tensor, uniform: Tensor, spread: Tensor) -> Tensor:
        """The quantile (...) at a level of its own for each value (...)."""
        raise NotImplementedError


class Point(Likelihood):
    """One number, by mean squared or mean absolute error."""

    distribution = False

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def loss(self, parameters: Tensor, values: Tensor, spread: Tensor) -> Tensor:
        """Squared or absolute errors."""
        error = parameters[..., 0] - values
        return error.square() if self.kind == "mse" else error.abs()

    def point(self, parameters: Tensor, spread: Tensor) -> Tensor:
        """The number itself."""
        return parameters[..., 0]

    def quantiles(self, parameters: Tensor, levels: NDArray[np.float64], spread: Tensor) -> Tensor:
        """As if errors were normal and of unit size, which calibration has to put right."""
        return parameters + _normal(torch.as_tensor(levels), parameters)

    def sample(self, parameters: Tensor, spread: Tensor, generator: torch.Generator) -> Tensor:
        """Raises ValueError."""
        raise ValueError(f"loss: {self.kind!r} makes no distribution to sample from; use quantiles or a likelihood")


class Quantiles(Likelihood):
    """Some quantiles, by the pinball loss (Koenker, Bassett 1978).

    The network gives the one nearest the median, and the distances from each to the next, so that none cross.
    """

    def __init__(self, levels: tuple[float, ...]) -> None:
        self.levels = np.array(levels, np.float64)
        self.size = len(levels)
        self.middle = int(np.abs(self.levels - 0.5).argmin())

    def loss(self, parameters: Tensor, values: Tensor, spread: Tensor) -> Tensor:
        """Twice the pinball loss, mean over the levels: at the level 0.5 that is the absolute error."""
        error = values.unsqueeze(-1) - self._ascending(parameters)
        levels = torch.as_tensor(self.levels, dtype=error.dtype, device=error.device)
        return torch.maximum(levels * error, (levels - 1) * error).mean(-1) * 2

    def point(self, parameters: Tensor, spread: Tensor) -> Tensor:
        """The quantile nearest the median."""
        return parameters[..., self.middle]

    def quantiles(self, parameters: Tensor, levels: NDArray[np.float64], spread: Tensor) -> Tensor:
        """Those asked for, linear between those that are known, and level beyond the outermost."""
        known = self._ascending(parameters)
        at = np.interp(levels, self.levels, np.arange(len(self.levels)))
        below = np.floor(at).astype(int)
        above = np.minimum(below + 1, len(self.levels) - 1)
        part = torch.as_tensor(at - below, dtype=known.dtype, device=known.device)
        return known[..., below] * (1 - part) + known[..., above] * part

    def inverse(self, parameters: Tensor, uniform: Tensor, spread: Tensor) -> Tensor:
        """Linear between the quantiles; beyond them with exponential tails that go on as steeply as they end.

        With one level alone, its quantile.
        """
        known = self._ascending(parameters)
        if len(self.levels) == 1:
            return known[..., 0]
        levels = torch.as_tensor(self.levels, dtype=torch.float64, device=known.device)
        uniform = uniform.clamp(1e-6, 1 - 1e-6)
        above = torch.searchsorted(levels, uniform).clamp(1, len(levels) - 1)
        low, high = known.gather(-1, (above - 1).unsqueeze(-1))[..., 0], known.gather(-1, above.unsqueeze(-1))[..., 0]
        width = levels[above] - levels[above - 1]
        inside = low + (high - low) * ((uniform - levels[above - 1]) / width).to(known.dtype)
        first, last = levels[0], levels[-1]
        down = (known[..., 1] - known[..., 0]) * first / (levels[1] - first) * (uniform / first).clamp(max=1).log()
        up = (known[..., -1] - known[..., -2]) * (1 - last) / (last - levels[-2])
        up = up * ((1 - uniform) / (1 - last)).clamp(max=1).log()
        outer = torch.where(uniform < first, known[..., 0] + down, known[..., -1] - up)
        return torch.where((uniform < first) | (uniform > last), outer.to(known.dtype), inside)

    def _ascending(self, parameters: Tensor) -> Tensor:
        middle = parameters[..., self.middle : self.middle + 1]
        widths = F.softplus(parameters)
        above = middle + widths[..., self.middle + 1 :].cumsum(-1)
        below = middle - widths[..., : self.middle].flip(-1).cumsum(-1).flip(-1)
        return torch.cat([below, middle, above], -1)


class Gaussian(Likelihood):
    """Mean and standard deviation, by the negative log likelihood."""

    size = 2

    def loss(self, parameters: Tensor, values: Tensor, spread: Tensor) -> Tensor:
        """Negative log likelihood."""
        mean, deviation = parameters[..., 0], _positive(parameters[..., 1])
        return 0.5 * ((values - mean) / deviation).square() + deviation.log() + 0.5 * log(2 * pi)

    def point(self, parameters: Tensor, spread: Tensor) -> Tensor:
        """The mean, which is the median."""
        return parameters[..., 0]

    def quantiles(self, parameters: Tensor, levels: NDArray[np.float64], spread: Tensor) -> Tensor:
        """Exact."""
        return parameters[..., :1] + _positive(parameters[..., 1:2]) * _normal(torch.as_tensor(levels), parameters)

    def inverse(self, parameters: Tensor, uniform: Tensor, spread: Tensor) -> Tensor:
        """Exact."""
        return parameters[..., 0] + _positive(parameters[..., 1]) * _normal(uniform.clamp(1e-9, 1 - 1e-9), parameters)


class StudentT(Likelihood):
    """Location, scale and degrees of freedom (above 2), by the negative log likelihood; for heavy tails."""

    size = 3

    def loss(self, parameters: Tensor, values: Tensor, spread: Tensor) -> Tensor:
        """Negative log likelihood."""
        place, scale, freedom = self._parts(parameters)
        off = ((values - place) / scale).square()
        each = 0.5 * (freedom + 1)
        norm = torch.lgamma(0.5 * freedom) - torch.lgamma(each) + 0.5 * (pi * freedom).log() + scale.log()
        return norm + each * torch.log1p(off / freedom)

    def point(self, parameters: Tensor, spread: Tensor) -> Tensor:
        """The location, which is median and mean."""
        return parameters[..., 0]

    def quantiles(self, parameters: Tensor, levels: NDArray[np.float64], spread: Tensor) -> Tensor:
        """Exact."""
        return torch.stack([self.inverse(parameters, _full(parameters, level), spread) for level in levels], -1)

    def inverse(self, parameters: Tensor, uniform: Tensor, spread: Tensor) -> Tensor:
        """Exact."""
        from scipy.stats import t

        place, scale, freedom = self._parts(parameters)
        at = t.ppf(uniform.clamp(1e-9, 1 - 1e-9).cpu().numpy(), freedom.double().cpu().numpy())
        return place + scale * _like(at, place)

    @staticmethod
    def _parts(parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return parameters[..., 0], _positive(parameters[..., 1]), 2 + _positive(parameters[..., 2])


class NegativeBinomial(Likelihood):
    """Mean and dispersion of counts, by the negative log likelihood (Salinas et al. 2020, "DeepAR").

    The mean is in units of `spread`; the variance is mean + dispersion * mean^2.
    """

    size = 2
    counts = True

    def loss(self, parameters: Tensor, values: Tensor, spread: Tensor) -> Tensor:
        """Negative log likelihood of the counts, `values * spread`."""
        mean, dispersion = self._parts(parameters, spread)
        count = values * spread
        each = 1 / dispersion
        product = dispersion * mean
        return (
            torch.lgamma(count + 1)
            + torch.lgamma(each)
            - torch.lgamma(count + each)
            + each * torch.log1p(product)
            - count * (product.log() - torch.log1p(product))
        )

    def point(self, parameters: Tensor, spread: Tensor) -> Tensor:
        """The median."""
        return self.inverse(parameters, _full(parameters, 0.5), spread)

    def quantiles(self, parameters: Tensor, levels: NDArray[np.float64], spread: Tensor) -> Tensor:
        """Exact: whole counts, in units of `spread`."""
        return torch.stack([self.inverse(parameters, _full(parameters, level), spread) for level in levels], -1)

    def inverse(self, parameters: Tensor, uniform: Tensor, spread: Tensor) -> Tensor:
        """Exact."""
        from scipy.stats import nbinom

        mean, dispersion = (part.double().cpu().numpy() for part in self._parts(parameters, spread))
        counts = nbinom.ppf(uniform.clamp(0, 1 - 1e-9).cpu().numpy(), 1 / dispersion, 1 / (1 + dispersion * mean))
        return _like(counts, parameters) / spread

    @staticmethod
    def _parts(parameters: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
        return _positive(parameters[..., 0]) * spread, _positive(parameters[..., 1])


def likelihood(loss: str, levels: tuple[float, ...]) -> Likelihood:
    """The likelihood of a name in LOSSES."""
    if loss == "quantile":
        return Quantiles(levels)
    if loss in ("mse", "mae"):
        return Point(loss)
    return {"gaussian": Gaussian, "student-t": StudentT, "negative-binomial": NegativeBinomial}[loss]()


LOSSES = ("quantile", "gaussian", "student-t", "negative-binomial", "mse", "mae")


def _positive(parameter: Tensor) -> Tensor:
    return F.softplus(parameter) + SMALLEST


def _normal(levels: Tensor, like: Tensor) -> Tensor:
    """Quantiles of the standard normal distribution."""
    made: Tensor = torch.special.ndtri(levels.double())
    return made.to(like.device, like.dtype)


def _full(parameters: Tensor, level: float) -> Tensor:
    return torch.full(parameters.shape[:-1], float(level), dtype=torch.float64, device=parameters.device)


def _like(values: Any, like: Tensor) -> Tensor:
    return torch.as_tensor(values).to(like.device, like.dtype)
