"""The processes of one run, as torchrun starts them, and what they say to each other.

Where one process ends or hangs, the others' next word to it is a `LostProcessError`, at once or after `PATIENCE`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

# Seconds that a process waits for the others before it gives them up.
PATIENCE = 600.0


class LostProcessError(RuntimeError):
    """Another process of the run has ended, or did not answer in time."""


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of a run; one alone has nothing to agree on.

    Attributes:
        rank: of this process, from 0.
        count: of all.
    """

    rank: int = 0
    count: int = 1

    def sum(self, values: Tensor) -> Tensor:
        """Adds up the tensors of all, in place, and gives back the result, which is the same bit for bit in each."""
        if self.count > 1:
            with _told(self):
                dist.all_reduce(values)
        return values

    def copy_first(self, tensors: Sequence[Tensor]) -> None:
        """Makes tensors those of the first process, in place."""
        if self.count > 1:
            with _told(self):
                for tensor in tensors:
                    dist.broadcast(tensor, 0)

    def first(self, number: int) -> int:
        """The first process's number."""
        told = torch.tensor([number])
        self.copy_first([told])
        return int(told.item())

    def first_bytes(self, content: bytes) -> bytes:
        """The first process's bytes, whatever the others have."""
        if self.count == 1:
            return content
        told = _tensor(content).new_empty(self.first(len(content)))
        if self.rank == 0:
            told.copy_(_tensor(content))
        self.copy_first([told])
        return told.numpy().tobytes()

    def all_bytes(self, content: bytes) -> list[bytes]:
        """The bytes of every process, in order."""
        if self.count == 1:
            return [content]
        sizes = torch.zeros(self.count, dtype=torch.int64)
        sizes[self.rank] = len(content)
        each = self.sum(sizes).tolist()
        padded = torch.zeros(max(each), dtype=torch.uint8)
        padded[: len(content)] = _tensor(content)
        found = [torch.empty_like(padded) for _ in each]
        with _told(self):
            dist.all_gather(found, padded)
        return [one[:size].numpy().tobytes() for one, size in zip(found, each, strict=True)]

    def largest(self, number: int) -> int:
        """The largest of all numbers."""
        if self.count == 1:
            return number
        told = torch.tensor([number])
        with _told(self):
            dist.all_reduce(told, dist.ReduceOp.MAX)
        return int(told.item())

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Adds up the gradients of all processes; a parameter that none of them used still has none.

        One `all_reduce` for each device and dtype. DistributedDataParallel would not do: it takes the plain mean,
        and serves what goes through the module's `forward` alone.

        Memory: the gradients once more.
        """
        if self.count == 1:
            return
        alike: dict[tuple[torch.device, torch.dtype], list[nn.Parameter]] = {}
        for parameter in parameters:
            alike.setdefault((parameter.device, parameter.dtype), []).append(parameter)
        for group in alike.values():
            pieces = [p.new_zeros(p.numel()) if p.grad is None else p.grad.flatten() for p in group]
            used = group[0].new_tensor([float(p.grad is not None) for p in group])
            *pieces, used = torch.split(self.sum(torch.cat([*pieces, used])), [*map(len, pieces), len(group)])
            for parameter, piece, uses in zip(group, pieces, used.tolist(), strict=True):
                parameter.grad = piece.view_as(parameter) if uses else None


def is_first() -> bool:
    """Whether this process is the run's first, the one that writes files and prints; one alone is."""
    return int(os.environ.get("RANK", "0")) == 0 if not dist.is_initialized() else dist.get_rank() == 0


@contextmanager
def joined() -> Iterator[Processes]:
    """The processes that torchrun started, or this one alone; as a decorator, for the time of a function.

    A process group that exists already is used and left as it is. Each process of a machine has a GPU of its own, the
    one that "cuda" means from then on, if there are enough of them; tensors there go by NCCL, others by Gloo.

    Environment: what torchrun sets, and UNROLLED_PATIENCE, the seconds to wait for the others (600).

    Raises:
        LostProcessError: the others were not there in time.
    """
    if dist.is_available() and dist.is_initialized():
        yield Processes(dist.get_rank(), dist.get_world_size())
        return
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or not dist.is_available():
        yield Processes()
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if local < torch.cuda.device_count():
        torch.cuda.set_device(local)
    processes = Processes(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
    patience = timedelta(seconds=float(os.environ.get("UNROLLED_PATIENCE", PATIENCE)))
    with _told(processes):
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=patience)
    try:
        yield processes
        with _told(processes):
            # Who leaves early would look like one that has died.
            dist.barrier()
    finally:
        dist.destroy_process_group()


@contextmanager
def _told(processes: Processes) -> Iterator[None]:
    """Errors of the transport as one line."""
    try:
        yield
    except RuntimeError as error:
        cause = str(error).strip().splitlines() or [type(error).__name__]
        raise LostProcessError(
            f"process {processes.rank} of {processes.count} (from 0) lost another, which has ended or hangs; a run "
            f"with checkpoints can be resumed ({cause[0]:.200})"
        ) from error


def _tensor(content: bytes) -> Tensor:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8) if content else torch.empty(0, dtype=torch.uint8)
