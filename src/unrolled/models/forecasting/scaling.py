"""Scaling: what the network sees of a window, and how what it says becomes values again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SCALINGS = ("window", "level", "series", "global")
# A window that hardly varies is not blown up: at least this part of its level is the unit.
FLATTEST = 1e-3


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale of some windows.

    Attributes:
        center: (batch, 1, targets).
        spread: (batch, 1, targets).
        base: added to forecasts in the scaled space (batch, horizon, targets), None for nothing.
        log: whether values are exponentials.
        counts: whether values are counts.
    """

    center: Tensor
    spread: Tensor
    base: Tensor | None
    log: bool
    counts: bool = False

    def scaled(self, values: Tensor) -> Tensor:
        """Targets (batch, horizon, targets) as the network is to say them, float32."""
        values = (_log(values) if self.log else values) - self.center
        values = values / self.spread
        return (values if self.base is None else values - self.base[:, : values.shape[1]]).float()

    def values(self, scaled: Tensor) -> Tensor:
        """What the network said (batch, horizon, targets) or (batch, horizon, targets, n) as values, float64."""
        more = scaled.ndim - self.center.ndim
        center, spread = (_longer(part, more) for part in (self.center, self.spread))
        scaled = scaled.double()
        if self.base is not None:
            scaled = scaled + _longer(self.base, more)
        values = scaled * spread + center
        if self.counts:
            # Whole again after a detour through float32.
            values = values.round(decimals=3)
        return values.clamp(max=700).exp() if self.log else values


def scale_windows(
    windows: Tensor,
    horizon: int,
    *,
    scaling: str | None,
    lag: int,
    log: bool,
    counts: bool,
    given: Tensor | None,
    recent: int = 1,
) -> tuple[Tensor, Scale]:
    """Scales windows.

    Args:
        windows: values (batch, window, targets), float64, NaN for missing.
        horizon: steps that are forecast.
        scaling: "window", "level", "series", "global" or None.
        lag: the last so many steps of the window are subtracted from it, at the same phase, and are what forecasts
            start from; 0 for nothing. 1 is the subtraction of the last value (Lin et al. 2023, "SegRNN"), a season's
            length makes forecasts start from the seasonal naive one.
        log: whether to take logarithms first.
        counts: whether values may only be multiplied.
        given: center and spread (batch, 2, targets) where they do not come from the window.
        recent: steps at the end of the window whose mean is its "level".

    Returns:
        The windows in the scaled space, float32, NaN where values are missing; and their scale.
    """
    values = _log(windows) if log else windows
    center, spread = _moments(values, counts) if scaling == "window" else (None, None)
    if center is None or spread is None:
        given = torch.tensor([0.0, 1.0], dtype=torch.float64).view(1, 2, 1) if given is None else given
        center, spread = given[:, :1].to(values), given[:, 1:].to(values)
        center, spread = (part.expand(len(values), 1, values.shape[2]) for part in (center, spread))
    if scaling == "level":
        near = _moments(values[:, -recent:], counts)[0]
        # Of nothing but missing values the whole window stands in.
        center = torch.where((~values[:, -recent:].isnan()).any(1, keepdim=True), near, _moments(values, counts)[0])
    scaled = (values - center) / spread
    base = None
    if lag:
        cycle = last_cycle(scaled, lag)
        window = windows.shape[1]
        ahead = torch.arange(horizon, device=windows.device)
        behind = torch.arange(window, device=windows.device)
        base = cycle[:, ahead % lag]
        scaled = scaled - cycle[:, (behind - window) % lag]
    return scaled.float(), Scale(center, spread, base, log, counts)


def moments(values: NDArray[Any], *, log: bool, counts: bool) -> NDArray[np.float64]:
    """Center and spread (2, targets) of all steps (time, targets)."""
    steps = torch.as_tensor(values, dtype=torch.float64).unsqueeze(0)
    center, spread = _moments(_log(steps) if log else steps, counts)
    return torch.cat([center, spread], 1)[0].numpy()


def _moments(values: Tensor, counts: bool) -> tuple[Tensor, Tensor]:
    """Center and spread (batch, 1, targets) of what is not missing; 0 and 1 of nothing."""
    seen = ~values.isnan()
    number = seen.sum(1, keepdim=True).clamp(min=1)
    filled = torch.where(seen, values, 0.0)
    mean = filled.sum(1, keepdim=True) / number
    if counts:
        # Salinas et al. 2020: the unit of counts is one more than their mean.
        return torch.zeros_like(mean), 1 + mean.abs()
    spread = (torch.where(seen, filled - mean, 0.0).square().sum(1, keepdim=True) / number).sqrt()
    spread = torch.maximum(spread, FLATTEST * mean.abs())
    return mean, torch.where(spread > 0, spread, 1.0)


def last_cycle(scaled: Tensor, lag: int) -> Tensor:
    """The last value of each phase that is not missing (batch, lag, targets); of none, the mean, 0."""
    batch, window, targets = scaled.shape
    cycles = -(-window // lag)
    padded = torch.nn.functional.pad(scaled, (0, 0, cycles * lag - window, 0), value=float("nan"))
    by_phase = padded.view(batch, cycles, lag, targets)
    cycle = by_phase[:, 0]
    for later in range(1, cycles):
        cycle = torch.where(by_phase[:, later].isnan(), cycle, by_phase[:, later])
    if not cycle.isnan().any():
        return cycle
    # A phase that was never seen takes the mean of those that were.
    seen = ~cycle.isnan()
    mean = torch.where(seen, cycle, 0.0).sum(1, keepdim=True) / seen.sum(1, keepdim=True).clamp(min=1)
    return torch.where(seen, cycle, mean)


def _log(values: Tensor) -> Tensor:
    """Logarithms; what has none is missing."""
    return torch.where(values > 0, values, float("nan")).log()


def _longer(part: Tensor, more: int) -> Tensor:
    return part.view(*part.shape, *[1] * more)
