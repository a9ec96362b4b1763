"""The decoder: the target so far and what the encoder made of the source, to what comes next.

    h(t) = first layer(y(t-1) [, a(t-1)], h(t-1))       a(t-1) with input feeding only
    c(t) = attention(h(t), encoder outputs)
    s(t) = further layers([h(t); c(t)], s(t-1))         h(t) itself if there is one layer only
    a(t) = tanh(W [s(t); c(t)])
    p(y(t)) = softmax(E a(t) + b)                       E: the target embedding, or a matrix of its own

Attention from the lowest layer, its context read by the layers above: Wu et al. 2016 (GNMT). So nothing of a step needs
attention of the step before, and under teacher forcing each layer is one fused unroll and attention one product. With
input feeding (Luong, Pham, Manning 2015, section 3.3) it does, and the decoder goes step by step.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unrolled.models.translation.encoder import Embedding, MakeCell, dropped
from unrolled.nn import Attention, Recurrent
from unrolled.nn.attention import Memory


class DecoderState(NamedTuple):
    """All that a decoder carries from step to step; what it attends to is part of it.

    Attributes:
        layers: the state of every recurrent layer, rows first.
        feed: (rows, embedding_size), the last attentional vector; None without input feeding.
        memory: of the sentences; None without attention. Rows belong to sentences in turn, the same number to each.
    """

    layers: tuple[Any, ...]
    feed: Tensor | None
    memory: Memory | None

    def select(self, rows: Tensor, sentences: Tensor | None = None) -> Self:
        """The state of these rows, in this order; and of these sentences, all unless given.

        Rows (rows,) may repeat; afterwards too each sentence has to have the same number of them.
        """
        memory = self.memory if sentences is None else _select(self.memory, sentences)
        return self._replace(layers=_select(self.layers, rows), feed=_select(self.feed, rows), memory=memory)


def _select(value: Any, rows: Tensor) -> Any:
    if value is None:
        return None
    if isinstance(value, Tensor):
        return value.index_select(0, rows)
    parts = (_select(part, rows) for part in value)
    return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)


class Decoder(nn.Module):
    """Embedding, recurrent layers, attention and softmax over the target.

    Args:
        vocabulary: target tokens.
        embedding_size: features of an embedding.
        make_cell: makes a layer's cell from its input size.
        memory_size: features of the encoder's outputs.
        num_layers: recurrent layers.
        attention: its kind, None for none.
        input_feeding: whether the attentional vector is part of the next input.
        tied: whether the softmax uses the embedding's matrix.
        dropout, variational: of every layer's input; see `unrolled.nn.Dropout`. The softmax's input is dropped too.
    """

    def __init__(
        self,
        vocabulary: int,
        embedding_size: int,
        make_cell: MakeCell,
        memory_size: int,
        *,
        num_layers: int,
        attention: str | None,
        input_feeding: bool,
        tied: bool,
        dropout: float,
        variational: bool,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.input_feeding = input_feeding
        self.embedding = Embedding(vocabulary, embedding_size)
        first = make_cell(embedding_size * (2 if input_feeding else 1))
        size = first.output_size
        context = 0 if attention is None else memory_size
        self.first = Recurrent(dropped(first, dropout, variational), time_major=True)
        self.attention = None if attention is None else Attention(size, memory_size, kind=attention)
        further = [make_cell(size + (0 if number else context)) for number in range(num_layers - 1)]
        wrapped = [dropped(cell, dropout, variational) for cell in further]
        self.further = Recurrent(wrapped, time_major=True) if wrapped else None
        self.attentional = nn.Linear(size + context, embedding_size)
        nn.init.xavier_uniform_(self.attentional.weight)
        self.weight = None if tied else nn.Parameter(self.embedding.weight.detach().clone())
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def start(self, ends: tuple[Any, ...], outputs: Tensor, lengths: Tensor) -> DecoderState:
        """The state before the first token.

        Args:
            ends: the states after the encoder's layers.
            outputs: the encoder's, (batch, source, memory_size).
            lengths: of the source, (batch,).
        """
        layers = [*self.first.layers, *(self.further.layers if self.further is not None else ())]
        rows = len(outputs)
        fresh: Any = [layer.initial_state(rows, device=outputs.device) for layer in layers]
        begun = tuple(
            new._replace(core=end) if hasattr(new, "core") else end for new, end in zip(fresh, ends, strict=True)
        )
        feed = outputs.new_zeros(rows, self.attentional.out_features) if self.input_feeding else None
        memory = None if self.attention is None else self.attention.memory(outputs, lengths)
        return DecoderState(begun, feed, memory)

    def forward(self, tokens: Tensor, lengths: Tensor, state: DecoderState) -> tuple[Tensor, Tensor | None]:
        """All steps under teacher forcing.

        Args:
            tokens: (batch, time), what each step is fed.
            lengths: (batch,).
            state: as `start` made it.

        Returns:
            Attentional vectors (batch, time, embedding_size), what they are past a row's length is of no use; and
            attention's weights (batch, time, source), None without attention.
        """
        if self.input_feeding:
            return self._step_by_step(tokens, state)
        below, _ = self.first(self.embedding(tokens.T), lengths, state.layers[:1])
        below, context, weights = self._attended(below.transpose(0, 1), state.memory)
        above = below
        if self.further is not None:
            joined = _joined(below, context).transpose(0, 1)
            above = self.further(joined, lengths, state.layers[1:])[0].transpose(0, 1)
        return torch.tanh(self.attentional(_joined(above, context))), weights

    def _step_by_step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, Tensor | None]:
        vectors, weights = [], []
        for column in tokens.unbind(1):
            vector, state, seen = self.step(column, state)
            vectors.append(vector)
            weights.append(seen)
        told = None if self.attention is None else torch.stack(weights, 1)  # type: ignore[arg-type]
        return torch.stack(vectors, 1), told

    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState, Tensor | None]:
        """One step: tokens (rows,) to attentional vectors (rows, embedding_size), state and weights (rows, source)."""
        value = self.embedding(tokens)
        if state.feed is not None:
            value = torch.cat([value, state.feed], -1)
        below, first = self.first.step(value, state.layers[:1])
        if state.memory is not None:
            sentences = len(state.memory.values)
            below, context, weights = self._attended(below.view(sentences, -1, below.shape[-1]), state.memory)
            below, context, weights = (part.flatten(0, 1) for part in (below, context, weights))  # type: ignore[union-attr]
        else:
            context = weights = None
        above, further = below, ()
        if self.further is not None:
            above, further = self.further.step(_joined(below, context), state.layers[1:])
        vector = torch.tanh(self.attentional(_joined(above, context)))
        feed = None if state.feed is None else vector
        return vector, state._replace(layers=(*first, *further), feed=feed), weights

    def logits(self, vectors: Tensor) -> Tensor:
        """Attentional vectors (..., embedding_size) to logits (..., vocabulary)."""
        return F.linear(vectors, *self.softmax)

    @property
    def softmax(self) -> tuple[Tensor, Tensor]:
        """Its matrix (vocabulary, embedding_size) and bias (vocabulary,)."""
        return self.embedding.weight if self.weight is None else self.weight, self.bias

    def _attended(self, queries: Tensor, memory: Memory | None) -> tuple[Tensor, Tensor | None, Tensor | None]:
        if self.attention is None or memory is None:
            return queries, None, None
        return queries, *self.attention(queries, memory)


def _joined(vector: Tensor, context: Tensor | None) -> Tensor:
    return vector if context is None else torch.cat([vector, context], -1)
