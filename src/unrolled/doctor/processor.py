"""The processor: what its vectors are like, and whether torch's threads suit what this process may use of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path

from unrolled.doctor.finding import Finding

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def processor() -> Iterator[Finding]:
    """The instructions that kernels are made of."""
    from unrolled.compiler.target import host

    target = host()
    told = f"{target.cpu}, {target.name}: vectors of {8 * target.vector_bytes} bits"
    told += ", bf16 products" if target.bf16 else ""
    asked = os.environ.get("UNROLLED_SIMD")
    if asked:
        yield Finding("processor", "note", f"{told}; UNROLLED_SIMD={asked} asks for less", "unset UNROLLED_SIMD")
    elif target.name in ("avx512", "avx2"):
        yield Finding("processor", "ok", told)
    else:
        yield Finding("processor", "note", told, "the compiled kernels need AVX2; torch's own kernels are used here")


def threads(quota: Path = _QUOTA) -> Iterator[Finding]:
    """How many threads torch has, beside the cores that this process may use.

    Args:
        quota: the file in which Linux tells a container's share.
    """
    import torch

    set_to = torch.get_num_threads()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = _share(quota)
    usable = cores if share is None else min(cores, share)
    told = f"{set_to} of torch's for {usable} usable cores"
    if set_to > usable:
        yield Finding("threads", "problem", told, f"set OMP_NUM_THREADS={usable}: more threads than cores are slow")
    elif set_to < usable and "OMP_NUM_THREADS" in os.environ:
        yield Finding("threads", "note", f"{told}, by OMP_NUM_THREADS", "unset it to use all cores")
    else:
        yield Finding("threads", "ok", told)


def _share(quota: Path) -> int | None:
    """Cores that a container may use, None for all."""
    try:
        most, period = quota.read_text().split()
        return None if most == "max" else max(1, ceil(int(most) / int(period)))
    except (OSError, ValueError):
        return None
