"""Timing several ways of doing the same, in turn, so that a drift of the machine's speed meets all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping


def medians(ways: Mapping[str, Callable[[], object]], *, seconds: float, most: int = 200) -> dict[str, float]:
    """The median time of each way, in seconds.

    Args:
        ways: what to time; each is called twice before it counts.
        seconds: how long to go on, all ways together.
        most: rounds at most; three at least.
    """
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
        way()
    began = time.perf_counter()
    while len(next(iter(taken.values()))) < most:
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            taken[name].append(time.perf_counter() - start)
        if time.perf_counter() - began > seconds and len(taken[name]) >= 3:
            break
    return {name: statistics.median(times) for name, times in taken.items()}
