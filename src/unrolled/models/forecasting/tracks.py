"""Truncated backpropagation through time: long series in chunks, with the state carried from each to the next.

Gradients go back over one chunk, the state over all of them (Williams, Peng 1990, "An efficient gradient-based
algorithm for on-line training of recurrent network trajectories").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unrolled.data.series import SeriesSet
from unrolled.models.forecasting.model import to_device
from unrolled.models.forecasting.windows import Windows, in_parts
from unrolled.training import Loss


@dataclass(frozen=True, slots=True)
class Chunk:
    """Chunks of tracks that run side by side.

    Attributes:
        tracks: their numbers (batch,).
        first: whether the tracks begin here, with a fresh state.
        offset: steps from the beginnings of the tracks.
    """

    tracks: Tensor
    first: bool
    offset: int

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, some: slice) -> Chunk:
        """The chunks of some tracks: a process that shares a batch with others has the same ones till they end."""
        return Chunk(self.tracks[some], self.first, self.offset)


class Tracks:
    """Series cut into as many tracks as run side by side, all of them of about one length.

    Args:
        data: the series, as far as they may be trained on.
        chunk: steps over which gradients go back.
        batch_size: tracks side by side.
        lag: of differences, whose first steps need steps before.
        scales: of each series (series, 2, targets), None where all have one.
        calendar: whether time stamps give features.
        device: where the model is.
    """

    def __init__(
        self,
        data: SeriesSet,
        chunk: int,
        batch_size: int,
        *,
        lag: int,
        scales: NDArray[np.float64] | None,
        calendar: bool,
        device: torch.device,
    ) -> None:
        self.windows = Windows(data, chunk + lag, 1, calendar=calendar)
        self.chunk, self.batch_size, self.device = chunk, batch_size, device
        self.scales = None if scales is None else torch.from_numpy(scales)
        length = max(chunk, -(-int(data.lengths.sum()) // batch_size))
        series, starts, lengths = [], [], []
        for number, steps in enumerate(data.lengths.tolist()):
            edges = np.linspace(0, steps, max(1, round(steps / length)) + 1).astype(int)
            series += [number] * (len(edges) - 1)
            starts += edges[:-1].tolist()
            lengths += np.diff(edges).tolist()
        self.series, self.starts, self.lengths = torch.tensor(series), torch.tensor(starts), torch.tensor(lengths)

    def batches(self, generator: torch.Generator) -> list[Chunk]:
        """All chunks: tracks are drawn anew to run side by side, and each runs from its beginning to its end."""
        order = torch.randperm(len(self.series), generator=generator)
        # Tracks of like length run together; the draw decides among equals, and which group is first.
        order = order[self.lengths[order].div(self.chunk, rounding_mode="floor").argsort(stable=True)]
        groups = in_parts(order, self.batch_size)
        made = []
        for number in torch.randperm(len(groups), generator=generator).tolist():
            group = groups[number]
            made += [Chunk(group, first == 0, first) for first in range(0, int(self.lengths[group].max()), self.chunk)]
        return made

    def loss(self, model: Any, chunk: Chunk) -> Loss:
        """The loss of one chunk; the model carries the state on to the next."""
        series = self.series[chunk.tracks]
        cutoffs = self.starts[chunk.tracks] + chunk.offset + self.chunk
        batch = to_device(self.windows.gather(series, cutoffs), self.device)
        given = None if self.scales is None else self.scales[series].to(self.device)
        result: Loss = model.chunk_loss(batch, self.chunk, given, fresh=chunk.first)
        return result
