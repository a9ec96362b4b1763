"""A program made ready to run on a GPU: its kernel written, compiled by Triton, and told where everything lies."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from unrolled.compiler.executable import Precision
from unrolled.compiler.gpu.module import kernel_of
from unrolled.compiler.gpu.precision import numbers_of
from unrolled.compiler.gpu.sequence import Arguments, Form, sequence_text
from unrolled.compiler.gpu.tiles import padded
from unrolled.compiler.graph import Program
from unrolled.compiler.schedule import schedule

# Bytes of matrices that a program's registers and shared memory hold beside its states and gates.
HELD = 1 << 17


class Kernel:
    """One program for one precision.

    Args:
        program: a step, or a backward step; without totals.
        precision: of the numbers, and of the factors in products.
        ascending: steps run from first to last.
    """

    def __init__(self, program: Program, precision: Precision, *, ascending: bool) -> None:
        assert not program.totals
        self.program, self.ascending = program, ascending
        self.numbers = numbers_of(precision, amd=torch.version.hip is not None)
        self.schedule = schedule(program)
        self._texts: dict[Form, tuple[str, Arguments]] = {}

    @cached_property
    def held_bytes(self) -> int:
        """Bytes of all matrices, in tiles."""
        ops = self.program.graph.ops
        matrices = {matrix for op in ops if op.kind == "product" for matrix in op.detail}
        return sum(padded(m.width_in) * padded(m.width_out) for m in matrices) * self.numbers.factors.itemsize

    @cached_property
    def widest(self) -> int:
        """Numbers in the largest tile's row, all products of a loop together."""
        ops = self.program.graph.ops
        loops = [sum(padded(ops[number].width) for number in loop.products) for loop in self.schedule.loops]
        return max([*loops, *(padded(op.width) for op in ops)])

    @cached_property
    def form(self) -> Form:
        """How the kernel is made, unless measurement says otherwise."""
        warps = 4 if self.widest <= 256 else 8 if self.widest <= 1024 else 16
        held = self.held_bytes <= HELD
        # Two slices of all the matrices that a loop reads at a time, in half of the shared memory.
        chunk = 0 if held else max(16, min(64, 1 << ((49152 // (self.widest * self.numbers.factors.itemsize)).bit_length() - 1)))
        return Form(16, warps, chunk, ahead=self.ascending)

    def text(self, form: Form | None = None) -> tuple[str, Arguments]:
        """The module of the kernel, and what it is told."""
        form = form or self.form
        if form not in self._texts:
            arguments = Arguments.of(self.schedule, form)
            text = sequence_text(self.schedule, arguments, self.numbers, form, ascending=self.ascending)
            self._texts[form] = text, arguments
        return self._texts[form]

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
        """Runs all steps of all rows, on the current stream, and waits for nothing.

        Args:
            batch, steps: rows, and time steps, the padding included.
            lengths: (batch,) int64, or None if every row is whole.
            states: (batch, units) each, before the first step in the order of computation.
            parameters: by name, contiguous.
            streams: by name (time, batch, width) each, its units side by side.
            reverse: rows run from their last step to their first.

        Returns:
            The states after each row's last step.
        """
        before = {name: value.contiguous() for name, value in states.items()}
        after = {name: torch.empty_like(value) for name, value in before.items()}
        if batch == 0:
            return after
        text, arguments = self.text()
        like = next(iter(before.values()))
        told: list[Any] = [batch, steps, lengths if lengths is not None else like]
        for name in arguments.streams:
            stream = streams[name]
            told += [stream, stream.stride(1), stream.stride(0)]
        told += [parameters[name].to(self.numbers.factors) for name in arguments.matrices]
        told += [parameters[name] for name in arguments.vectors]
        for name in arguments.states:
            told += [before[name], after[name]]
        told.append(like.new_empty(batch, arguments.scratch, dtype=self.numbers.factors) if arguments.scratch else like)
        form = self.form
        kernel_of(text)[(-(-batch // form.rows),)](
            *told, ROWS=form.rows, RAGGED=lengths is not None, REVERSE=reverse, num_warps=form.warps
        )
        return after
