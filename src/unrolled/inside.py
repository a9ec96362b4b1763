"""What goes on inside a cell: its states and gates through time, and how far back gradients reach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from unrolled.backends.backend import cleaned
from unrolled.backends.reference import states_in_time
from unrolled.cells.cell import Cell
from unrolled.cells.core import Recurrence, keep_dtypes
from unrolled.cells.named import State
from unrolled.checks import integer
from unrolled.unroll import Call

# What makes a gate of a projection. Logarithms of gates (softplus) are on the way to one.
ACTIVATIONS = {"sigmoid", "tanh", "relu", "exp", "clamp", "hardsigmoid", "hardtanh", "elu", "gelu", "silu", "softsign"}


@dataclass(frozen=True)
class Inspection:
    """The inside of a cell through time.

    Attributes:
        states: each state after each step, by name, (batch, time, units); zero past a row's length.
        gates: the value of each gate at each step, by name, (batch, time, units); zero past a row's length.
        lengths: (batch,) the steps of each row.
    """

    states: dict[str, Tensor]
    gates: dict[str, Tensor]
    lengths: Tensor

    def row(self, index: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """States and gates of one row, (its steps, units)."""
        steps = int(self.lengths[index])
        return tuple({name: value[index, :steps] for name, value in part.items()} for part in (self.states, self.gates))  # type: ignore[return-value]


@torch.no_grad()
def inspect(cell: Cell, inputs: Tensor, lengths: Tensor | None = None, state: Any = None) -> Inspection:
    """Runs a cell by its own Python step, and notes every state and the value of every declared gate.

    A gate's value is what the first activation (sigmoid, tanh, relu, exp, ...) makes of its projection `x.<gate>`,
    together with what was added to that or multiplied with it before: recurrent products, peepholes, a normalisation.
    A gate whose projection meets no activation gives the projection itself, `x.<gate> + r.<gate>`.

    Args:
        cell: any cell that declares gates; of a trained network a layer's, such as `network.layers[0]`.
        inputs: (batch, time, input_size).
        lengths, state: as `unrolled.unroll`'s.

    Raises:
        TypeError, ValueError: as `unrolled.unroll`; or `cell` is a wrapper.
    """
    if not isinstance(cell, Cell):
        raise TypeError(
            f"cell: expected a cell, which declares gates (of a wrapper its `core`), found {type(cell).__name__}"
        )
    call = Call.of(cell, inputs, lengths, state, time_major=False)
    steps, rows = call.inputs.shape[:2]
    ends = inputs.new_full((rows,), steps, dtype=torch.int64) if call.lengths is None else call.lengths
    now, states, gates = call.state, [], []
    for time, projected in enumerate(cell.project_inputs(cleaned(call.inputs, ends))):
        x, r = cell.parts(projected, now)
        with Names(x, r) as names:
            new = keep_dtypes(cell.step(x, names.recurrent, now), now)
        going = (ends > time).unsqueeze(-1)
        now = type(new)(*(torch.where(going, value, was) for value, was in zip(new, now, strict=True)))
        states.append(now._asdict())
        gates.append({gate: names.value(gate) for gate in cell.gates})

    def through_time(parts: list[dict[str, Tensor]], names: tuple[str, ...]) -> dict[str, Tensor]:
        return {name: cleaned(torch.stack([part[name] for part in parts]), ends).transpose(0, 1) for name in names}

    if not steps:
        raise ValueError(f"inputs: expected at least one step, found shape {tuple(inputs.shape)}")
    return Inspection(through_time(states, tuple(cell.state_sizes)), through_time(gates, cell.gates), ends)


class Names(TorchFunctionMode):
    """Follows the projections of a step to the values that are made of them.

    What is computed of a named tensor has its name: of several the first one's, as in `x.new + reset * r.new`. An
    activation ends that: its result is the gate, and what is made of gates has no name.

    Args:
        x, r: what the step is called with.

    Attributes:
        recurrent: r, whose deferred gates give named results.
    """

    def __init__(self, x: Any, r: Any) -> None:
        super().__init__()
        self._names: dict[int, str] = {}
        # Numbers of objects are theirs alone only while they live.
        self._alive: list[Tensor] = []
        self._found: dict[str, Tensor] = {}
        self._projections: dict[str, Tensor] = {}
        for part in (x, r):
            for gate, value in part._asdict().items():
                if isinstance(value, Tensor):
                    self._name(value, gate)
                    self._projections[gate] = self._projections[gate] + value if gate in self._projections else value
        self.recurrent = State(
            **{g: v if isinstance(v, Tensor) else self._naming(v, g) for g, v in r._asdict().items()}
        )

    def value(self, gate: str) -> Tensor:
        """What the gate was."""
        return self._found.get(gate, self._projections[gate])

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Every torch function called meanwhile comes here."""
        result = function(*args, **(kwargs or {}))
        name = next((self._names[id(v)] for v in _tensors(args) if id(v) in self._names), None)
        if name is not None and isinstance(result, Tensor):
            if getattr(function, "__name__", "").strip("_") in ACTIVATIONS:
                self._found.setdefault(name, result)
            else:
                self._name(result, name)
        return result

    def _naming(self, project: Any, gate: str) -> Any:
        def named(v: Tensor) -> Tensor:
            result: Tensor = project(v)
            self._name(result, gate)
            return result

        return named

    def _name(self, value: Tensor, name: str) -> None:
        self._names[id(value)] = name
        self._alive.append(value)


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _tensors(value)


def gradient_reach(
    cell: Recurrence, inputs: Tensor, lengths: Tensor | None = None, state: Any = None, *, probes: int = 16
) -> Tensor:
    """How much of a gradient at a row's last output arrives at the states before it.

    Of the Jacobian J of the output h(T) by all states at T - lag it gives |J| / sqrt(units), |J| being the root of the
    sum of its squares, as the root of the mean square over the rows: 1 at lag 0. Where this falls towards 0 the cell
    cannot learn what happened so long ago (Bengio, Simard, Frasconi 1994), where it grows training is unstable.

    Args:
        cell: a cell.
        inputs: (batch, time, input_size).
        lengths, state: as `unrolled.unroll`'s.
        probes: random directions (the same ones each time) that |J| is estimated by (Hutchinson 1990), one backward
            pass each; the error falls with their root and the rows'.

    Returns:
        (time + 1,), for lags 0 to time, where the initial state is. A row has no part in lags beyond its own
        length; NaN where no row has.

    Raises:
        TypeError, ValueError: as `unrolled.unroll`, or `probes` is not a positive integer.
    """
    integer("probes", probes)
    if not isinstance(cell, Recurrence):
        raise TypeError(f"cell: expected a cell, which has one state a step, found {type(cell).__name__}")
    call = Call.of(cell, inputs, lengths, state, time_major=False)
    steps, rows = call.inputs.shape[:2]
    ends = inputs.new_full((rows,), steps, dtype=torch.int64) if call.lengths is None else call.lengths
    start = type(call.state)(*(value.detach().requires_grad_() for value in call.state))
    with torch.enable_grad():
        projected = cell.project_inputs(cleaned(call.inputs.detach(), ends))
        states = [start, *(after for _, after in states_in_time(cell, projected, None, start, reverse=False))]
        # Row by row its own last output.
        outputs = torch.stack([after[0] for after in states])[ends, torch.arange(rows, device=ends.device)]
    generator = torch.Generator().manual_seed(0)
    squares = torch.zeros(steps + 1, rows, dtype=outputs.dtype, device=outputs.device)
    for _ in range(probes):
        probe = torch.randn(outputs.shape, generator=generator).to(outputs)
        gradients = torch.autograd.grad(
            outputs, [v for after in states for v in after], probe, retain_graph=True, allow_unused=True
        )
        for number, gradient in enumerate(gradients):
            if gradient is not None:
                squares[number // len(start)] += gradient.square().sum(-1) / probes
    lags = torch.arange(steps + 1, device=ends.device)
    at = ends - lags[:, None]
    squares = squares.gather(0, at.clamp(min=0)) * (at >= 0)
    return (squares.sum(1) / (at >= 0).sum(1)).sqrt() / sqrt(outputs.shape[-1])
