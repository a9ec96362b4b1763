"""Static unrolling: the step in a Python loop, which serves every cell, device and transform."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from unrolled.backends.backend import Backend, Request
from unrolled.cells.core import keep_dtypes


def states_in_time(request: Request) -> Iterator[tuple[int, Any]]:
    """The time index and the state after each step, in the order of computation.

    Where a row has no step at that time, its state stays.
    """
    cell, state, lengths = request.cell, request.state, request.lengths
    projected = cell.project_inputs(request.inputs)
    times = range(projected.shape[0])
    for time in reversed(times) if request.reverse else times:
        new = keep_dtypes(cell.advance(projected[time], state), state)
        if lengths is not None:
            valid = (lengths > time).unsqueeze(-1)
            new = type(new)(*(torch.where(valid, value, was) for value, was in zip(new, state, strict=True)))
        state = new
        yield time, state


def _run(request: Request) -> tuple[Tensor, Any]:
    state = request.state
    outputs: list[Tensor] = [state[0]] * request.inputs.shape[0]
    for time, after in states_in_time(request):
        state = after
        outputs[time] = after[0]
    if not outputs:
        return request.inputs.new_empty(0, *state[0].shape, dtype=state[0].dtype), state
    stacked = torch.stack(outputs)
    if request.lengths is not None:
        stacked = torch.where(valid_steps(request.lengths, len(outputs)), stacked, 0.0)
    return stacked, state


def valid_steps(lengths: Tensor, steps: int) -> Tensor:
    """(steps, batch, 1) booleans: whether a step lies within its row's length."""
    return (torch.arange(steps, device=lengths.device).unsqueeze(-1) < lengths).unsqueeze(-1)


reference = Backend("reference", lambda request: None, _run)
