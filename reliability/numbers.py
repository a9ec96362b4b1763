"""Rows 15, 17 and 20: what is not initialised, rounding, and padding."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from random import Random
from typing import Any

import torch
from torch import Tensor

from reliability import jobs
from reliability.board import Effort, Verdict
from reliability.cases import OPTIONS, Call, make
from unrolled import unroll
from unrolled.compiler import call, executable, target, workspace

# As docs/semantics.md states them, relative to the largest number; layer normalisation magnifies rounding.
BOUNDS = {"float32": 5e-6, "float64": 1e-12, "bf16": 0.1}
NORMALISED = 20.0
GARBAGE = (float("nan"), float("inf"), -float("inf"), 1e38, -3.4e38, 1e-45, 12345.0)


def uninitialised(effort: Effort) -> Verdict:
    """The same numbers with every fresh tensor and every workspace filled with NaN first."""
    torch.set_num_threads(1)
    draw, failures, tried = effort.random(), list[str](), 0
    trained = {name: jobs.run(job) for name, job in jobs.JOBS.items()}
    calls = [(name, Call.draw(draw, 5)) for name in OPTIONS for _ in range(effort(100, 2))]
    before = [one.results(make(name, 5, 19), "cpu") for name, one in calls]
    torch.use_deterministic_algorithms(True, warn_only=True)
    borrow = workspace.borrow

    def filled(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        return borrow(shape, dtype).fill_(float("nan"))

    executable.borrow = call.borrow = filled  # type: ignore[attr-defined]
    if not torch.empty(3).isnan().all():
        failures.append("torch.empty was not filled")
    for (name, one), expected in zip(calls, before, strict=True):
        tried += 1
        found = one.results(make(name, 5, 19), "cpu")
        if not all(torch.equal(a, b) for a, b in zip(found, expected, strict=True)):
            failures.append(f"{name}: other numbers, or NaN")
    for name, job in jobs.JOBS.items():
        tried += 1
        if jobs.run(job) != trained[name]:
            failures.append(f"training of the {name}: other numbers")
    return Verdict.of(failures, f"{tried - len(failures)} of {tried} calls and trainings bit-identical")


def rounding(effort: Effort) -> Verdict:
    """Largest errors against the reference step in float64, and NaN where there should be none."""
    torch.set_num_threads(1)
    draw, failures, tried = effort.random(), list[str](), 0
    worst = dict.fromkeys(BOUNDS, 0.0)
    if target.host().bf16:
        # Where the processor multiplies bf16, but no faster, autocast would not have it do so.
        willing = replace(target.host(), bf16_pays=True)
        target.host = lambda: willing  # type: ignore[assignment]
    else:
        del worst["bf16"]
    for name in OPTIONS:
        for number in range(effort(200, 2)):
            scale, seed = 10.0 ** draw.uniform(-30, 30) if number % 2 else 10.0 ** draw.uniform(-30, 0), draw.random()
            tried += 1
            for kind in worst:
                error, broken = _error(name, kind, scale, seed)
                if broken:
                    failures.append(f"{name}, {kind}, inputs of {scale:.0e}: not finite")
                if scale <= 1:
                    own = NORMALISED if name.startswith("layer-norm") and kind != "bf16" else 1.0
                    worst[kind] = max(worst[kind], error / own)
                    if error > own * BOUNDS[kind]:
                        failures.append(f"{name}, {kind}, inputs of {scale:.0e}: error {error:.1e}")
    told = ", ".join(f"{kind} {value:.1e} (bound {BOUNDS[kind]:.0e})" for kind, value in worst.items())
    return Verdict.of(failures, f"{tried} random calls; worst error for inputs up to 1: {told}; up to 1e30 no NaN")


def _error(name: str, kind: str, scale: float, seed: float) -> tuple[float, bool]:
    dtype = torch.float64 if kind == "float64" else torch.float32
    exact, cell = make(name, 5, 19, torch.float64), make(name, 5, 19, dtype)
    cell.load_state_dict(exact.state_dict())
    exact.load_state_dict(cell.state_dict())
    one = Call.draw(Random(seed), 5, dtype)
    x = one.inputs * scale
    with torch.no_grad():
        expected = Call(x.double(), one.lengths, one.reverse)
        reference = _outputs(exact, expected, "reference")
        with torch.autocast("cpu", torch.bfloat16, enabled=kind == "bf16"):
            found = _outputs(cell, Call(x, one.lengths, one.reverse), "cpu")
    error, broken = 0.0, False
    for a, b in zip(found, reference, strict=True):
        if not b.numel():
            continue
        sound = b.abs() < 1e37
        broken |= not bool(a[sound].isfinite().all()) or bool(a.isnan().any())
        largest = max(1.0, float(b.abs().max()))
        error = max(error, _largest(a, b, sound) / largest)
    return error, broken


def _largest(a: Tensor, b: Tensor, where: Tensor) -> float:
    difference = (a.double() - b)[where].abs()
    return float(difference.max()) if difference.numel() else 0.0


def _outputs(cell: Any, one: Call, backend: str) -> list[Tensor]:
    outputs, end = unroll(cell, one.inputs, one.lengths, reverse=one.reverse, backend=backend)
    return [outputs, *end]


def padding(effort: Effort) -> Verdict:
    """Garbage in the padding changes no bit of outputs, states or gradients."""
    torch.set_num_threads(1)
    draw, failures, tried = effort.random(), list[str](), effort(10_000, 100)
    for _ in range(tried):
        name = draw.choice(sorted(OPTIONS))
        backend = draw.choice(("cpu", "cpu", "reference", "auto"))
        if not padding_is_harmless(name, backend, draw):
            failures.append(f"{name} on {backend}")
    return Verdict.of(failures, f"{tried - len(failures)} of {tried} random batches bit-identical")


def padding_is_harmless(name: str, backend: str, draw: Random) -> bool:
    """Whether zeros and garbage in the padding of one random batch give the same bits."""
    one = Call.draw(draw, 3)
    rows, steps, _ = one.inputs.shape
    lengths = torch.tensor([draw.randint(0, steps) for _ in range(rows)])
    past = torch.arange(steps) >= lengths[:, None]
    garbage = torch.tensor([draw.choice(GARBAGE) for _ in range(prod(one.inputs.shape))]).view_as(one.inputs)
    cell = make(name, 3, draw.choice((2, 5, 19)))
    results = []
    for values in (torch.zeros_like(garbage), garbage):
        x = torch.where(past.unsqueeze(-1), values, one.inputs)
        results.append(Call(x, lengths, one.reverse).results(cell, backend))
    return all(torch.equal(a, b) for a, b in zip(*results, strict=True))
