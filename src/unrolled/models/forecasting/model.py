"""Windows in, forecasts out: scaling, network and likelihood together, for training and for use."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from unrolled.models.carried import Carried, mapped
from unrolled.models.forecasting.likelihoods import Likelihood
from unrolled.models.forecasting.network import DirectNetwork, RecursiveNetwork
from unrolled.models.forecasting.scaling import Scale, last_cycle, scale_windows
from unrolled.models.forecasting.windows import Batch
from unrolled.stream import Stream
from unrolled.training import Loss

Floats = NDArray[np.float64]


# Buffers of the state that is carried along while training on chunks begin so; they are no part of a trained model.
CARRIED = "carried."


@dataclass(frozen=True, slots=True)
class Scaling:
    """How windows are scaled; the arguments of `scale_windows`."""

    method: str | None
    lag: int
    log: bool
    counts: bool
    recent: int


class ForecastModel(nn.Module):
    """A network, and what is around it.

    Args:
        network: of either kind.
        likelihood: what its numbers mean.
        scaling: how windows are scaled.
    """

    given: Tensor
    carried: Carried

    def __init__(self, network: DirectNetwork | RecursiveNetwork, likelihood: Likelihood, scaling: Scaling) -> None:
        super().__init__()
        self.network, self.likelihood, self.scaling = network, likelihood, scaling
        scale = torch.tensor([[0.0], [1.0]], dtype=torch.float64).repeat(1, network.shape.targets)
        self.register_buffer("given", scale)

    @property
    def recursive(self) -> bool:
        """Whether output and state are fed back."""
        return isinstance(self.network, RecursiveNetwork)

    def loss(self, batch: Batch, given: Tensor | None = None) -> Loss:
        """The mean loss of all values that are there; `given` are scales of their series (batch, 2, targets)."""
        scaled, scale = self.scaled(batch.values, batch.actual.shape[1], given)
        actual = scale.scaled(batch.actual)
        if isinstance(self.network, RecursiveNetwork):
            whole = self.differenced(torch.cat([scaled, actual], 1))
            said, _ = self.network(self._whole_inputs(whole, batch))
            actual = whole[:, 1:]
        else:
            said = self.network(scaled, batch)
        return self.cost(said, actual, scale.spread)

    def chunk_loss(self, batch: Batch, steps: int, given: Tensor | None, *, fresh: bool) -> Loss:
        """The loss of the last steps of windows and what follows them, from a fresh state or the one carried along."""
        network = self.network
        assert isinstance(network, RecursiveNetwork)
        scaled, scale = self.scaled(batch.values, 1, given)
        whole = self.differenced(torch.cat([scaled, scale.scaled(batch.actual)], 1))
        inputs = self._whole_inputs(whole, batch)[:, -steps:]
        state = None if fresh else self.carried.state(len(inputs))
        said, state = network(inputs, None, state)
        self.carried.keep(state)
        return self.cost(said, whole[:, -steps:], scale.spread)

    def prepare_to_carry(self, batch_size: int) -> None:
        """Makes room for the state of so many tracks, as buffers, which checkpoints hold."""
        rows = batch_size * (self.network.shape.targets if self.network.shape.independent else 1)
        self.carried = Carried(self.network.recurrent.initial_state(rows))

    def cost(self, said: Tensor, actual: Tensor, spread: Tensor) -> Loss:
        """The mean loss of parameters (batch, time, targets, size) for scaled values (batch, time, targets)."""
        seen = ~actual.isnan()
        each = self.likelihood.loss(said, torch.where(seen, actual, 0.0), spread.float().expand_as(actual))
        # What is missing has no part in the loss, and no gradient.
        count = seen.sum()
        mean = torch.where(seen, each, 0.0).sum() / count.clamp(min=1)
        return Loss(mean, len(actual), {}, count)

    def scaled(self, values: Tensor, horizon: int, given: Tensor | None = None) -> tuple[Tensor, Scale]:
        """Windows (batch, window, targets) in the scaled space, and their scale."""
        scaling = self.scaling
        if given is None:
            given = self.given.expand(len(values), -1, -1)
        return scale_windows(
            values,
            horizon,
            scaling=scaling.method,
            lag=0 if self.recursive else scaling.lag,
            log=scaling.log,
            counts=scaling.counts,
            given=given,
            recent=scaling.recent,
        )

    def differenced(self, scaled: Tensor) -> Tensor:
        """Differences over the lag (batch, time, targets), NaN for the first steps; the values if there is no lag."""
        lag = self.scaling.lag
        if not lag:
            return scaled
        before = torch.full_like(scaled[:, :lag], float("nan"))
        return scaled - torch.cat([before, scaled[:, :-lag]], 1)[:, : scaled.shape[1]]

    def _whole_inputs(self, whole: Tensor, batch: Batch) -> Tensor:
        """A recursive network's inputs for all steps but the last; past covariates end with the window."""
        assert isinstance(self.network, RecursiveNetwork)
        steps = whole.shape[1] - 1
        hidden = batch.past.new_full((len(whole), steps - batch.past.shape[1], batch.past.shape[2]), float("nan"))
        known = self.network.features.known(batch.future, batch.calendar)[:, 1 : steps + 1]
        return self.network.inputs(whole[:, :-1], torch.cat([batch.past, hidden], 1), known, batch.static)

    @torch.no_grad()
    def say(
        self, batch: Batch, levels: Floats, horizon: int, given: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Scale]:
        """Direct forecasts in the scaled space: points (batch, horizon, targets), quantiles with (..., levels) more."""
        scaled, scale = self.scaled(batch.values, horizon, given)
        said = self.network(scaled, batch)[:, :horizon]
        spread = scale.spread.float().expand(said.shape[:3])
        return self.likelihood.point(said, spread), self.likelihood.quantiles(said, levels, spread), scale

    @torch.no_grad()
    def draw(self, batch: Batch, paths: int, generator: torch.Generator, given: Tensor | None) -> tuple[Tensor, Scale]:
        """Direct forecasts drawn, every value on its own (batch, paths, horizon, targets), in the scaled space."""
        scaled, scale = self.scaled(batch.values, batch.actual.shape[1], given)
        said = self.network(scaled, batch).unsqueeze(1).expand(-1, paths, -1, -1, -1)
        return self.likelihood.sample(said, scale.spread.float().unsqueeze(1).expand(said.shape[:-1]), generator), scale

    @torch.no_grad()
    def roll(
        self, batch: Batch, horizon: int, paths: int, generator: torch.Generator | None, given: Tensor | None = None
    ) -> tuple[Tensor, Scale]:
        """Recursive forecasts in the scaled space (batch, paths, horizon, targets), step by step.

        Args:
            batch: windows; covariates known ahead reach as far as the horizon.
            horizon: steps.
            paths: how many for each window.
            generator: draws each value; None to feed back the point forecasts.
            given: scales of the series (batch, 2, targets).
        """
        network = self.network
        assert isinstance(network, RecursiveNetwork)
        window, shape = batch.values.shape[1], network.shape
        scaled, scale = self.scaled(batch.values, horizon, given)
        known = network.features.known(batch.future, batch.calendar)
        values = self.differenced(scaled)
        said, state = network(network.inputs(values, batch.past, known[:, 1 : window + 1], batch.static))
        said = said[:, -1:]
        count, rows = len(scaled), len(scaled) * paths
        stream = Stream(network.recurrent, rows * (shape.targets if shape.independent else 1))
        stream.state = mapped(lambda part: _repeated(part, count, paths), state)
        said, spread = (part.repeat_interleave(paths, 0) for part in (said, scale.spread.float()))
        past, static = (part.repeat_interleave(paths, 0) for part in (batch.past[:, :1] * float("nan"), batch.static))
        known = known.repeat_interleave(paths, 0)
        lag = self.scaling.lag
        levels = last_cycle(scaled, lag).repeat_interleave(paths, 0) if lag else scaled[:, :0]
        made = []
        for step in range(horizon):
            unit = spread.expand(said.shape[:3])
            value = (
                self.likelihood.point(said, unit)
                if generator is None
                else self.likelihood.sample(said, unit, generator).to(said.dtype)
            )
            made.append(value)
            if lag:
                made[-1] = value + levels[:, step % lag].unsqueeze(1)
                levels[:, step % lag] = made[-1][:, 0]
            if step + 1 < horizon:
                ahead = known[:, window + step + 1 : window + step + 2]
                inputs = network.inputs(value, past, ahead, static)
                said = network.said(stream(inputs[:, 0].contiguous()).unsqueeze(1))
        whole = torch.cat(made, 1)
        return whole.view(count, paths, *whole.shape[1:]), scale


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The same windows on a device."""
    if device.type == "cpu":
        return batch
    names: tuple[str, ...] = ("series", "values", "actual", "past", "future", "calendar", "static")
    return replace(batch, **{name: getattr(batch, name).to(device) for name in names})


def _repeated(part: Tensor, count: int, paths: int) -> Tensor:
    """Each window's rows of a state, so many times over."""
    per = len(part) // count
    return part.view(count, 1, per, -1).expand(-1, paths, -1, -1).reshape(count * paths * per, -1)
