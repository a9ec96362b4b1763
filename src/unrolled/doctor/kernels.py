"""Kernels: whether they can be made, whether they are right, and what is chosen for the common cells."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import torch

from unrolled import cells
from unrolled.doctor.finding import Finding
from unrolled.unroll import judged, unroll

TOLERANCE = 1e-5


def kernels() -> Iterator[Finding]:
    """A compiled LSTM beside the reference, outputs and gradients."""
    began = time.perf_counter()
    try:
        error = _difference("cpu")
    except (ValueError, TypeError, NotImplementedError) as refused:
        yield Finding("compiled kernels", "note", " ".join(str(refused).split()), "slower kernels are used instead")
        return
    took = time.perf_counter() - began
    told = f"an LSTM forward and backward differs from the reference by {error:.1e}, made and run in {took:.2f} s"
    if error < TOLERANCE:
        yield Finding("compiled kernels", "ok", told)
    else:
        yield Finding("compiled kernels", "problem", told, "report this; backend='reference' is right meanwhile")


def backends() -> Iterator[Finding]:
    """What `backend="auto"` takes on each device."""
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    for device in devices:
        chosen: dict[str, list[str]] = {}
        for name, kind in cells.by_name.items():
            cell: Any = kind(4, 8)
            chosen.setdefault(judged(cell.to(device)).chosen, []).append(name)
        told = "; ".join(f"{backend} for {', '.join(names)}" for backend, names in chosen.items())
        if "reference" in chosen:
            advice = "unrolled.explain(cell) says why nothing faster serves these"
            yield Finding(f"backends on {device}", "note", told, advice)
        else:
            yield Finding(f"backends on {device}", "ok", told)


def _difference(backend: str) -> float:
    """The largest difference in outputs and gradients, relative to the largest value of each."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        cell, inputs = cells.LSTM(5, 16), torch.randn(3, 7, 5)
    lengths = torch.tensor([7, 0, 3])
    found = []
    for name in (backend, "reference"):
        outputs, _ = unroll(cell, inputs, lengths, backend=name)
        found.append((outputs, *torch.autograd.grad(outputs.square().sum(), list(cell.parameters()))))
    return max(float((a - b).detach().abs().max() / b.detach().abs().max()) for a, b in zip(*found, strict=True))
