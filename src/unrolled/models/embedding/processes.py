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
        """Adds up what every process has changed since the last time.

        A row that one process alone has changed keeps the whole of its change, so that rare words learn as fast as in
        one process; a plain mean would halve it.
        """
        for table, base in zip(tables, self._base, strict=True):
            table.sub_(base)
            dist.all_reduce(table)
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
