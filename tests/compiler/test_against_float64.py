"""Compiled kernels against the reference step in float64: any cell, size, batch and precision."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

import unrolled
from unrolled import cells
from unrolled.cells.core import Recurrence

# What is stated in docs/semantics.md, for small networks; layer normalisation magnifies rounding.
TOLERANCE = {torch.float32: 5e-6, torch.float64: 1e-12}
LOOSE = {"layer-norm-lstm": 20.0}
SLOW = settings.get_profile("slow").max_examples == settings().max_examples


@cache
def cell_of(name: str, features: int, units: int, bias: bool) -> Recurrence:
    torch.manual_seed(features * 100 + units)
    return cells.make(name, features, units, bias=bias, dtype=torch.float64)


@cache
def copy_of(cell: Recurrence, name: str, features: int, units: int, bias: bool, dtype: torch.dtype) -> Recurrence:
    made = cells.make(name, features, units, bias=bias, dtype=dtype)
    made.load_state_dict(cell.state_dict())
    return made


def results(cell: Recurrence, x: Tensor, state: list[Tensor], **options: Any) -> list[Tensor]:
    leaves = [x.requires_grad_(), *(value.requires_grad_() for value in state)]
    outputs, end = unrolled.unroll(cell, x, state=state, **options)
    loss = outputs.sin().sum() + sum(value.cos().sum() for value in end)
    parameters = list(cell.parameters())
    gradients = torch.autograd.grad(loss, [*leaves, *parameters], allow_unused=True)
    like = [*leaves, *parameters]
    found = [torch.zeros_like(v) if g is None else g for g, v in zip(gradients, like, strict=True)]
    return [tensor.detach() for tensor in (outputs, *end, *found)]


@settings(max_examples=10_000 if SLOW else 40)
@given(
    name=st.sampled_from(sorted(cells.by_name)),
    features=st.sampled_from([1, 3, 16, 130]),
    units=st.sampled_from([1, 7, 16, 33, 80]),
    bias=st.booleans(),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    lengths=st.lists(st.integers(0, 7), min_size=1, max_size=20),
    ragged=st.booleans(),
    reverse=st.booleans(),
    time_major=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_outputs_states_and_all_gradients(
    name: str,
    features: int,
    units: int,
    bias: bool,
    dtype: torch.dtype,
    lengths: list[int],
    ragged: bool,
    reverse: bool,
    time_major: bool,
    seed: int,
) -> None:
    # One unit has no variance to be normalised by, and no fewer to be projected to.
    assume(units > 1 or name not in ("layer-norm-lstm", "projected-lstm"))
    cell = cell_of(name, features, units, bias)
    same = copy_of(cell, name, features, units, bias, dtype)
    source = torch.Generator().manual_seed(seed)
    x = torch.randn(len(lengths), 7, features, generator=source, dtype=torch.float64)
    if time_major:
        x = x.transpose(0, 1).contiguous()
    # Stabilisers and normalisers of exponential gates are positive.
    sizes = cell.state_sizes.values()
    state = [torch.rand(len(lengths), size, generator=source, dtype=torch.float64) + 0.5 for size in sizes]
    options = {"lengths": torch.tensor(lengths) if ragged else None, "reverse": reverse, "time_major": time_major}
    expected = results(cell, x.clone(), [value.clone() for value in state], backend="reference", **options)
    found = results(same, x.to(dtype), [value.to(dtype) for value in state], backend="cpu", **options)
    bound = TOLERANCE[dtype] * LOOSE.get(name, 1.0)
    for one, other in zip(found, expected, strict=True):
        largest = max(1.0, float(other.abs().max()) if other.numel() else 1.0)
        assert float((one.double() - other).abs().max() if other.numel() else 0.0) <= bound * largest
