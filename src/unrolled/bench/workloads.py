"""What is measured: a net, a batch, and how many operations that takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from unrolled import cells, nn
from unrolled.cells import Cell, State, sigmoid, tanh
from unrolled.stream import Stream
from unrolled.unroll import unroll

LAYERS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}


class Own(Cell):
    """A cell as a user would write one: a gate that keeps, and what is new."""

    states = ("h",)
    gates = ("keep", "new")

    def step(self, x: Any, r: Any, state: Any) -> Any:
        """One step."""
        keep = sigmoid(x.keep + r.keep)
        return State(h=keep * state.h + (1 - keep) * tanh(x.new + r.new))


@dataclass(frozen=True)
class Workload:
    """One line of the table.

    Attributes:
        kind: a layer of `unrolled.nn` that torch.nn has too, a cell's name, or "own" for a user's cell.
        batch, steps, features, units: sizes.
        options: of the layer.
        ragged: rows have lengths between a fifth and all of the steps, drawn evenly.
        bf16: under autocast.
        streamed: `steps` calls of one step each, inference only.
    """

    kind: str
    batch: int
    steps: int
    features: int
    units: int
    options: dict[str, Any] = field(default_factory=dict)
    ragged: bool = False
    bf16: bool = False
    streamed: bool = False

    @property
    def name(self) -> str:
        """As the table shows it."""
        words = [f"{self.kind}({self.units})", *(f"{name}={value}" for name, value in self.options.items())]
        words += [word for word in ("ragged", "bf16", "streamed") if getattr(self, word)]
        return " ".join([*words, f"{self.batch}x{self.steps}x{self.features}"])

    @cached_property
    def module(self) -> torch.nn.Module:
        """Ours."""
        if self.kind in LAYERS:
            made: torch.nn.Module = LAYERS[self.kind](self.features, self.units, batch_first=True, **self.options)
            return made
        return (
            Own(self.features, self.units) if self.kind == "own" else cells.make(self.kind, self.features, self.units)
        )

    @property
    def cell(self) -> Cell | None:
        """The cell, if the net is one layer in one direction."""
        if isinstance(self.module, Cell):
            return self.module
        single = self.options.get("num_layers", 1) == 1 and not self.options.get("bidirectional", False)
        return self.module.layers[0] if single else None  # type: ignore[index, return-value]

    @cached_property
    def inputs(self) -> Tensor:
        """(batch, time, features)."""
        return torch.randn(self.batch, self.steps, self.features)

    @cached_property
    def lengths(self) -> Tensor | None:
        """(batch,), one row being whole; None unless ragged."""
        if not self.ragged:
            return None
        lengths = torch.randint(self.steps // 5, self.steps + 1, (self.batch,))
        lengths[0] = self.steps
        return lengths

    @cached_property
    def weights(self) -> Tensor:
        """What training weighs the outputs with, so that their gradient is not all the same."""
        return torch.randn_like(self.outputs(self.inputs))

    def outputs(self, inputs: Tensor, *, whole: bool = False, bf16: bool | None = None) -> Tensor:
        """Our forward pass; `whole` for all steps of ragged rows."""
        lengths = None if whole else self.lengths
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16 if bf16 is None else bf16):
            if isinstance(self.module, Cell):
                return unroll(self.module, inputs, lengths)[0]
            return self.module(inputs, lengths=lengths)[0]  # type: ignore[no-any-return]

    @cached_property
    def stream(self) -> Stream:
        """Ours, step by step."""
        return Stream(self.module, self.batch)

    @property
    def operations(self) -> float:
        """Floating-point operations of the forward pass, products only; padding does not count."""
        rows = self.batch * self.steps if self.lengths is None else int(self.lengths.sum())
        return sum(2.0 * rows * weight.numel() for weight in self.module.parameters() if weight.dim() == 2)


def _extra(kind: str) -> Workload:
    return Workload(kind, 64, 50, 32, 128)


WORKLOADS = (
    Workload("RNN", 50, 20, 1, 100, {"nonlinearity": "relu"}),
    Workload("RNN", 150, 28, 28, 150),
    Workload("GRU", 150, 28, 28, 150),
    Workload("LSTM", 150, 28, 28, 150),
    Workload("LSTM", 150, 28, 28, 150, {"num_layers": 3}),
    Workload("LSTM", 64, 100, 512, 512),
    Workload("LSTM", 64, 100, 512, 512, bf16=True),
    Workload("LSTM", 64, 120, 40, 128, ragged=True),
    Workload("LSTM", 48, 90, 64, 192, {"bidirectional": True}, ragged=True),
    _extra("peephole-lstm"),
    _extra("layer-norm-lstm"),
    _extra("gru-reset-before"),
    _extra("own"),
    Workload("LSTM", 1, 100, 10, 100, streamed=True),
)
