"""`Stream`: step by step, with the state carried along, for sensors and generation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from unrolled.cells.core import Core, Recurrence
from unrolled.checks import integer
from unrolled.unroll import checked_state


class Stream:
    """Feeds a recurrent net one step at a time, and carries its state from call to call.

    Args:
        layers: a cell or wrapper, several of them one above the other, or a layer of `unrolled.nn` in one direction.
            A compiled cell is used with its parameters as they are now; after changing them, make a new stream.
        batch_size: how many independent streams run side by side.

    Example:
        stream = Stream(unrolled.cells.LSTM(3, 100))
        for reading in sensor:
            output = stream(reading)            # (1, 3) -> (1, 100)

    Raises:
        TypeError: `layers` is nothing that can be fed step by step.
        ValueError: the layers are bidirectional, or one does not take what the one below gives.

    No gradients are recorded. A stream is for one thread; its memory does not grow.
    """

    def __init__(self, layers: Core | Sequence[Core] | nn.Module, batch_size: int = 1) -> None:
        self.batch_size = batch_size = integer("batch_size", batch_size)
        cores = _cores(layers)
        self.input_size = cores[0].input_size
        self.output_size = cores[-1].output_size
        like = cores[0].like
        self._dtype, self._device = like.dtype, like.device
        self._shape = torch.Size((batch_size, self.input_size))
        self._cores = cores
        self._steps = [_step(core, batch_size) for core in cores]
        self.reset()

    def __call__(self, input: Tensor) -> Tensor:
        """One step.

        Args:
            input: (batch_size, input_size), in the cell's dtype and on its device.

        Returns:
            The top layer's output, (batch_size, output_size), memory of its own.

        Raises:
            ValueError: the input has another shape, dtype or device.
        """
        if not isinstance(input, Tensor):
            raise TypeError(f"input: expected a tensor {tuple(self._shape)}, found {type(input).__name__}")
        if input.shape != self._shape or input.dtype is not self._dtype or input.device != self._device:
            raise ValueError(
                f"input: expected shape {tuple(self._shape)}, {self._dtype} on {self._device}, found "
                f"{tuple(input.shape)}, {input.dtype} on {input.device}"
            )
        if not input.is_contiguous():
            input = input.contiguous()
        for step in self._steps:
            input = step(input)
        return input

    @property
    def state(self) -> tuple[Any, ...]:
        """The state of every layer, copied; it can be set to what `state` or `unroll` gave."""
        return tuple(step.state for step in self._steps)

    @state.setter
    def state(self, value: Sequence[Any]) -> None:
        if not isinstance(value, (tuple, list)) or len(value) != len(self._steps):
            raise ValueError(f"state: expected {len(self._steps)} entries, one a layer, found {value!r:.100}")
        parts = [
            checked_state(core, part, self.batch_size) if isinstance(core, Recurrence) else part
            for core, part in zip(self._cores, value, strict=True)
        ]
        for step, part in zip(self._steps, parts, strict=True):
            step.state = part

    def reset(self) -> None:
        """Starts afresh."""
        for core, step in zip(self._cores, self._steps, strict=True):
            step.state = core.initial_state(self.batch_size)


class _EagerStep:
    """A step by the cell's own Python, on any device."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.state: Any = None

    def __call__(self, input: Tensor) -> Tensor:
        with torch.no_grad():
            result: tuple[Tensor, Any] = self.core(input, self.state)
        output, self.state = result
        return output


def _cores(layers: Any) -> list[Core]:
    if getattr(layers, "bidirectional", False) or getattr(layers, "backward_layers", None) is not None:
        raise ValueError("layers: expected one direction, found bidirectional layers, which need whole sequences")
    cores = [layers] if isinstance(layers, Core) else getattr(layers, "layers", layers)
    try:
        cores = list(cores)
    except TypeError:
        cores = []
    if not cores or not all(isinstance(core, Core) for core in cores):
        raise TypeError(f"layers: expected cells, wrappers, or a layer of unrolled.nn, found {type(layers).__name__}")
    for below, core in pairwise(cores):
        if core.input_size != below.output_size:
            raise ValueError(f"layers: expected a layer that takes {below.output_size} features, found {core}")
    return cores


def _step(core: Core, batch_size: int) -> Any:
    parameter = core.like
    if not isinstance(core, Recurrence) or parameter.device.type != "cpu":
        return _EagerStep(core)
    from unrolled.backends.cpu import DTYPES
    from unrolled.compiler.step import CompiledStep
    from unrolled.compiler.trace import TraceError

    if parameter.dtype not in DTYPES:
        return _EagerStep(core)
    try:
        return CompiledStep(core, batch_size)
    except TraceError:
        return _EagerStep(core)
