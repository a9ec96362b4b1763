"""Less memory for more arithmetic: what the backward pass needs is computed again, segment by segment.

Chen et al., "Training deep nets with sublinear memory cost", 2016; for recurrent nets Gruslys et al., "Memory-efficient
backpropagation through time", 2016. Any backend runs the segments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import isqrt
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from unrolled.backends.backend import Request


def segment_length(policy: str, steps: int) -> int:
    """Time steps of a segment.

    Args:
        policy: "all" for one segment, "every:k" for segments of k steps, "sqrt" for the length that keeps least.
        steps: in all.

    Raises:
        ValueError: another policy.
    """
    name, _, count = policy.partition(":") if isinstance(policy, str) else ("", "", "")
    if name and policy == "all":
        return max(1, steps)
    if name and policy == "sqrt":
        return isqrt(max(0, steps - 1)) + 1
    if name == "every" and count.isdecimal() and int(count) > 0:
        return int(count)
    raise ValueError(f'checkpoint: expected "all", "sqrt" or "every:k" with a positive k, found {policy!r}')


def recomputed(run: Callable[[Request], tuple[Tensor, Any]], request: Request, length: int) -> tuple[Tensor, Any]:
    """Runs a request in segments of `length` steps, of which only inputs, outputs and first states are kept."""
    state, outputs = request.state, []
    # Not slices: the gradient of each would be as long as the whole.
    parts = torch.split(request.inputs, length)
    numbers = range(len(parts))
    for number in reversed(numbers) if request.reverse else numbers:
        inputs, start = parts[number], number * length
        lengths = None if request.lengths is None else (request.lengths - start).clamp(0, inputs.shape[0])
        output, state = _kept_small(run, replace(request, inputs=inputs, lengths=lengths, state=state))
        outputs.append(output)
    return torch.cat(outputs[::-1] if request.reverse else outputs), state


def _kept_small(run: Callable[[Request], tuple[Tensor, Any]], request: Request) -> tuple[Tensor, Any]:
    def segment(inputs: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        output, after = run(replace(request, inputs=inputs, state=type(request.state)(*state)))
        return output, *after

    output, *after = checkpoint(segment, request.inputs, *request.state, use_reentrant=False)
    return output, type(request.state)(*after)
