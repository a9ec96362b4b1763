"""What is worth keeping of a cell between calls on a GPU: its program, the gradient, the kernels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from unrolled.cells.core import Recurrence
from unrolled.compiler.executable import Precision
from unrolled.compiler.gpu.strategy import Strategies
from unrolled.compiler.graph import Program
from unrolled.compiler.plan import Plan, fingerprint, kept, projected_program
from unrolled.compiler.text import from_text, to_text


@dataclass(frozen=True, slots=True)
class Sum:
    """A parameter's gradient: the sum over all steps and rows of part of a stream.

    Attributes:
        name, offset: the part of the parameter.
        stream, first, width: the part of the stream.
    """

    name: str
    offset: int
    stream: str
    first: int
    width: int


class GpuPlan(Plan):
    """A cell's program in one precision, its kernels written as far as they were needed.

    The step never projects its inputs: on a GPU one large product before the loop is the fastest way at any size.
    """

    @property
    def lanes(self) -> int:
        """Four numbers are what a thread reads at once."""
        return 4

    @cached_property
    def text(self) -> str:
        """The program as text."""
        return to_text(self.program)

    @cached_property
    def inference(self) -> Strategies:
        """The step alone."""
        return Strategies(self.program, self.precision, ascending=True)

    @cached_property
    def forward(self) -> Strategies:
        """The step that saves what the gradient needs."""
        return Strategies(self.differentiated.forward, self.precision, ascending=True)

    @cached_property
    def backward(self) -> Strategies:
        """The backward step."""
        return Strategies(self._backward[0], self.precision, ascending=False)

    @property
    def sums(self) -> tuple[Sum, ...]:
        """The gradients that are plain sums, over streams of the backward step."""
        return self._backward[1]

    @cached_property
    def _backward(self) -> tuple[Program, tuple[Sum, ...]]:
        return _with_terms(self.differentiated.backward)


def _with_terms(program: Program) -> tuple[Program, tuple[Sum, ...]]:
    """The program with the terms of its totals in streams, where torch sums them after the loop.

    A bias's are the gradients of its gates, which leave anyway; the others go to the stream "terms". To sum them on
    the way would put a reduction over rows into every step, which waits from one instruction to the next as it is.
    """
    places = {number: place for place, number in reversed(program.stores.items())}
    stores, pitch = dict(program.stores), 0
    sums: list[Sum] = []
    for (name, offset), number in sorted(program.totals.items()):
        width = program.graph.ops[number].width
        if number not in places:
            places[number] = ("terms", pitch)
            stores["terms", pitch] = number
            pitch += width
        last, (stream, first) = sums[-1] if sums else None, places[number]
        if last is not None and (last.name, last.offset + last.width, last.stream, last.first + last.width) == (
            name,
            offset,
            stream,
            first,
        ):
            sums[-1] = replace(last, width=last.width + width)
        else:
            sums.append(Sum(name, offset, stream, first, width))
    return Program(program.graph, program.states, stores, {}, {**program.pitches, "terms": pitch}), tuple(sums)


def gpu_plan_for(cell: Recurrence, precision: Precision) -> GpuPlan:
    """The plan of a cell, made once for all cells that are alike.

    Raises:
        TraceError: the step does what the compiler has no operation for.
    """
    return kept(("gpu", fingerprint(cell), precision), lambda: GpuPlan(projected_program(cell), precision))


def gpu_plan_of(text: str, precision: Precision) -> GpuPlan:
    """The plan of a program as text."""
    return kept(("gpu", text, precision), lambda: GpuPlan(from_text(text), precision))
