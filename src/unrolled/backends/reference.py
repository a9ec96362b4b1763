"""Static unrolling: the step in a Python loop, which serves every cell, device and transform."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from unrolled.backends.backend import Backend, Request, cleaned
from unrolled.cells.core import Recurrence, keep_dtypes


def states_in_time(
    cell: Recurrence, projected: Tensor, lengths: Tensor | None, state: Any, *, reverse: bool
) -> Iterator[tuple[int, Any]]:
    """The time index and the state after each step, in the order of computation.

    Where a row has no step at that time, its state stays. The inputs (time, batch, n) are projected already.
    """
    # Taken apart at once: the gradient of a step picked by its index would be as long as the whole sequence.
    steps = list(enumerate(projected.unbind(0)))
    for time, step in reversed(steps) if reverse else steps:
        new = keep_dtypes(cell.advance(step, state), state)
        if lengths is not None:
            valid = (lengths > time).unsqueeze(-1)
            new = type(new)(*(torch.where(valid, value, was) for value, was in zip(new, state, strict=True)))
        state = new
        yield time, state


def unrolled_statically(
    cell: Recurrence, projected: Tensor, lengths: Tensor | None, state: Any, *, reverse: bool
) -> tuple[Tensor, Any]:
    """Outputs (time, batch, output_size) and the final state, from inputs that are projected already."""
    outputs: list[Tensor] = [state[0]] * projected.shape[0]
    for time, after in states_in_time(cell, projected, lengths, state, reverse=reverse):
        state = after
        outputs[time] = after[0]
    if not outputs:
        return state[0].new_empty(0, *state[0].shape), state
    stacked = torch.stack(outputs)
    if lengths is not None:
        stacked = cleaned(stacked, lengths)
    return stacked, state


def _run(request: Request) -> tuple[Tensor, Any]:
    projected = request.cell.project_inputs(request.cleaned().inputs)
    return unrolled_statically(request.cell, projected, request.lengths, request.state, reverse=request.reverse)


reference = Backend("reference", lambda request: partial(_run, request))
