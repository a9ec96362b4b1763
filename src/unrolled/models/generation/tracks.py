"""Truncated backpropagation through time over a text: tracks side by side, read chunk by chunk.

Each chunk goes on where the one before ended: gradients go back over one, the state over a whole track (Williams, Peng
1990).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unrolled.models.generation.network import GeneratorNetwork
from unrolled.models.generation.tokens import as_tensor
from unrolled.nn.softmax_loss import softmax_loss
from unrolled.training import Loss


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some steps of some tracks.

    Attributes:
        tracks: their numbers.
        start: steps from the beginnings of the tracks.
        steps: how many.
    """

    tracks: NDArray[np.int64]
    start: int
    steps: int

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, some: slice) -> Chunk:
        """Of some of the tracks: a process that shares them with others has the same ones till they end."""
        return Chunk(self.tracks[some], self.start, self.steps)


class Tracks:
    """A text cut into tracks of equal length, which are read side by side.

    Where the number of tokens is no multiple of the number of tracks, some tracks leave out one token at their ends.

    Args:
        values: (tokens,), at least one.
        before: the symbol before the first.
        truncate: steps of a chunk.
        batch_size: most tracks; a short text has fewer, of at least one chunk each.
        device: where the network is.
    """

    def __init__(self, values: NDArray[Any], before: int, truncate: int, batch_size: int, device: torch.device) -> None:
        self.values = np.concatenate([np.array([before], values.dtype), values])
        self.truncate, self.device = truncate, device
        self.rows = max(1, min(batch_size, len(values) // truncate))
        self.steps = len(values) // self.rows
        self.starts = np.arange(self.rows) * len(values) // self.rows

    def batches(self, generator: torch.Generator) -> list[Chunk]:
        """The chunks of an epoch; the first one's length is drawn, so that cuts lie elsewhere in every epoch."""
        first = int(torch.randint(1, self.truncate + 1, (), generator=generator))
        edges = [0, *range(min(first, self.steps), self.steps, self.truncate), self.steps]
        tracks = np.arange(self.rows)
        return [Chunk(tracks, start, end - start) for start, end in pairwise(edges) if end > start]

    def loss(self, network: Any, chunk: Chunk) -> Loss:
        """The mean cross-entropy of a chunk in nats a token; the network carries the state on to the next."""
        tokens = self.tokens(chunk)
        model: GeneratorNetwork = network
        state = model.carried.state(len(chunk)) if chunk.start else None
        outputs, ends = model(tokens[:-1], state)
        model.carried.keep(ends)
        mean = softmax_loss(outputs.flatten(0, 1), *model.softmax, tokens[1:].flatten())
        return Loss(mean, len(chunk) * chunk.steps, {})

    def tokens(self, chunk: Chunk) -> Tensor:
        """(steps + 1, tracks): what is read, and from the second step on what is to be said."""
        steps = np.arange(chunk.start, chunk.start + chunk.steps + 1)
        return as_tensor(self.values[steps[:, None] + self.starts[chunk.tracks]]).to(self.device)
