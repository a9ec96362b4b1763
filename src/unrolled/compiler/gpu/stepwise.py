"""The strategy for large states: step by step, products by torch's library, what lies between them one kernel each.

Where no program can hold a row's gates, or all programs would read all matrices at every step, a library's product that
spreads the units over the whole GPU is faster, although each step then starts a few kernels. The program is cut at its
products: what depends on no product is the first segment, what depends on the products of the first segment's vectors
the next, and so on. Every segment is one kernel whose programs hold whole rows, so sums stay inside; the last one of a
step and the first one of the next are one too.

Nothing here waits for the device or depends on values, so that a CUDA graph takes the whole loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from unrolled.compiler.executable import Precision
from unrolled.compiler.gpu.cut import Cut
from unrolled.compiler.gpu.launch import Launch
from unrolled.compiler.gpu.module import launch
from unrolled.compiler.gpu.precision import Numbers, numbers_of, product
from unrolled.compiler.gpu.segment import Segment
from unrolled.compiler.graph import Matrix, Program


class Stepwise:
    """One program for one precision, step by step; see `Kernel`, which it stands in for.

    Args:
        program: a step, or a backward step; without totals.
        precision: of the numbers, and of the factors in products.
        ascending: steps run from first to last.
    """

    def __init__(self, program: Program, precision: Precision, *, ascending: bool) -> None:
        assert not program.totals
        self.program, self.ascending = program, ascending
        self.numbers = numbers_of(precision, amd=torch.version.hip is not None)
        self.cut = Cut(program)

    @cached_property
    def segments(self) -> list[Segment]:
        """What is to be done between products; nothing, it may be, before the first."""
        made = [Segment(self.cut, depth, self.numbers) for depth in range(self.cut.last + 1)]
        return [segment for segment in made if segment.busy]

    @cached_property
    def opening(self) -> Launch | None:
        """The kernel before the first step's first product."""
        first = self.segments[0]
        return None if first.depth or not self.cut.last else Launch(first)

    @cached_property
    def closing(self) -> list[Launch]:
        """The kernels of the last step."""
        return [Launch(segment) for segment in self.segments if segment.depth or not self.cut.last]

    @cached_property
    def turn(self) -> list[Launch]:
        """The kernels of any other step; the last one opens the next."""
        if self.opening is None:
            return self.closing
        return [*self.closing[:-1], Launch(self.segments[-1], self.segments[0], ascending=self.ascending)]

    def texts(self) -> list[str]:
        """The modules of the kernels."""
        opening = [] if self.opening is None else [self.opening]
        return list(dict.fromkeys(kernel.module for kernel in [*opening, *self.turn, *self.closing]))

    def run(
        self,
        batch: int,
        steps: int,
        lengths: Tensor | None,
        states: Mapping[str, Tensor],
        parameters: Mapping[str, Tensor],
        streams: Mapping[str, Tensor],
        *,
        reverse: bool,
    ) -> dict[str, Tensor]:
        """Runs all steps of all rows; see `Kernel.run`."""
        like, numbers, cut = next(iter(states.values())), self.numbers, self.cut
        if batch == 0:
            return {name: torch.empty_like(value) for name, value in states.items()}
        halves = {name: torch.stack((value, value)).to(numbers.pointwise) for name, value in states.items()}
        factors = like.new_zeros(batch, max(1, cut.pitch), dtype=numbers.factors)
        for vector, first in cut.factors.items():
            op = cut.ops[vector]
            if op.kind == "state":
                factors[:, first : first + op.width] = states[op.detail[0]]
        scratch = like.new_empty(batch, max(1, cut.scratch), dtype=numbers.pointwise)
        weights = {m.matrix: _weights(m.matrix, parameters, numbers) for ms in cut.multiplies for m in ms}

        def start(kernel: Launch, turn: int) -> None:
            step, read = turn if self.ascending else steps - 1 - turn, turn % 2
            products = [
                product(factors[:, m.first : m.first + m.matrix.width_in], weights[m.matrix], numbers)
                for m in cut.multiplies[kernel.depth]
            ]
            values: list[Any] = [batch, step, steps, like if lengths is None else lengths]
            for name in kernel.streams:
                values += [streams[name], streams[name].stride(1), streams[name].stride(0)]
            values += [parameters[name] for name in kernel.vectors]
            for half in halves.values():
                values += [half[read], half[1 - read]]
            values += [scratch, factors, *products]
            constants = {"ROWS": kernel.rows, "RAGGED": lengths is not None, "REVERSE": reverse}
            launch(kernel.module, (-(-batch // kernel.rows),), *values, **constants, num_warps=kernel.warps)

        if steps and self.opening is not None:
            start(self.opening, 0)
        for turn in range(steps):
            for kernel in self.turn if turn + 1 < steps else self.closing:
                start(kernel, turn)
        return {name: halves[name][steps % 2].to(value.dtype) for name, value in states.items()}


def _weights(matrix: Matrix, parameters: Mapping[str, Tensor], numbers: Numbers) -> Tensor:
    part = parameters[matrix.name][matrix.row : matrix.row + matrix.rows].to(numbers.factors)
    return part if matrix.transposed else part.t()
