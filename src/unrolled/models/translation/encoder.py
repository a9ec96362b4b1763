"""The encoder: subword numbers to a vector a place, and to the state that the decoder starts from."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn

from unrolled.cells import Cell
from unrolled.models.translation.tokenizer import PAD
from unrolled.nn import Dropout, Recurrent

MakeCell = Callable[[int], Cell]
# Of a vector at the start: short ones have a model learn sooner where to look, of 32 numbers as of 256.
LENGTH = 1.6


class Encoder(nn.Module):
    """Embedding and recurrent layers over the source.

    Args:
        vocabulary: source tokens.
        embedding_size: features of an embedding.
        make_cell: makes a layer's cell from its input size.
        num_layers, bidirectional: of the recurrent layers.
        dropout, variational: of every layer's input; see `unrolled.nn.Dropout`.
    """

    def __init__(
        self,
        vocabulary: int,
        embedding_size: int,
        make_cell: MakeCell,
        *,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
        variational: bool,
    ) -> None:
        super().__init__()
        self.embedding = Embedding(vocabulary, embedding_size)
        layers: list[Any] = []
        size = embedding_size
        for _ in range(num_layers):
            layers.append(dropped(make_cell(size), dropout, variational))
            size = layers[-1].output_size * (2 if bidirectional else 1)
        self.recurrent = Recurrent(layers, bidirectional=bidirectional, time_major=True)
        self.output_size = self.recurrent.output_size
        # How much of each unit of the decoder's first state comes from the forward direction; half to begin with.
        sizes = [sum(inner(layer).state_sizes.values()) for layer in layers] if bidirectional else []
        self.mixes = nn.ParameterList([nn.Parameter(torch.zeros(size)) for size in sizes])

    def forward(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor, tuple[Any, ...]]:
        """Encodes.

        Args:
            tokens: (batch, time), int64.
            lengths: (batch,), int64.

        Returns:
            Outputs (batch, time, output_size), zero past a row's length, and for every layer the state of its cell
            after the sentence, the directions mixed into one.
        """
        outputs, ends = self.recurrent(self.embedding(tokens.T), lengths)
        if not len(self.mixes):
            return outputs.transpose(0, 1), tuple(core_state(end) for end in ends)
        mixed = [
            _mixed(core_state(ahead), core_state(behind), mix)
            for (ahead, behind), mix in zip(ends, self.mixes, strict=True)
        ]
        return outputs.transpose(0, 1), tuple(mixed)


class Embedding(nn.Module):
    """Vectors of tokens, of which the softmax may use the same matrix (Press, Wolf 2017; Inan et al. 2017)."""

    def __init__(self, vocabulary: int, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(vocabulary, size) * (LENGTH / sqrt(size)))
        with torch.no_grad():
            self.weight[PAD] = 0.0

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens of any shape to vectors (..., size)."""
        return nn.functional.embedding(tokens, self.weight)


def dropped(cell: Cell, dropout: float, variational: bool) -> Any:
    """The cell with dropout on its inputs."""
    return Dropout(cell, input=dropout, variational=variational) if dropout else cell


def inner(layer: Any) -> Any:
    """The cell in a layer."""
    return layer.core if isinstance(layer, Dropout) else layer


def core_state(state: Any) -> Any:
    """The cell's own part of a layer's state."""
    return state.core if hasattr(state, "core") else state


def _mixed(ahead: Any, behind: Any, mix: Tensor) -> Any:
    """One state for two: every part a mean of both, so that it is one that the cell could have come to."""
    parts = torch.split(mix.sigmoid(), [part.shape[1] for part in ahead])
    return type(ahead)(*(torch.lerp(b, a, part.expand_as(a)) for a, b, part in zip(ahead, behind, parts, strict=True)))
