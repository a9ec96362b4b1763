"""Cells, options and random calls that rows share."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor

from unrolled import cells, unroll
from unrolled.cells import Recurrence

OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "rnn-relu": ("rnn", {"nonlinearity": "relu"}),
    "ind-rnn-tanh": ("ind-rnn", {"nonlinearity": "tanh"}),
    "slstm-exp": ("slstm", {"forget_gate": "exp"}),
    "projected-lstm-1": ("projected-lstm", {"proj_size": 1}),
    "lstm-no-bias": ("lstm", {"bias": False}),
    "layer-norm-lstm-no-bias": ("layer-norm-lstm", {"bias": False}),
    "gru-reset-before-no-bias": ("gru-reset-before", {"bias": False}),
    "peephole-lstm-forget-bias": ("peephole-lstm", {"forget_bias": 3.0}),
    **{name: (name, {}) for name in cells.by_name},
}


def make(name: str, features: int, units: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Recurrence:
    """A cell of `OPTIONS`, with no parameter at zero."""
    kind, options = OPTIONS[name]
    torch.manual_seed(seed)
    cell = cells.make(kind, features, units, dtype=dtype, **options)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return cell


@dataclass(frozen=True)
class Call:
    """A random call of `unroll`."""

    inputs: Tensor
    lengths: Tensor | None
    reverse: bool

    @classmethod
    def draw(cls, draw: Random, features: int, dtype: torch.dtype = torch.float32) -> Call:
        """Up to 20 rows of up to 9 steps."""
        rows, steps = draw.randint(1, 20), draw.randint(1, 9)
        source = torch.Generator().manual_seed(draw.randrange(2**60))
        inputs = torch.randn(rows, steps, features, generator=source, dtype=torch.float64).to(dtype)
        lengths = torch.randint(0, steps + 1, (rows,), generator=source) if draw.random() < 0.7 else None
        return cls(inputs, lengths, draw.random() < 0.5)

    def results(self, cell: Recurrence, backend: str, inputs: Tensor | None = None) -> list[Tensor]:
        """Outputs, states and the gradients of inputs and parameters."""
        x = (self.inputs if inputs is None else inputs).clone().requires_grad_()
        outputs, end = unroll(cell, x, self.lengths, reverse=self.reverse, backend=backend)
        loss = outputs.sin().sum() + sum(state.sin().sum() for state in end)
        gradients = torch.autograd.grad(loss, [x, *cell.parameters()], allow_unused=True)
        return [tensor.detach() for tensor in (outputs, *end, *gradients) if tensor is not None]
