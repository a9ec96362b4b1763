"""Attention: a weighted mean of a memory, the weights depending on a query.

Additive: Bahdanau, Cho, Bengio 2015, "Neural Machine Translation by Jointly Learning to Align and Translate".
General and dot: Luong, Pham, Manning 2015, "Effective Approaches to Attention-based Neural Machine Translation".

    score(q, m) = v . tanh(W q + U m + b)     "bahdanau"
    score(q, m) = q . U m                     "luong" (their "general")
    score(q, m) = q . m                       "dot"
    weights = softmax of the scores over the memory
    context = sum of weights * m

What depends on the memory alone is computed once, by `memory`; the result belongs to a decoder's state. Matrices start
as Glorot, Bengio 2010 have it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from unrolled.checks import integer, one_of

KINDS = ("bahdanau", "luong", "dot")


class Memory(NamedTuple):
    """What is attended to.

    Attributes:
        keys: (batch, source, units), the projected memory.
        values: (batch, source, memory_size), zero in the padding.
        inside: (batch, source), whether a place is within its row's length.
    """

    keys: Tensor
    values: Tensor
    inside: Tensor


class Attention(nn.Module):
    """Contexts for queries.

    Args:
        query_size: features of a query.
        memory_size: features of the memory, and of a context.
        units: of the additive score's hidden layer; query_size unless given. The others have no use for it.
        kind: "bahdanau", "luong" or "dot"; see the module.

    Raises:
        ValueError: the kind is none of these, a size is not a positive integer, or "dot" has two different sizes.
    """

    def __init__(self, query_size: int, memory_size: int, units: int | None = None, *, kind: str = "bahdanau") -> None:
        super().__init__()
        one_of("kind", kind, KINDS)
        self.query_size = integer("query_size", query_size)
        self.memory_size = integer("memory_size", memory_size)
        if kind == "dot" and query_size != memory_size:
            raise ValueError(f"memory_size: expected query_size ({query_size}) for 'dot', found {memory_size}")
        self.kind = kind
        self.units = self.query_size if units is None or kind != "bahdanau" else integer("units", units)
        self.key = None if kind == "dot" else nn.Linear(memory_size, self.units, bias=False)
        self.query = nn.Linear(query_size, self.units) if kind == "bahdanau" else None
        self.score = nn.Linear(self.units, 1, bias=False) if kind == "bahdanau" else None
        for layer in (self.key, self.query, self.score):
            if layer is not None:
                nn.init.xavier_uniform_(layer.weight)

    def memory(self, values: Tensor, lengths: Tensor | None = None) -> Memory:
        """Makes a memory of values (batch, source, memory_size), of which row i has `lengths[i]`; None for all."""
        inside = torch.ones(values.shape[:2], dtype=torch.bool, device=values.device)
        if lengths is not None:
            inside = torch.arange(values.shape[1], device=values.device) < lengths.to(values.device)[:, None]
            # NaN times a weight of zero would be NaN.
            values = torch.where(inside[..., None], values, 0.0)
        return Memory(values if self.key is None else self.key(values), values, inside)

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Attends.

        Args:
            queries: (batch, time, query_size), each of which sees the whole memory of its row.
            memory: as `memory` made it.

        Returns:
            Contexts (batch, time, memory_size), and weights (batch, time, source), which are zero in the padding and
            sum to one; both zero for a row of length 0.

        Memory: "bahdanau" keeps batch * time * source * units numbers for the backward pass, the others none of these.
        """
        scores = self._scores(queries, memory.keys)
        outside = ~memory.inside[:, None, :]
        # The lowest number, not minus infinity, of which a row of length 0 would make NaN.
        weights = scores.masked_fill(outside, torch.finfo(scores.dtype).min).softmax(-1).masked_fill(outside, 0.0)
        return torch.bmm(weights.to(memory.values.dtype), memory.values), weights

    def _scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        if self.query is None or self.score is None:
            return torch.bmm(queries, keys.transpose(1, 2))
        hidden = torch.tanh(self.query(queries)[:, :, None, :] + keys[:, None, :, :])
        return self.score(hidden).squeeze(-1)  # type: ignore[no-any-return]

    def extra_repr(self) -> str:
        """Kind and sizes, for printing."""
        return f"{self.query_size}, {self.memory_size}, kind={self.kind!r}"
