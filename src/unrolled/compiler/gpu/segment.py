"""Triton's text of what lies between two products of a step, for the strategy that has a library make them."""

from __future__ import annotations

from unrolled.compiler.gpu.cut import Cut
from unrolled.compiler.gpu.precision import Numbers
from unrolled.compiler.gpu.tiles import HEAD, Place, Text, Tiles, padded
from unrolled.compiler.graph import Op

# Numbers of the widest tile that a program holds.
TILE = 1024


class Segment(Tiles):
    """One segment of a cut program, as a kernel over rows.

    The kernel's arguments are batch, step, steps, lengths; for every stream a pointer and the strides from row to row
    and from step to step; vectors; for every state those before the step and those after it, (batch, units); scratch
    memory, the factors, and the products that came before.

    Attributes:
        module: its text.
        busy: whether anything leaves it.
        streams, vectors: what it is told of, in order.
        rows, warps: of a program.
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
        widest = max(padded(op.width) for op in cut.ops)
        self.rows = max(1, TILE // widest)
        self.warps = max(1, min(16, self.rows * widest // 256))
        self._write()
        self.module = HEAD + str(self.text)

    def _write(self) -> None:
        text = self.text
        self._signature()
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

    def _signature(self) -> None:
        text = self.text
        text.depth = 0
        text.line('@triton.jit(do_not_specialize=["batch", "step", "steps"])')
        text.line("def kernel(")
        text.depth = 1
        text.line("batch, step, steps, lengths,")
        for stream in self.streams:
            text.line(f"{stream}, {stream}_row, {stream}_step,")
        for i in range(len(self.vectors)):
            text.line(f"vector{i},")
        for i in range(len(self.states)):
            text.line(f"before{i}, after{i},")
        text.line("scratch, factors,")
        for i in range(len(self.cut.multiplies[self.depth])):
            text.line(f"product{i},")
        text.line("ROWS: tl.constexpr, RAGGED: tl.constexpr, REVERSE: tl.constexpr,")
        text.depth = 0
        text.line("):")
        text.depth = 1

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
