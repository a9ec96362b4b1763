"""The fastest of several ways, by measurement, once for each kind of work; what was found is kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec

import torch

from unrolled.compiler import disk

# Each way runs once unseen, since it may have to be compiled, and then so many times.
TIMES = 3
_found: dict[str, str] = {}


def fastest(work: str, names: Collection[str], device: torch.device, times: Callable[[], Mapping[str, float]]) -> str:
    """The name of the fastest way, the first one where nothing can be measured now.

    Args:
        work: all that the choice depends on, but for the device and the versions of what computes.
        names: of the ways.
        device: where.
        times: measures all ways; called where that is not known already, and once.
    """
    if len(names) == 1:
        return next(iter(names))
    found = measured(work, names, device)
    if found is not None:
        return found
    if not measurable(device):
        return next(iter(names))
    taken = times()
    key = _key(work, device)
    _found[key] = min(taken, key=lambda name: taken[name])
    disk.write(key, _found[key].encode())
    return _found[key]


def timed(ways: Mapping[str, Callable[[], object]], device: torch.device) -> dict[str, float]:
    """How long each way takes, by name; each does the same work, and may do it many times."""
    return {name: seconds(way, device) for name, way in ways.items()}


def measured(work: str, ways: Collection[str], device: torch.device) -> str | None:
    """The way that was measured to be the fastest, now or earlier; None if none was."""
    key = _key(work, device)
    if key not in _found:
        content = disk.read(key)
        kept = "" if content is None else content.decode(errors="replace")
        if kept in ways:
            _found[key] = kept
    return _found[key] if _found.get(key) in ways else None


def measurable(device: torch.device) -> bool:
    """Whether work can be done for its time alone: on a GPU, and while no graph is captured."""
    return device.type == "cuda" and not torch.cuda.is_current_stream_capturing()


def seconds(way: Callable[[], object], device: torch.device) -> float:
    """How long a way takes on a GPU, the shortest of a few times; infinite if it fails."""
    try:
        way()
        return min(_once(way) for _ in range(TIMES))
    except _refusals():
        # Too little memory on the device, or shared by a program's threads: another way will do.
        torch.cuda.synchronize(device)
        return float("inf")


def _once(way: Callable[[], object]) -> float:
    began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    began.record()
    way()
    ended.record()
    ended.synchronize()
    return float(began.elapsed_time(ended)) / 1e3


def size_class(size: int) -> int:
    """The next power of two: within a factor of two the same way is the fastest."""
    return 1 << max(0, size - 1).bit_length()


def _key(work: str, device: torch.device) -> str:
    from unrolled.compiler.jit import generator

    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    words = "\0".join((work, name, torch.__version__, _triton_version(), generator()))
    return hashlib.sha256(words.encode()).hexdigest()


@cache
def _triton_version() -> str:
    return version("triton") if find_spec("triton") else ""


@cache
def _refusals() -> tuple[type[Exception], ...]:
    """What is raised where work takes more than there is."""
    if not find_spec("triton"):
        return (RuntimeError,)
    from triton.runtime.errors import OutOfResources, PTXASError

    return RuntimeError, OutOfResources, PTXASError
