"""Layers on devices of their own, at work at the same time: each is a chunk of time behind the one below it.

The chunks of a stack of layers form a table, layers by chunks, in which each entry needs the one below it (for its
input) and the one before it (for its state). What lies on a diagonal can be done at the same time; the diagonals are
gone through in order (Appleyard, Kocisky, Blunsom 2016, "Optimizing Performance of Recurrent Neural Networks on GPUs";
with parts of the batch instead of chunks of time, Huang et al. 2019, "GPipe").

    chunk     0   1   2   3
    layer 0   0   1   2   3     the number says when
    layer 1   1   2   3   4
    layer 2   2   3   4   5
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from unrolled.unroll import checked_lengths

Layer = Callable[[Tensor, Tensor | None, Any], tuple[Tensor, Any]]


def pipelined(
    layers: Sequence[Layer], inputs: Tensor, lengths: Tensor | None, states: Sequence[Any], chunk: int
) -> tuple[Tensor, list[Any]]:
    """Runs layers over a sequence, chunk by chunk.

    Work on a GPU is only asked for and goes on by itself, and so do its gradients, each device's in their own order:
    nothing here waits for a result.

    Args:
        layers: from inputs (time, batch, features), lengths and a state to outputs and the state after them.
        inputs: (time, batch, features).
        lengths: (batch,), or None.
        states: one for each layer, before the first step.
        chunk: steps of a chunk.

    Returns:
        The outputs of the last layer, and the states of all after the last step.
    """
    if lengths is not None:
        # A chunk alone could not tell that a row is longer than the whole.
        lengths = checked_lengths(lengths, inputs)
    parts = torch.split(inputs, chunk)
    values: list[Any] = [None] * len(layers)
    ends, outputs = list(states), []
    for moment in range(len(parts) + len(layers) - 1):
        # The last layer first: it takes what the one below made a moment ago. A copy between two devices waits for
        # all that was asked of either, so the next chunk is asked of the one below only after it.
        for number in reversed(range(len(layers))):
            index = moment - number
            if not 0 <= index < len(parts):
                continue
            part = values[number - 1] if number else parts[index]
            left = None if lengths is None else (lengths - index * chunk).clamp(0, len(part))
            values[number], ends[number] = layers[number](part, left, ends[number])
        if moment >= len(layers) - 1:
            outputs.append(values[-1])
    return torch.cat(outputs), ends
