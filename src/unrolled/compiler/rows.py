"""Which thread carries which rows, and where each row's steps lie in memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Share:
    """The rows of one thread.

    Attributes:
        first, count: its rows, in the order of `Rows.order`.
        steps: of its longest row.
        active: (steps,) int64, how many of its rows have each step.
    """

    first: int
    count: int
    steps: int
    active: Tensor


@dataclass(frozen=True, slots=True)
class Rows:
    """A batch shared out to threads.

    Attributes:
        order: (batch,) the rows, thread after thread, by falling length within each; None if as they come.
        back: (batch,) where each row stands in `order`; None with it.
        lengths: (batch,) int64 in the order, None if all rows are whole.
        starts: (batch,) int64, the number of each row's first step (in the order of computation) among all valid
            steps, in the order.
        stride: how much further the next step is.
        steps: of the longest row.
        total: valid steps in all.
        shares: for every thread.
        valid: (total,) the numbers of the valid steps among all (batch * time), batch-major; None if all are.
    """

    order: Tensor | None
    back: Tensor | None
    lengths: Tensor | None
    starts: Tensor
    stride: int
    steps: int
    total: int
    shares: tuple[Share, ...]
    valid: Tensor | None

    def offsets(self, row_stride: int, step_stride: int, *, reverse: bool) -> tuple[Tensor, int]:
        """Offsets of each row's first step in a padded tensor, in the order, and the stride from step to step."""
        step = -step_stride if reverse else step_stride
        if self.order is None or self.lengths is None:
            return _spaced(len(self.starts), row_stride, (self.steps - 1) * step_stride if reverse else 0), step
        places = self.order * row_stride
        return (places + (self.lengths - 1).clamp(min=0) * step_stride if reverse else places), step


@lru_cache(maxsize=64)
def _spaced(count: int, stride: int, first: int) -> Tensor:
    return torch.arange(count) * stride + first


@lru_cache(maxsize=64)
def whole_rows(batch: int, steps: int, threads: int, *, batch_major: bool, reverse: bool) -> Rows:
    """Rows that all have every step; steps lie batch-major or time-major."""
    row, step = (steps, 1) if batch_major else (1, batch)
    starts = torch.arange(batch) * row
    if reverse:
        starts, step = starts + (steps - 1) * step, -step
    bounds = [batch * thread // threads for thread in range(threads + 1)]
    shares = tuple(
        Share(first, last - first, steps, torch.full((steps,), last - first))
        for first, last in pairwise(bounds)
        if last > first
    )
    return Rows(None, None, None, starts, step, steps, batch * steps, shares, None)


def ragged_rows(lengths: Tensor, padded: int, threads: int, *, reverse: bool) -> Rows:
    """Rows of these lengths, in sequences padded to `padded` steps.

    Rows are dealt by falling length, forth and back, so that threads get equal work.
    """
    batch = len(lengths)
    by_length = torch.argsort(lengths, descending=True, stable=True)
    place = torch.arange(batch) % (2 * threads)
    owner = torch.minimum(place, 2 * threads - 1 - place)
    order = by_length[torch.argsort(owner, stable=True)]
    in_order = lengths[order]
    counts = torch.bincount(owner, minlength=threads).tolist()
    first_valid = torch.cumsum(lengths, 0) - lengths
    starts, stride = first_valid[order], 1
    if reverse:
        starts, stride = starts + (in_order - 1).clamp(min=0), -1
    shares, first = [], 0
    for count in counts:
        if count:
            own = in_order[first : first + count]
            steps = int(own[0])
            # How many of the lengths, which fall, are above each step.
            active = count - torch.searchsorted(own.flip(0), torch.arange(steps), right=True)
            shares.append(Share(first, count, steps, active))
            first += count
    total = int(lengths.sum())
    row = torch.repeat_interleave(torch.arange(batch), lengths, output_size=total)
    valid = row * padded + (torch.arange(total) - first_valid[row])
    longest = max((share.steps for share in shares), default=0)
    back = torch.empty_like(order)
    back[order] = torch.arange(batch)
    return Rows(order, back, in_order, starts, stride, longest, total, tuple(shares), valid)
