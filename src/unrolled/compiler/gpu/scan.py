"""The strategy for programs that are linear in their states: steps side by side, by a parallel scan.

A program of the GPU carries some units of one row through time, many steps at once. The factors and terms of the steps
before each are scanned, which gives every step its old state; with that, all these steps are as independent of one
another as rows are, and the rest of the step is written as for rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from unrolled.compiler.executable import Precision
from unrolled.compiler.gpu.module import launch
from unrolled.compiler.gpu.precision import numbers_of
from unrolled.compiler.gpu.tiles import HEAD, Place, Text, Tiles, padded, with_places, with_strides
from unrolled.compiler.graph import Op
from unrolled.compiler.linear import Linear

# Steps at once, units of a program, its threads in warps of 32, and how many times so many steps are in flight.
STEPS, UNITS, WARPS, STAGES = 64, 32, 4, 2


class Scan:
    """One linear program for one precision; see `Kernel`, which it stands in for.

    Args:
        linear: a step, or a backward step; without totals.
        precision: of the numbers.
        ascending: steps run from first to last.
    """

    def __init__(self, linear: Linear, precision: Precision, *, ascending: bool) -> None:
        assert not linear.program.totals
        self.linear, self.program, self.ascending = linear, linear.program, ascending
        self.numbers = numbers_of(precision, amd=torch.version.hip is not None)
        ops = self.program.graph.ops
        streams = {op.detail[0] for op in ops if op.kind == "load"} | {stream for stream, _ in self.program.stores}
        self.streams = tuple(sorted(streams))
        self.vectors = tuple(sorted({op.detail[0] for op in ops if op.kind == "parameter"}))
        self.width = ops[next(iter(self.program.states.values()))].width

    @cached_property
    def text(self) -> str:
        """The module of the kernel."""
        return SCAN_HEAD + str(_Text(self).written())

    def texts(self) -> list[str]:
        """The modules of the kernels: one."""
        return [self.text]

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
        before = {name: value.contiguous() for name, value in states.items()}
        after = {name: torch.empty_like(value) for name, value in before.items()}
        if batch == 0:
            return after
        values: list[Any] = [steps, next(iter(before.values())) if lengths is None else lengths]
        for name in self.streams:
            values += [streams[name], streams[name].stride(1), streams[name].stride(0)]
        values += [parameters[name] for name in self.vectors]
        for name in self.program.states:
            values += [before[name], after[name]]
        constants = {"ROWS": STEPS, "RAGGED": lengths is not None, "REVERSE": reverse}
        launch(self.text, (batch, -(-self.width // UNITS)), *values, **constants, num_warps=WARPS)
        return after


SCAN_HEAD = HEAD.replace("import larger,", "import composed, larger,")


class _Text(Tiles):
    """Writes the kernel; the rows of its tiles are steps."""

    def __init__(self, scan: Scan) -> None:
        super().__init__(scan.program.graph.ops, Text(), scan.numbers.number)
        self.scan, self.program = scan, scan.program
        self.vectors = {name: f"vector{i}" for i, name in enumerate(scan.vectors)}
        self.states = {name: f"state{i}" for i, name in enumerate(scan.program.states)}

    def size(self, width: int) -> int:
        """Units of a tile: a program has some of a vector's."""
        return 1 if width == 1 else UNITS

    def written(self) -> Text:
        """All of it."""
        text, scan = self.text, self.scan
        unit = f"unit{padded(scan.width)}"
        self._signature()
        text.line("row = tl.program_id(0).to(tl.int64)")
        text.line("if RAGGED:")
        # Nobody has checked lengths that the host never saw.
        text.line("    length = tl.minimum(tl.load(lengths + row), steps).to(tl.int32)")
        text.line("else:")
        text.line("    length = steps")
        text.line("place = tl.arange(0, ROWS)")
        if scan.width > 1:
            text.line(f"{unit} = tl.program_id(1) * {UNITS} + tl.arange(0, {UNITS})[None, :]")
            # Past the end of a vector too, where it is no power of two or smaller than a tile.
            text.line(f"in{scan.width} = {unit} < {scan.width}")
        for number, op in enumerate(self.ops):
            if op.kind == "parameter":
                name, offset = op.detail
                self.read(number, Place(self.vectors[name], ""), offset, op.width)
        for i, name in enumerate(self.states):
            text.line(f"carried{i} = {self.reading(self._state(f'before{i}'), 0, self._width(name))}")
        constant = set(self.names)
        # What the next steps read is on its way while these are computed.
        text.line(f"for start in tl.range(0, length, ROWS, num_stages={STAGES}):")
        text.depth += 1
        self._old_states(constant)
        self._steps()
        text.depth -= 1
        for i, name in enumerate(self.states):
            self.write_text(f"carried{i}", self._state(f"after{i}"), 0, self._width(name))
        return text

    def inside(self, width: int) -> str:
        """The mask of a vector's units."""
        return "" if width == 1 else f"in{width}"

    def _signature(self) -> None:
        streams, states = with_strides(self.scan.streams), with_places(len(self.states))
        arguments = ["steps", "lengths", *streams, *self.vectors.values(), *states]
        self.text.function('@triton.jit(do_not_specialize=["steps"])', "kernel", arguments)

    def _width(self, state: str) -> int:
        return self.ops[self.program.states[state]].width

    def _state(self, pointer: str) -> Place:
        # A single number is a tile too, as what replaces it in the loop.
        tile = " + tl.arange(0, 1)[:, None]" if self.scan.width == 1 else ""
        # One row: the mask of the units is enough.
        return Place(f"{pointer} + row * {self.scan.width}{tile}", "")

    def _at(self, turn: str, has: str) -> None:
        """Writes where the streams of these steps are, and which of the steps there are."""
        text = self.text
        text.line(f"turn = {turn}")
        text.line(f"has = ({has})[:, None]")
        text.line(f"step = {'turn' if self.scan.ascending else 'length - 1 - turn'}")
        text.line("time = length - 1 - step if REVERSE else step")
        for stream in self.scan.streams:
            text.line(f"{stream}_at = {stream} + (row * {stream}_row + time.to(tl.int64) * {stream}_step)[:, None]")

    def _old_states(self, constant: set[int]) -> None:
        """Scans the steps before each; the first of all these stands for the state that is carried on."""
        text, linear = self.text, self.scan.linear
        self._at("start + place - 1", "(place > 0) & (turn < length)")
        for i, name in enumerate(self.states):
            factor, term = self.whole(linear.factors[name]), self.whole(linear.terms[name])
            text.line(f"factor{i} = tl.where(has, {factor}, 1.0)")
            text.line(f"term{i} = tl.where(has, {term}, 0.0)")
            text.line(f"factor{i}, term{i} = tl.associative_scan((factor{i}, term{i}), 0, composed)")
            text.line(f"state{i} = factor{i} * carried{i} + term{i}")
        # Numbers of the steps before are none of the steps themselves.
        self.names = {number: name for number, name in self.names.items() if number in constant}

    def _steps(self) -> None:
        text = self.text
        self._at("start + place", "turn < length")
        for (stream, offset), number in self.program.stores.items():
            self.write(number, Place(f"{stream}_at", "has"), offset)
        text.line("last = (place == tl.minimum(length - start, ROWS) - 1)[:, None]")
        for i, name in enumerate(self.states):
            new = self.whole(self.program.states[name])
            text.line(f"carried{i} = tl.sum(tl.where(last, {new}, 0.0), 0, keep_dims=True)")

    def compute(self, number: int, op: Op) -> None:
        """An operation of the step."""
        if op.kind == "load":
            stream, offset = op.detail
            self.read(number, Place(f"{stream}_at", "has"), offset, op.width)
        elif op.kind == "state":
            self.know(number, self.states[op.detail[0]], rows=True, units=op.width > 1)
        else:
            super().compute(number, op)
