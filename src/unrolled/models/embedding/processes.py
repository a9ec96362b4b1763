"""Several processes, each with its share of the corpus, that agree on the parameters now and then."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor


class Processes:
    """The processes of a run; one alone has nothing to agree on.

    Args:
        rank: of this process.
        count: of all.
    """

    def __init__(self, rank: int, count: int) -> None:
        self.rank, self.count = rank, count
        self._base: list[Tensor] = []

    def begin(self, tables: list[Tensor]) -> None:
        """Makes the tables those of the first process."""
        if self.count > 1:
            for table in tables:
                dist.broadcast(table, 0)
            self._base = [table.clone() for table in tables]

    def agree(self, tables: list[Tensor]) -> None:
        """Combines what every process has changed since the last time, row by row.

        Changes in different directions are added, so that a word that one process alone has met learns as fast as in
        one process; of changes in the same direction the mean is taken, since each has gone the whole way already. In
        between the squared lengths decide (after Maleki et al. 2020, "Adasum", arXiv:2006.02924).
        """
        for table, base in zip(tables, self._base, strict=True):
            table.sub_(base)
            rows = table if table.dim() == 2 else table.unsqueeze(1)
            alone = rows.square().sum(1, keepdim=True)
            dist.all_reduce(alone)
            dist.all_reduce(table)
            together = rows.square().sum(1, keepdim=True).clamp_min(torch.finfo(table.dtype).tiny)
            rows.mul_((alone / together).clamp(1 / self.count, 1))
            base.add_(table)
            table.copy_(base)

    def first(self, number: int) -> int:
        """The first process's number."""
        if self.count == 1:
            return number
        told = torch.tensor([number])
        dist.broadcast(told, 0)
        return int(told.item())

    def any(self, asked: bool) -> bool:
        """Whether one process at least says so."""
        if self.count == 1:
            return asked
        flag = torch.tensor([float(asked)])
        dist.all_reduce(flag)
        return bool(flag.item())


@contextmanager
def joined() -> Iterator[Processes]:
    """The processes that torchrun started, or this one alone.

    A process group that exists already is used and left as it is.
    """
    if dist.is_available() and dist.is_initialized():
        yield Processes(dist.get_rank(), dist.get_world_size())
        return
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or not dist.is_available():
        yield Processes(0, 1)
        return
    dist.init_process_group("gloo")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
