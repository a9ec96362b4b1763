"""What is worth keeping of a cell between calls: its program, the gradient, the machine code."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from operator import attrgetter
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from unrolled.cells.core import Recurrence
from unrolled.compiler.executable import Executable, Precision
from unrolled.compiler.gradient import Differentiated, differentiate
from unrolled.compiler.graph import Program
from unrolled.compiler.target import host
from unrolled.compiler.text import from_text
from unrolled.compiler.trace import TraceError, trace

# The input projection is made inside the loop, where its result needs no memory, if its matrix is small or serves
# many rows each time that it is read. Otherwise one large product before the loop reads it once for all steps.
SMALL, LARGE, MANY = 128, 1024, 8
_LIMIT = 256
Made = TypeVar("Made", bound="Plan")
_plans: OrderedDict[Any, Plan] = OrderedDict()


class Plan:
    """A cell's program in one precision, and the gradient of it.

    Attributes:
        program: the step.
        precision: what it is computed in.
        parameters: names of the parameters that the step reads.
        states: names of the states.
        folded: whether the step projects its inputs itself.
    """

    def __init__(self, program: Program, precision: Precision) -> None:
        self.program = program
        self.precision = precision
        self.states = tuple(program.states)
        names = [op.detail[0] for op in program.graph.ops if op.kind == "parameter"]
        names += [matrix.name for op in program.graph.ops if op.kind == "product" for matrix in op.detail]
        self.folded = "inputs" in program.pitches
        self.parameters = tuple(dict.fromkeys(names))

    @cached_property
    def weights(self) -> int:
        """Numbers in all matrices that a step multiplies with."""
        ops = self.program.graph.ops
        return sum(m.width_in * m.width_out for op in ops if op.kind == "product" for m in op.detail)

    def tensors(self, cell: Recurrence) -> list[Tensor]:
        """The parameters of a cell, in order."""
        return [attrgetter(name)(cell) for name in self.parameters]

    def named(self, tensors: Sequence[Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """States and parameters by name."""
        count = len(self.states)
        states = dict(zip(self.states, tensors[:count], strict=True))
        return states, dict(zip(self.parameters, tensors[count:], strict=True))

    @property
    def lanes(self) -> int:
        """Saved vectors start at multiples of this."""
        raise NotImplementedError

    @cached_property
    def differentiated(self) -> Differentiated:
        """The step that saves, and its gradient."""
        return differentiate(self.program, self.lanes)


class CpuPlan(Plan):
    """A cell's program in one precision, compiled as far as it was needed."""

    @property
    def lanes(self) -> int:
        """Numbers in one register."""
        return host().lanes(self.precision is Precision.DOUBLE)

    @cached_property
    def inference(self) -> Executable:
        """The step alone."""
        return Executable(self.program, host(), self.precision, ascending=True)

    @cached_property
    def forward(self) -> Executable:
        """The step that saves what the gradient needs."""
        return Executable(self.differentiated.forward, host(), self.precision, ascending=True)

    @cached_property
    def backward(self) -> Executable:
        """The backward step."""
        return Executable(self.differentiated.backward, host(), self.precision, ascending=False)


def plan_for(cell: Recurrence, batch: int = 1, *, bf16: bool = False) -> CpuPlan:
    """The plan of a cell, made once for all cells that are alike.

    Args:
        cell: what to compile.
        batch: rows; which plan is best depends on their number.
        bf16: products are of bf16, with fp32 sums.

    Raises:
        TraceError: the step does what the compiler has no operation for.
    """
    folded = cell.input_size <= (LARGE if batch >= MANY else SMALL)
    precision = Precision.BF16 if bf16 else precision_of(cell.like.dtype)
    return kept((fingerprint(cell), folded, precision), lambda: CpuPlan(_program(cell, folded=folded), precision))


def plan_of(text: str, precision: Precision) -> CpuPlan:
    """The plan of a program as text."""
    return kept((text, precision), lambda: CpuPlan(from_text(text), precision))


def precision_of(dtype: torch.dtype) -> Precision:
    """What a cell of this dtype is computed in."""
    return Precision.DOUBLE if dtype == torch.float64 else Precision.SINGLE


def kept(key: Any, make: Callable[[], Made]) -> Made:
    """The plan under this key, made when it is first asked for."""
    plan: Any = _plans.get(key)
    if plan is None:
        plan = _plans[key] = make()
        while len(_plans) > _LIMIT:
            _plans.popitem(last=False)
    return plan  # type: ignore[no-any-return]


def _program(cell: Recurrence, *, folded: bool) -> Program:
    if folded:
        # A projection that draws noise, or does what the compiler cannot, is made outside.
        with suppress(TraceError):
            program = trace(cell)
            if _only_multiplied(program):
                return program
    return projected_program(cell)


def _only_multiplied(program: Program) -> bool:
    """Whether a step that projects its inputs itself does nothing else with them: their gradient is of products."""
    ops, width = program.graph.ops, program.pitches["inputs"]
    loads = {number for number, op in enumerate(ops) if op.kind == "load"}
    others = [*program.states.values(), *(arg for op in ops if op.kind != "product" for arg in op.args)]
    return loads.isdisjoint(others) and all(ops[number].width == width for number in loads)


def projected_program(cell: Recurrence) -> Program:
    """The step from inputs that are projected already.

    Raises:
        TraceError: the step does what the compiler has no operation for.
    """
    parameter = cell.like
    with torch.no_grad():
        projected = cell.project_inputs(parameter.new_empty(0, cell.input_size)).shape[-1]
    return trace(cell, projected)


_OPTIONS = {bool, int, float, str, tuple, dict, type(None)}


def fingerprint(module: nn.Module) -> Any:
    """All of a module that can make a difference to its step, but for the values of its parameters."""
    values = module.__dict__
    options = tuple(
        (name, kind, value if kind in (bool, int, str) else repr(value))
        for name, value in values.items()
        if name[0] != "_" and (kind := type(value)) in _OPTIONS
    )
    tensors = tuple(
        (name, None if value is None else (tuple(value.shape), value.dtype))
        for kind in ("_parameters", "_buffers")
        for name, value in values[kind].items()
    )
    children = tuple((name, fingerprint(child)) for name, child in values["_modules"].items())
    return type(module), options, tensors, children
