"""A program made ready to run on a GPU: its kernel written, compiled by Triton, and told where everything lies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from unrolled.compiler.executable import Precision
from unrolled.compiler.gpu.form import Form, forms
from unrolled.compiler.gpu.module import launch
from unrolled.compiler.gpu.precision import numbers_of
from unrolled.compiler.gpu.sequence import Arguments, sequence_text
from unrolled.compiler.graph import Program
from unrolled.compiler.schedule import schedule


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

    def forms(self, shared: int) -> list[Form]:
        """How it may be made for a GPU whose programs have so many bytes of shared memory, the likeliest first."""
        return forms(self.schedule, self.numbers.factors.itemsize, self.numbers.pointwise.itemsize, shared)

    def text(self, form: Form) -> tuple[str, Arguments]:
        """The module of the kernel, and what it is told."""
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
        form: Form,
    ) -> dict[str, Tensor]:
        """Runs all steps of all rows, on the current stream, and waits for nothing.

        Args:
            batch, steps: rows, and time steps, the padding included.
            lengths: (batch,) int64, or None if every row is whole.
            states: (batch, units) each, before the first step in the order of computation.
            parameters: by name, contiguous.
            streams: by name (time, batch, width) each, its units side by side.
            reverse: rows run from their last step to their first.
            form: of the kernel.

        Returns:
            The states after each row's last step.

        Raises:
            triton.OutOfResources: the device has too little for this form; nothing has run.
        """
        before = {name: value.contiguous() for name, value in states.items()}
        after = {name: torch.empty_like(value) for name, value in before.items()}
        if batch == 0:
            return after
        like = next(iter(before.values()))
        text, arguments = self.text(form)
        values: list[Any] = [batch, steps, like if lengths is None else lengths]
        for name in arguments.streams:
            values += [streams[name], streams[name].stride(1), streams[name].stride(0)]
        values += [parameters[name].to(self.numbers.factors) for name in arguments.matrices]
        values += [parameters[name] for name in arguments.vectors]
        for name in arguments.states:
            values += [before[name], after[name]]
        values.append(like.new_empty(batch, max(1, arguments.scratch), dtype=self.numbers.factors))
        constants = {"ROWS": form.rows, "RAGGED": lengths is not None, "REVERSE": reverse}
        grid = (-(-batch // form.rows),)
        launch(text, grid, *values, **constants, num_warps=form.warps, num_stages=form.stages)
        return after


def shared_memory(device: torch.device) -> int:
    """Bytes that a program may have."""
    if device.type != "cuda":
        return 1 << 18
    properties: Any = torch.cuda.get_device_properties(device)
    # AMD's have no such property, and 64 KiB.
    return int(getattr(properties, "shared_memory_per_block_optin", 1 << 16))
