"""Triton's text of what lies between two products of a step, for the strategy that has a library make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unrolled.compiler.gpu.cut import Cut
from unrolled.compiler.gpu.precision import Numbers
from unrolled.compiler.gpu.tiles import Place, Text, Tiles, with_places, with_strides
from unrolled.compiler.graph import Op


class Segment(Tiles):
    """One segment of a cut program, as a function over rows, which a kernel calls; see `Launch`.

    Attributes:
        name: of the function.
        function: its text.
        busy: whether anything leaves it.
        streams, vectors: what it is told of, in order.
    """

    def __init__(self, cut: Cut, depth: int, numbers: Numbers) -> None:
        super().__init__(cut.ops, Text(), numbers.number)
        self.cut, self.program, self.depth, self.numbers = cut, cut.program, depth, numbers
        self.stores = {place: n for place, n in cut.program.stores.items() if cut.home(n) == depth}
        self.nexts = {name: n for name, n in cut.program.states.items() if cut.home(n) == depth}
        self.keeps = {n: first for n, first in cut.kept.items() if cut.depths[n] == depth}
        self.offers = {
            n: first for n, first in cut.factors.items() if cut.ops[n].kind != "state" and cut.depths[n] == depth
        }
        self.busy = bool(self.stores or self.nexts or self.keeps or self.offers or depth == cut.last)
        loads = {op.detail[0] for op in cut.ops if op.kind == "load"}
        self.streams = tuple(sorted(loads | {stream for stream, _ in self.stores}))
        self.vectors = tuple(sorted({op.detail[0] for op in cut.ops if op.kind == "parameter"}))
        self.states = list(cut.program.states)
        self.name = f"segment{depth}"
        self._write()
        self.function = str(self.text)

    def arguments_with(self, streams: Sequence[str]) -> list[str]:
        """Of a function that is told of these streams.

        They are batch, step, steps, lengths; for every stream a pointer and the strides from row to row and from step
        to step; vectors; for every state those before the step and those after it, (batch, units); scratch memory, the
        factors, and the products that came before.
        """
        return [
            *("batch", "step", "steps", "lengths"),
            *with_strides(streams),
            *(f"vector{i}" for i in range(len(self.vectors))),
            *with_places(len(self.states)),
            *("scratch", "factors"),
            *(f"product{i}" for i in range(len(self.cut.multiplies[self.depth]))),
        ]

    def call(self, renamed: Mapping[str, str]) -> str:
        """The text of a call, with arguments of other names."""
        arguments = [renamed.get(name, name) for name in self.arguments_with(self.streams)]
        return f"{self.name}({', '.join(arguments)}, ROWS, RAGGED, REVERSE)"

    def _write(self) -> None:
        text = self.text
        text.function("@triton.jit", self.name, self.arguments_with(self.streams))
        text.line("row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)")
        text.line("here = (row < batch)[:, None]")
        text.line("if RAGGED:")
        text.line("    length = tl.minimum(tl.load(lengths + row, mask=row < batch, other=0), steps)")
        text.line("else:")
        text.line("    length = tl.where(row < batch, steps, 0).to(tl.int64)")
        text.line("has = (step < length)[:, None]")
        text.line("time = length - 1 - step if REVERSE else length * 0 + step")
        self.declare([op.width for op in self.ops])
        for stream in self.streams:
            text.line(f"{stream}_at = {stream} + (row * {stream}_row + time * {stream}_step)[:, None]")
        for (stream, offset), number in self.stores.items():
            self.write(number, Place(f"{stream}_at", "has"), offset)
        for number, first in self.keeps.items():
            self.write(number, self._own("scratch", self.cut.scratch), first)
        for number, first in self.offers.items():
            self.write(number, self._own("factors", self.cut.pitch), first)
        for name, number in self.nexts.items():
            width = self.ops[number].width
            place = self._own(f"after{self.states.index(name)}", width)
            self.write_text(self._carried(name, number), place, 0, width)
        if self.depth == self.cut.last:
            self._offer_states()

    def _offer_states(self) -> None:
        """Writes the new states to where the next step's products find them, now that none needs the old ones."""
        for number, first in self.cut.factors.items():
            op = self.ops[number]
            if op.kind == "state":
                new = self.program.states[op.detail[0]]
                self.write_text(self._carried(op.detail[0], new), self._own("factors", self.cut.pitch), first, op.width)

    def _carried(self, name: str, number: int) -> str:
        old = f"old{self.states.index(name)}"
        if old not in self.text.defined:
            width = self.ops[number].width
            place = self._own(f"before{self.states.index(name)}", width)
            self.text.define(old, self.reading(place, 0, width))
        return f"tl.where(has, {self.whole(number)}, {old})"

    @staticmethod
    def _own(pointer: str, pitch: int) -> Place:
        return Place(f"{pointer} + row[:, None] * {pitch}", "here")

    def compute(self, number: int, op: Op) -> None:
        """Writes any operation."""
        if op.kind == "load":
            stream, offset = op.detail
            self.read(number, Place(f"{stream}_at", "has"), offset, op.width)
        elif op.kind == "state":
            self.read(number, self._own(f"before{self.states.index(op.detail[0])}", op.width), 0, op.width)
        elif op.kind == "parameter":
            name, offset = op.detail
            self.read(number, Place(f"vector{self.vectors.index(name)}", ""), offset, op.width)
        elif number in self.cut.kept and self.cut.depths[number] < self.depth:
            self.read(number, self._own("scratch", self.cut.scratch), self.cut.kept[number], op.width)
        elif op.kind == "product":
            made = self.cut.multiplies[self.depth]
            parts = [
                self.reading(self._own(f"product{i}", made[i].matrix.width_out), first, op.width)
                for i, first in self.cut.parts[number]
            ]
            self.define(number, " + ".join(parts), rows=True, units=op.width > 1)
        else:
            super().compute(number, op)
