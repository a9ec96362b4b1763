"""The network of a sequence classifier: standardised inputs, recurrent layers, a pooled output, a dense layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unrolled.cells import Cell
from unrolled.nn import Dropout, Recurrent

POOLINGS = ("last", "mean", "max")


class ClassifierNetwork(nn.Module):
    """Sequences to logits.

    Args:
        make_cell: makes a layer's cell from its input size.
        input_size: features.
        classes: how many.
        num_layers, bidirectional, dropout: of the recurrent layers; dropout between them and before the dense layer.
        pooling: "last" (each direction's final output), "mean" or "max" over the steps.
    """

    center: Tensor
    scale: Tensor

    def __init__(
        self,
        make_cell: Callable[[int], Cell],
        input_size: int,
        classes: int,
        *,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
        pooling: str,
    ) -> None:
        super().__init__()
        self.dropout, self.pooling = dropout, pooling
        self.register_buffer("center", torch.zeros(input_size))
        self.register_buffer("scale", torch.ones(input_size))
        layers: list[Any] = [make_cell(input_size)]
        for _ in range(num_layers - 1):
            cell = make_cell(layers[-1].output_size * (2 if bidirectional else 1))
            layers.append(Dropout(cell, input=dropout) if dropout else cell)
        self.recurrent = Recurrent(layers, bidirectional=bidirectional)
        self.dense = nn.Linear(self.recurrent.output_size, classes)

    def forward(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Inputs (batch, time, features) and lengths (batch,) to logits (batch, classes)."""
        outputs, state = self.recurrent((inputs - self.center) / self.scale, lengths)
        if self.pooling == "last":
            last = state[-1]
            pooled = torch.cat([end[0] for end in last], -1) if self.recurrent.backward_layers else last[0]
        else:
            pooled = _pooled(outputs, lengths, self.pooling)
        return self.dense(F.dropout(pooled, self.dropout, self.training))  # type: ignore[no-any-return]


def _pooled(outputs: Tensor, lengths: Tensor | None, pooling: str) -> Tensor:
    if lengths is None:
        return outputs.mean(1) if pooling == "mean" else outputs.amax(1)
    lengths = lengths.to(outputs.device).unsqueeze(-1)
    if pooling == "mean":
        return outputs.sum(1) / lengths
    steps = torch.arange(outputs.shape[1], device=outputs.device)
    return outputs.masked_fill((steps >= lengths).unsqueeze(-1), float("-inf")).amax(1)
