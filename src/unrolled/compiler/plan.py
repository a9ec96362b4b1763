"""What is worth keeping of a cell between calls: its program, the gradient, the machine code."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from functools import cached_property
from typing import Any

import torch
from torch import nn

from unrolled.cells.core import Recurrence
from unrolled.compiler.executable import Executable
from unrolled.compiler.gradient import Differentiated, differentiate
from unrolled.compiler.graph import Program
from unrolled.compiler.target import host
from unrolled.compiler.trace import TraceError, trace

# Inputs up to this width are projected inside the loop.
FOLDED = 128
_LIMIT = 256
_plans: OrderedDict[Any, Plan] = OrderedDict()


class Plan:
    """A cell's program in one precision, compiled as far as it was needed.

    Attributes:
        program: the step.
        parameters: names of the parameters that the step reads.
        states: names of the states.
        folded: whether the step projects its inputs itself.
    """

    def __init__(self, program: Program, *, double: bool) -> None:
        self.program = program
        self.double = double
        self.states = tuple(program.states)
        names = [op.detail[0] for op in program.graph.ops if op.kind == "parameter"]
        names += [matrix.name for op in program.graph.ops if op.kind == "product" for matrix in op.detail]
        self.folded = "inputs" in program.pitches
        self.parameters = tuple(dict.fromkeys(names))

    @cached_property
    def differentiated(self) -> Differentiated:
        """The step that saves, and its gradient."""
        return differentiate(self.program, host().lanes(self.double))

    @cached_property
    def inference(self) -> Executable:
        """The step alone."""
        return Executable(self.program, host(), double=self.double, ascending=True)

    @cached_property
    def forward(self) -> Executable:
        """The step that saves what the gradient needs."""
        return Executable(self.differentiated.forward, host(), double=self.double, ascending=True)

    @cached_property
    def backward(self) -> Executable:
        """The backward step."""
        return Executable(self.differentiated.backward, host(), double=self.double, ascending=False)


def plan_for(cell: Recurrence) -> Plan:
    """The plan of a cell, made once for all cells that are alike.

    Raises:
        TraceError: the step does what the compiler has no operation for.
    """
    key = fingerprint(cell)
    plan = _plans.get(key)
    if plan is None:
        parameter = next(cell.parameters())
        plan = _plans[key] = Plan(_program(cell), double=parameter.dtype == torch.float64)
        while len(_plans) > _LIMIT:
            _plans.popitem(last=False)
    return plan


def _program(cell: Recurrence) -> Program:
    # A wide projection is better made as one large product, one that draws noise must be made outside.
    if cell.input_size <= FOLDED:
        with suppress(TraceError):
            return trace(cell)
    parameter = next(cell.parameters())
    with torch.no_grad():
        projected = cell.project_inputs(parameter.new_empty(0, cell.input_size)).shape[-1]
    return trace(cell, projected)


def fingerprint(module: nn.Module) -> Any:
    """All of a module that can make a difference to its step, but for the values of its parameters."""
    values = module.__dict__
    options = tuple(
        (name, repr(value))
        for name, value in values.items()
        if name[0] != "_" and isinstance(value, (bool, int, float, str, tuple, dict, type(None)))
    )
    tensors = tuple(
        (name, None if value is None else (tuple(value.shape), value.dtype))
        for kind in ("_parameters", "_buffers")
        for name, value in values[kind].items()
    )
    children = tuple((name, fingerprint(child)) for name, child in values["_modules"].items())
    return type(module), options, tensors, children
