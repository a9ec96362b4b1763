"""The gradients of parameters after the loop: matrix products over all steps and rows, and what is summed besides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from unrolled.compiler.gradient import WeightGradient

Product = Callable[[Tensor, Tensor], Tensor]


def parameter_gradients(
    groups: Iterable[tuple[WeightGradient, ...]],
    parameters: Mapping[str, Tensor],
    memory: Mapping[str, Tensor],
    totals: Iterable[tuple[str, int, Tensor]],
    over_steps: Product,
) -> dict[str, Tensor]:
    """The gradient of every parameter, zeros where there is none.

    Args:
        groups: which products there are; those of a tuple share d y, and their v lie side by side.
        parameters: by name.
        memory: streams (steps and rows, pitch) by name.
        totals: (parameter, where in it, its gradient there), of the parameters that no product multiplies.
        over_steps: of d y and v, (steps and rows, width) each, the sum of d y v^T.
    """
    made: dict[str, Tensor] = {}
    for group in groups:
        first, last = group[0].v, group[-1].v + group[-1].columns
        product = over_steps(columns(memory, group[0].dy, group[0].rows), memory["saved"][:, first:last])
        for part in group:
            block = product[:, part.v - first : part.v - first + part.columns]
            if part.name not in made and part.rows == len(parameters[part.name]):
                made[part.name] = block
            else:
                whole = made.setdefault(part.name, torch.zeros_like(parameters[part.name], dtype=block.dtype))
                whole[part.row : part.row + part.rows] += block
    for name, start, total in totals:
        like = parameters[name]
        if total.numel() < like.numel():
            total = F.pad(total, (start, like.numel() - start - total.numel()))
        made[name] = made[name] + total.view_as(like) if name in made else total.view_as(like)
    return {name: made[name] if name in made else torch.zeros_like(value) for name, value in parameters.items()}


def columns(memory: Mapping[str, Tensor], place: tuple[str, int], width: int) -> Tensor:
    """Part of a stream."""
    stream, offset = place
    return memory[stream][:, offset : offset + width]
