"""The network of a text generator: symbols to vectors, recurrent layers, softmax over the next symbol.

    p(w(t+1) | w(1) ... w(t)) = softmax(V h(t) + b)        V: the embedding, or a matrix of its own

The first layer's products with its inputs are looked up: there are as many different ones as symbols, W E + b, which
are fewer than the steps of a chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unrolled.cells import Cell
from unrolled.cells.core import Core, Recurrence
from unrolled.models.carried import Carried
from unrolled.nn import Dropout, Recurrent, WeightDropout
from unrolled.nn.wrapper import RecurrenceWrapper


class Projected(RecurrenceWrapper):
    """A cell that is given its projected inputs."""

    def __init__(self, core: Recurrence) -> None:
        super().__init__(core)
        with torch.no_grad():
            self.input_size = core.project_inputs(core.like.new_zeros(1, core.input_size)).shape[-1]

    def project_inputs(self, inputs: Tensor) -> Tensor:
        """As they are."""
        return inputs

    def advance(self, projected: Tensor, state: Any, source: Tensor | None = None) -> Any:
        """The cell's own step."""
        return self.core.advance(projected, state, source)


class GeneratorNetwork(nn.Module):
    """Embedding, recurrent layers and softmax.

    Args:
        outputs: symbols that can come next.
        symbols: those and the ones that are only read.
        embedding_size: features of a symbol's vector.
        make_cell: makes a layer's cell from its input size.
        num_layers: recurrent layers.
        tied: whether the softmax uses the embedding's matrix; the cell's output then has its size.
        dropout, variational: between layers and before the softmax; see `unrolled.nn.Dropout`.
        weight_dropout: of recurrent weights; see `unrolled.nn.WeightDropout`.
    """

    carried: Carried

    def __init__(
        self,
        outputs: int,
        symbols: int,
        embedding_size: int,
        make_cell: Callable[[int], Cell],
        *,
        num_layers: int,
        tied: bool,
        dropout: float,
        variational: bool,
        weight_dropout: float,
    ) -> None:
        super().__init__()
        self.outputs = outputs
        # Variance 1 / size is right for the softmax; as inputs they are scaled to variance 1.
        self.embedding = nn.Parameter(torch.randn(symbols, embedding_size) / sqrt(embedding_size))
        cores: list[Core] = [Projected(make_cell(embedding_size))]
        while len(cores) < num_layers:
            cores.append(make_cell(cores[-1].output_size))
        if weight_dropout:
            cores = [WeightDropout(core, weight_dropout) for core in cores]  # type: ignore[arg-type]
        if dropout:
            last = len(cores) - 1
            cores = [
                Dropout(core, dropout if number else 0.0, dropout if number == last else 0.0, variational=variational)
                for number, core in enumerate(cores)
            ]
        self.recurrent = Recurrent(cores, time_major=True)
        self.weight = None if tied else nn.Parameter(torch.randn(outputs, cores[-1].output_size) / sqrt(embedding_size))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, tuple[Any, ...]]:
        """All steps.

        Args:
            tokens: (time, batch), int64.
            state: of every layer's cell, as an earlier call gave it; None starts afresh. Masks of variational dropout
                are drawn anew at each call.

        Returns:
            Outputs (time, batch, units), which `softmax` takes, and the state after the last step.
        """
        begun = self.recurrent.initial_state(tokens.shape[1], device=tokens.device)
        if state is not None:
            begun = tuple(
                fresh._replace(core=own) if hasattr(fresh, "core") else own
                for fresh, own in zip(begun, state, strict=True)
            )
        outputs, ends = self.recurrent(F.embedding(tokens, self.table()), state=begun)
        return outputs, tuple(getattr(end, "core", end) for end in ends)

    def table(self) -> Tensor:
        """What the first layer's steps see of each symbol, (symbols, width)."""
        first: Any = self.recurrences()[0]
        vectors = self.embedding * sqrt(self.embedding.shape[1])
        return first.core.project_inputs(vectors)  # type: ignore[no-any-return]

    @property
    def softmax(self) -> tuple[Tensor, Tensor]:
        """Its matrix (outputs, units) and bias (outputs,)."""
        return self.embedding[: self.outputs] if self.weight is None else self.weight, self.bias

    def log_probabilities(self, outputs: Tensor) -> Tensor:
        """Of every symbol that can come next, (..., outputs), from the layers' outputs (..., units)."""
        return F.log_softmax(F.linear(outputs, *self.softmax), -1)

    def prepare_to_carry(self, rows: int) -> None:
        """Makes room for the state of so many tracks."""
        self.carried = Carried(tuple(core.initial_state(rows) for core in self.recurrences()))

    def forget_carried(self) -> None:
        """Drops that again: it is no part of a trained network."""
        del self.carried

    def recurrences(self) -> list[Recurrence]:
        """Each layer without what wraps it in training."""
        made = []
        for wrapped in self.recurrent.layers:
            layer: Any = wrapped
            while not isinstance(layer, Recurrence):
                layer = layer.core
            made.append(layer)
        return made
