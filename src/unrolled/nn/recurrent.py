"""Any cells as layers, one on top of the other, in one or both directions."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from unrolled.backends import backends
from unrolled.cells.core import Core
from unrolled.checks import integer_or_none, one_of, truth
from unrolled.nn.pipeline import pipelined
from unrolled.unroll import unroll


class Recurrent(nn.Module):
    """Recurrent layers of any cells.

    Args:
        cells: a cell or wrapper, or a list of them, one a layer. Each takes what the one below gives, which is
            twice its output if bidirectional.
        bidirectional: whether each layer also reads its input backwards, by a second cell of its own that starts
            from other parameters; outputs are (forward, backward) side by side.
        time_major: whether inputs and outputs are (time, batch, features) instead of (batch, time, features).
        backend: of `unrolled.unroll`.
        chunk: steps of a chunk of time, for layers on devices of their own (`On`): a layer works on a chunk while the
            one above it works on the chunk before. The numbers are the same; None for all steps at once.

    Attributes:
        input_size: features of the input.
        output_size: features of the output.

    Raises:
        ValueError: a layer does not take what the one below gives; or chunk is not a positive integer, or given for
            bidirectional layers, which need the end of a sequence before its beginning.
    """

    def __init__(
        self,
        cells: Core | Sequence[Core],
        *,
        bidirectional: bool = False,
        time_major: bool = False,
        backend: str = "auto",
        chunk: int | None = None,
    ) -> None:
        super().__init__()
        layers = [cells] if isinstance(cells, Core) else list(cells) if isinstance(cells, (list, tuple)) else []
        if not layers or not all(isinstance(layer, Core) for layer in layers):
            raise ValueError(f"cells: expected a cell or wrapper for each layer, found {cells!r:.100}")
        truth("bidirectional", bidirectional)
        truth("time_major", time_major)
        one_of("backend", backend, ["auto", *backends])
        if chunk is not None and bidirectional:
            raise ValueError(f"chunk: expected None for bidirectional layers, which read from the end, found {chunk!r}")
        directions = 2 if bidirectional else 1
        for number, (below, layer) in enumerate(pairwise(layers), start=1):
            if layer.input_size != directions * below.output_size:
                raise ValueError(
                    f"cells: expected layer {number} to take {directions * below.output_size} features, what the layer "
                    f"below gives; found input_size {layer.input_size}"
                )
        self.layers = nn.ModuleList(layers)
        self.backward_layers = nn.ModuleList(_fresh_copy(layer) for layer in layers) if bidirectional else None
        self.time_major = time_major
        self.backend = backend
        self.chunk = integer_or_none("chunk", chunk)
        self.input_size = layers[0].input_size
        self.output_size = directions * layers[-1].output_size

    def initial_state(
        self, batch_size: int, *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> tuple[Any, ...]:
        """The state before the first step: one entry a layer, a pair (forward, backward) if bidirectional."""
        made = [layer.initial_state(batch_size, dtype=dtype, device=device) for layer in self.layers]  # type: ignore[operator]
        if self.backward_layers is None:
            return tuple(made)
        behind = [layer.initial_state(batch_size, dtype=dtype, device=device) for layer in self.backward_layers]  # type: ignore[operator]
        return tuple(zip(made, behind, strict=True))

    def forward(self, inputs: Tensor, lengths: Tensor | None = None, state: Any = None) -> tuple[Tensor, Any]:
        """All steps.

        Args:
            inputs: (batch, time, input_size), or (time, batch, input_size) if `time_major`.
            lengths: (batch,) integers, None if every row is whole; see `unrolled.unroll`.
            state: as `initial_state` or an earlier call gave it; None starts afresh.

        Returns:
            Outputs in the inputs' layout, output_size features, zero past a row's length; and the state, one
            entry a layer, a pair (forward, backward) if bidirectional.

        Raises:
            TypeError, ValueError: as `unrolled.unroll`, or the state has not one entry a layer.
        """
        if state is not None and len(state) != len(self.layers):
            raise ValueError(f"state: expected {len(self.layers)} entries, one a layer, found {len(state)}")
        values = inputs if self.time_major else inputs.transpose(0, 1)
        after: list[Any] = []
        if self.chunk is not None:
            layers = [partial(self._unroll, layer, reverse=False) for layer in self.layers]
            values, after = pipelined(layers, values, lengths, state or [None] * len(layers), self.chunk)
            return values if self.time_major else values.transpose(0, 1), tuple(after)
        for number, layer in enumerate(self.layers):
            start = None if state is None else state[number]
            if self.backward_layers is None:
                values, end = self._unroll(layer, values, lengths, start, reverse=False)
            else:
                ahead, behind = (None, None) if start is None else start
                there, end_there = self._unroll(layer, values, lengths, ahead, reverse=False)
                back, end_back = self._unroll(self.backward_layers[number], values, lengths, behind, reverse=True)
                values, end = torch.cat([there, back], -1), (end_there, end_back)
            after.append(end)
        return values if self.time_major else values.transpose(0, 1), tuple(after)

    def step(self, input: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One step: input (batch, input_size) and a state give output (batch, output_size) and the next state.

        Raises:
            ValueError: the layers are bidirectional, and so need whole sequences.
        """
        if self.backward_layers is not None:
            raise ValueError("step: expected layers in one direction, found bidirectional ones")
        after = []
        for layer, start in zip(self.layers, state or [None] * len(self.layers), strict=True):
            input, end = layer(input, start)
            after.append(end)
        return input, tuple(after)

    def _unroll(
        self, core: Any, values: Tensor, lengths: Tensor | None, state: Any, *, reverse: bool
    ) -> tuple[Tensor, Any]:
        return unroll(core, values, lengths, state, time_major=True, reverse=reverse, backend=self.backend)


def _fresh_copy(core: Core) -> Core:
    copied = deepcopy(core)
    for module in copied.modules():
        reset: Any = getattr(module, "reset_parameters", None)
        if reset is not None:
            reset()
    return copied
