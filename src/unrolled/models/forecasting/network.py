"""The network of a forecaster: recurrent layers over a window, and a head for what follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unrolled.cells import Cell
from unrolled.models.carried import mapped
from unrolled.models.forecasting.windows import Batch
from unrolled.nn import Dropout, Recurrent

HEADS = ("direct", "recursive")
# The dense layer that reads a segment makes at most so many of each feature: more of a few would cost products for
# nothing.
WIDENED = 8


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes that a network is made from.

    Attributes:
        targets: values of a step.
        past, future, calendar, static: features of each kind.
        window, horizon: steps.
        size: numbers that the likelihood needs for each value.
        segment: steps that are read, and forecast, at once.
        independent: whether each target is forecast alone, all with the same weights.
    """

    targets: int
    past: int
    future: int
    calendar: int
    static: int
    window: int
    horizon: int
    size: int
    segment: int
    independent: bool

    @property
    def own_targets(self) -> int:
        """Values of a step as the layers see them."""
        return 1 if self.independent else self.targets

    @property
    def step_features(self) -> int:
        """Features of a step of the window: every value comes with whether it is missing."""
        return 2 * self.own_targets + 2 * self.past + 2 * self.future + self.calendar + self.static

    @property
    def known_features(self) -> int:
        """Features of a step that is to be forecast."""
        return 2 * self.future + self.calendar


class Features(nn.Module):
    """Covariates as the layers take them: standardised, and zero where they are missing."""

    past_center: Tensor
    past_spread: Tensor
    future_center: Tensor
    future_spread: Tensor
    static_center: Tensor
    static_spread: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        for name in ("past", "future", "static"):
            self.register_buffer(f"{name}_center", torch.zeros(getattr(shape, name)))
            self.register_buffer(f"{name}_spread", torch.ones(getattr(shape, name)))

    def past(self, values: Tensor) -> Tensor:
        """Past covariates (..., past) to (..., 2 * past)."""
        return marked((values - self.past_center) / self.past_spread)

    def known(self, future: Tensor, calendar: Tensor) -> Tensor:
        """What is known of a step ahead of it, (..., known_features)."""
        return torch.cat([marked((future - self.future_center) / self.future_spread), calendar], -1)

    def static(self, values: Tensor) -> Tensor:
        """Static features (batch, static), zero where they are missing."""
        return torch.nan_to_num((values - self.static_center) / self.static_spread, nan=0.0)


def marked(values: Tensor) -> Tensor:
    """Values (..., n) that may be missing, as zeros there, and behind them 1 for each that is missing (..., 2 * n)."""
    missing = values.isnan()
    return torch.cat([values.masked_fill(missing, 0.0), missing.to(values.dtype)], -1)


class DirectNetwork(nn.Module):
    """Reads a window, then says all steps of the horizon at once.

    A window is read a segment at a time, each through a dense layer into the recurrent ones. From their final state
    each segment of the horizon is decoded by one step more, all of them side by side; its input tells which segment
    (and which target, where they are independent), and what is known of it ahead. With segments of one step that is
    an encoder-decoder whose decoder says the horizon in one go; with longer ones, SegRNN (Lin et al. 2023,
    arXiv:2308.11200).

    Args:
        make_cell: makes a layer's cell from its input size.
        shape: sizes.
        hidden_size: the most features that the dense layer makes of a segment.
        num_layers, dropout: of the recurrent layers; dropout between them and before the last dense layer.
    """

    def __init__(
        self, make_cell: Callable[[int], Cell], shape: Shape, *, hidden_size: int, num_layers: int, dropout: float
    ) -> None:
        super().__init__()
        self.shape, self.dropout = shape, dropout
        self.out_segment = shape.segment if shape.segment > 1 else shape.horizon
        self.positions = -(-shape.horizon // self.out_segment)
        self.features = Features(shape)
        features = shape.segment * shape.step_features
        width = min(hidden_size, WIDENED * features)
        self.embed = nn.Linear(features, width)
        self.recurrent = Recurrent(layers_of(make_cell, width, num_layers, dropout))
        self.position = nn.Parameter(torch.randn(self.positions, width) / width**0.5)
        self.channel = nn.Parameter(torch.randn(shape.targets if shape.independent else 0, width) / width**0.5)
        known = self.out_segment * shape.known_features + shape.static
        self.known = nn.Linear(known, width, bias=False) if known else None
        said = self.out_segment * shape.own_targets * shape.size
        self.dense = nn.Linear(self.recurrent.output_size + known, said)

    def forward(self, scaled: Tensor, batch: Batch) -> Tensor:
        """Scaled windows (batch, window, targets) to parameters (batch, horizon, targets, size)."""
        shape, count = self.shape, len(scaled)
        parts, covariates = [scaled], self._covariates(batch)
        if shape.independent:
            parts = [scaled.transpose(1, 2).reshape(-1, shape.window, 1)]
            covariates = tuple(part.repeat_interleave(shape.targets, 0) for part in covariates)
        past, behind, ahead, static = covariates
        steps = [marked(parts[0]), past, behind, static.unsqueeze(1).expand(-1, shape.window, -1)]
        values = torch.cat([part for part in steps if part.shape[-1]], -1)
        segments = self._in_segments(values, front=True, segment=shape.segment)
        _, state = self.recurrent(F.relu(self.embed(segments)))
        rows = len(values)
        queries = self.position.expand(rows, -1, -1)
        if shape.independent:
            queries = queries + self.channel.repeat(count, 1).unsqueeze(1)
        known = self._in_segments(ahead, front=False, segment=self.out_segment)
        known = torch.cat([known, static.unsqueeze(1).expand(-1, self.positions, -1)], -1)
        if self.known is not None:
            queries = queries + self.known(known)
        state = mapped(lambda part: part.repeat_interleave(self.positions, 0), state)
        decoded, _ = self.recurrent(queries.reshape(rows * self.positions, 1, -1), state=state)
        decoded = torch.cat([F.dropout(decoded[:, 0], self.dropout, self.training), known.flatten(0, 1)], -1)
        said = self.dense(decoded).view(rows, self.positions * self.out_segment, shape.own_targets, shape.size)
        said = said[:, : shape.horizon]
        if shape.independent:
            said = said.view(count, shape.targets, shape.horizon, shape.size).transpose(1, 2)
        return said  # type: ignore[no-any-return]

    def _covariates(self, batch: Batch) -> tuple[Tensor, ...]:
        """Past covariates, what is known of the window and of the horizon, and static features."""
        known = self.features.known(batch.future, batch.calendar)
        window = self.shape.window
        return self.features.past(batch.past), known[:, :window], known[:, window:], self.features.static(batch.static)

    def _in_segments(self, values: Tensor, *, front: bool, segment: int) -> Tensor:
        """Steps (batch, time, features) as (batch, segments, segment * features); zeros fill one up."""
        short = -values.shape[1] % segment
        if short:
            values = F.pad(values, (0, 0, short, 0) if front else (0, 0, 0, short))
        return values.reshape(len(values), values.shape[1] // segment, segment * values.shape[2])


class RecursiveNetwork(nn.Module):
    """Says each next value from the one before; output and state are fed back.

    A step's input is the value before it, and what is known of the step itself (Salinas et al. 2020, "DeepAR").

    Args:
        make_cell: makes a layer's cell from its input size.
        shape: sizes.
        num_layers, dropout: of the recurrent layers; dropout between them and before the last dense layer.
    """

    def __init__(self, make_cell: Callable[[int], Cell], shape: Shape, *, num_layers: int, dropout: float) -> None:
        super().__init__()
        self.shape, self.dropout = shape, dropout
        self.features = Features(shape)
        self.recurrent = Recurrent(layers_of(make_cell, shape.step_features, num_layers, dropout))
        self.dense = nn.Linear(self.recurrent.output_size, shape.own_targets * shape.size)

    def inputs(self, scaled: Tensor, past: Tensor, known: Tensor, static: Tensor) -> Tensor:
        """What the layers read.

        Args:
            scaled: values (batch, time, targets), NaN for missing; the step after each is to be said.
            past: covariates of the same steps.
            known: of the steps after (batch, time, known_features).
            static: (batch, static).

        Returns:
            (batch, time, step_features), or one row for each target if they are independent.
        """
        parts = [scaled, self.features.past(past), known, self.features.static(static)]
        if self.shape.independent:
            own = scaled.transpose(1, 2).reshape(-1, scaled.shape[1], 1)
            parts = [own, *(part.repeat_interleave(self.shape.targets, 0) for part in parts[1:])]
        parts = [marked(parts[0]), *parts[1:3], parts[3].unsqueeze(1).expand(-1, scaled.shape[1], -1)]
        return torch.cat([part for part in parts if part.shape[-1]], -1)

    def said(self, outputs: Tensor) -> Tensor:
        """Outputs of the layers (rows, time, features) to parameters (batch, time, targets, size)."""
        shape = self.shape
        said = self.dense(F.dropout(outputs, self.dropout, self.training))
        if not shape.independent:
            return said.view(*said.shape[:2], shape.targets, shape.size)  # type: ignore[no-any-return]
        count = len(said) // shape.targets
        return said.view(count, shape.targets, -1, shape.size).transpose(1, 2)  # type: ignore[no-any-return]

    def forward(self, inputs: Tensor, lengths: Tensor | None = None, state: Any = None) -> tuple[Tensor, Any]:
        """What `inputs` gave to parameters (batch, time, targets, size), and the state after it."""
        outputs, state = self.recurrent(inputs, lengths, state)
        return self.said(outputs), state


def layers_of(make_cell: Callable[[int], Cell], input_size: int, num_layers: int, dropout: float) -> list[Any]:
    """Cells one above the other, with dropout between them."""
    layers: list[Any] = [make_cell(input_size)]
    for _ in range(num_layers - 1):
        cell = make_cell(layers[-1].output_size)
        layers.append(Dropout(cell, input=dropout) if dropout else cell)
    return layers
