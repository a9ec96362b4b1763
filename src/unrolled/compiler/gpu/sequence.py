"""Triton's text of a whole-sequence kernel: one program carries a tile of rows through all steps.

States stay in registers from step to step. Matrices that fit are read once, before the first step, and held; of larger
ones every step reads slices, through the second cache. What arrives at a step does not depend on the one before, and
Triton's pipeliner asks for it steps ahead. A program runs as many steps
as its longest row has, which it finds out itself; rows that have fewer keep their states meanwhile. Nobody sorts rows,
and the host never waits for the lengths.
"""

from __future__ import annotations

from dataclasses import dataclass

from unrolled.compiler.gpu.form import Form, in_slices, sliced_vectors
from unrolled.compiler.gpu.precision import Numbers
from unrolled.compiler.gpu.tiles import (
    HEAD,
    Place,
    Text,
    Tiles,
    matrix_slice,
    matrix_tile,
    padded,
    with_places,
    with_strides,
)
from unrolled.compiler.graph import Matrix, Op
from unrolled.compiler.schedule import Loop, Schedule


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a kernel is told, in order, by kind.

    Attributes:
        streams: each a pointer, and the strides from row to row and from step to step.
        matrices, vectors: parameters.
        states: each a pointer to those before the first step, and one to those after the last, (batch, units).
        scratch: numbers a row, for the factors of products; 0 if they stay in registers.
    """

    streams: tuple[str, ...]
    matrices: tuple[str, ...]
    vectors: tuple[str, ...]
    states: tuple[str, ...]
    scratch: int

    @classmethod
    def of(cls, schedule: Schedule, form: Form) -> Arguments:
        """What the loops need."""
        program, ops = schedule.program, schedule.program.graph.ops
        streams = {op.detail[0] for op in ops if op.kind == "load"} | {stream for stream, _ in program.stores}
        matrices = {matrix.name for op in ops if op.kind == "product" for matrix in op.detail}
        vectors = {op.detail[0] for op in ops if op.kind == "parameter"}
        scratch = sum(padded(ops[number].width) for number in sliced_vectors(ops, form))
        return cls(
            tuple(sorted(streams)), tuple(sorted(matrices)), tuple(sorted(vectors)), tuple(program.states), scratch
        )


def sequence_text(schedule: Schedule, arguments: Arguments, numbers: Numbers, form: Form, *, ascending: bool) -> str:
    """The module with the function `kernel`.

    Its arguments are batch, steps and lengths; those that `arguments` lists; scratch memory; and the constants ROWS (of
    a program), RAGGED (whether there are lengths) and REVERSE (whether rows run from their last step to their first).
    """
    return HEAD + str(_Sequence(schedule, arguments, numbers, form, ascending=ascending).written())


class _Sequence(Tiles):
    def __init__(
        self, schedule: Schedule, arguments: Arguments, numbers: Numbers, form: Form, *, ascending: bool
    ) -> None:
        super().__init__(schedule.program.graph.ops, Text(), numbers.number)
        self.schedule, self.program, self.arguments = schedule, schedule.program, arguments
        self.numbers, self.form, self.ascending = numbers, form, ascending
        self.matrices = {name: f"matrix{i}" for i, name in enumerate(arguments.matrices)}
        self.vectors = {name: f"vector{i}" for i, name in enumerate(arguments.vectors)}
        self.carried = {name: f"state{i}" for i, name in enumerate(arguments.states)}
        self.held: dict[Matrix, str] = {}
        self.factors: dict[int, str] = {}
        self.offsets: dict[int, int] = {}

    def written(self) -> Text:
        text = self.text
        self._signature()
        text.line("row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)")
        text.line("here = (row < batch)[:, None]")
        text.line("if RAGGED:")
        # Nobody has checked lengths that the host never saw.
        text.line("    length = tl.minimum(tl.load(lengths + row, mask=row < batch, other=0), steps)")
        text.line("else:")
        text.line("    length = tl.where(row < batch, steps, 0).to(tl.int64)")
        text.line("longest = tl.max(length, 0).to(tl.int32)")
        self.declare(self._widths())
        if self.arguments.scratch:
            text.line(f"factors = scratch + row[:, None] * {self.arguments.scratch}")
        self._states_before()
        self._hold()
        outside = set(self.names)
        # Told of the loop, not of the kernel alone, stages are for all that is read, not only for factors of products.
        ahead = f", num_stages={self.form.stages}" if not self.form.chunk else ""
        text.line(f"for turn in tl.range(0, longest{ahead}):")
        text.depth += 1
        text.line(f"step = {'turn' if self.ascending else 'longest - 1 - turn'}")
        self._step()
        text.depth -= 1
        self.names = {number: name for number, name in self.names.items() if number in outside}
        self._states_after()
        return text

    # Around the loop

    def _signature(self) -> None:
        told = self.arguments
        arguments = [
            *("batch", "steps", "lengths"),
            *with_strides(told.streams),
            *self.matrices.values(),
            *self.vectors.values(),
            *with_places(len(told.states)),
            "scratch",
        ]
        self.text.function('@triton.jit(do_not_specialize=["batch", "steps"])', "kernel", arguments)

    def _widths(self) -> list[int]:
        found = [op.width for op in self.ops]
        found += [width for op in self.ops if op.kind == "product" for m in op.detail for width in _both(m)]
        return found

    def _states_before(self) -> None:
        for number, name in self._states():
            width = self.ops[number].width
            place = Place(f"before{self._index(name)} + row[:, None] * {width}", "here")
            self.text.line(f"{self.carried[name]} = {self.reading(place, 0, width)}")

    def _states_after(self) -> None:
        for number, name in self._states():
            width = self.ops[number].width
            place = Place(f"after{self._index(name)} + row[:, None] * {width}", "here")
            self.write_text(self.carried[name], place, 0, width)

    def _states(self) -> list[tuple[int, str]]:
        return [(number, name) for name, number in self.program.states.items()]

    def _index(self, state: str) -> int:
        return self.arguments.states.index(state)

    def _hold(self) -> None:
        """Reads what is the same at every step."""
        for number, op in enumerate(self.ops):
            if op.kind == "parameter":
                name, offset = op.detail
                self.read(number, Place(self.vectors[name], ""), offset, op.width)
        for op in self.ops:
            if op.kind == "product":
                for matrix in op.detail:
                    if matrix not in self.held and not in_slices(matrix, self.form):
                        self.held[matrix] = f"held{len(self.held)}"
                        self.text.line(f"{self.held[matrix]} = {matrix_tile(matrix, self.matrices[matrix.name])}")

    # A step

    def _step(self) -> None:
        text = self.text
        text.line("has = (step < length)[:, None]")
        text.line("time = length - 1 - step if REVERSE else length * 0 + step")
        for stream in self.arguments.streams:
            text.line(f"{stream}_at = {stream} + (row * {stream}_row + time * {stream}_step)[:, None]")
        for loop in self.schedule.loops:
            if loop.products:
                self.value(loop.products[0])
            for stream, offset in loop.stores:
                self.write(self.program.stores[stream, offset], Place(f"{stream}_at", "has"), offset)
        new = [(name, self.whole(number)) for number, name in self._states()]
        for name, value in new:
            text.line(f"next_{self.carried[name]} = tl.where(has, {value}, {self.carried[name]})")
        for name, _ in new:
            text.line(f"{self.carried[name]} = next_{self.carried[name]}")

    def compute(self, number: int, op: Op) -> None:
        if op.kind == "load":
            stream, offset = op.detail
            self.read(number, Place(f"{stream}_at", "has"), offset, op.width)
        elif op.kind == "state":
            self.know(number, self.carried[op.detail[0]], rows=True, units=op.width > 1)
        elif op.kind == "product":
            self._products(self.schedule.loop_of[number])
        else:
            super().compute(number, op)

    def _products(self, loop: Loop) -> None:
        """All products of a loop: those that multiply the same vector read it together."""
        sums: dict[int, str] = {}
        slices: dict[int, list[tuple[int, Matrix]]] = {}
        for number in loop.products:
            for vector, matrix in zip(self.ops[number].args, self.ops[number].detail, strict=True):
                if in_slices(matrix, self.form):
                    slices.setdefault(vector, []).append((number, matrix))
                else:
                    sums[number] = self._held_product(self._factor(vector), matrix, sums.get(number, ""))
        for vector in slices:
            self._offer(vector)
        for number in loop.products:
            start = sums.get(number) or f"tl.full((ROWS, {padded(self.ops[number].width)}), 0.0, {self.number})"
            self.define(number, start, rows=True, units=self.ops[number].width > 1)
        for vector, members in slices.items():
            self._sliced_products(vector, members)

    def _factor(self, vector: int) -> str:
        if vector not in self.factors:
            self.factors[vector] = f"factor{vector}"
            self.text.line(f"factor{vector} = {self.factor(vector, self.numbers.factor)}")
        return self.factors[vector]

    def _held_product(self, factor: str, matrix: Matrix, sum_: str) -> str:
        held = self.held[matrix]
        if min(matrix.width_in, matrix.width_out) == 1:
            # Too small for a tensor core.
            wide = f"{factor}.to({self.number})", f"{held}.to({self.number})"
            product = f"{wide[0]} * {wide[1]}"
            if matrix.width_in > 1:
                product = f"tl.sum({wide[0]} * tl.trans({wide[1]}), 1, keep_dims=True)"
            return f"{sum_} + {product}" if sum_ else product
        options = f"input_precision={self.numbers.precision!r}, out_dtype={self.number}"
        return f"tl.dot({factor}, {held}, {sum_ + ', ' if sum_ else ''}{options})"

    def _offer(self, vector: int) -> None:
        """Writes a vector to where slices of it can be read."""
        if vector in self.offsets:
            return
        self.offsets[vector] = sum(padded(self.ops[known].width) for known in self.offsets)
        width = self.ops[vector].width
        factor = self._factor(vector)
        masks = " & ".join(mask for mask in ("here", self.inside(width)) if mask)
        pointer = f"factors + {self.offsets[vector]} + unit{padded(width)}"
        # All threads have read the step before's, and then all see this one's.
        self.text.line("tl.debug_barrier()")
        self.text.line(f"tl.store({pointer}, {factor}, mask={masks})")
        self.text.line("tl.debug_barrier()")

    def _sliced_products(self, vector: int, members: list[tuple[int, Matrix]]) -> None:
        text, chunk, width = self.text, self.form.chunk, self.ops[vector].width
        masked = width % chunk != 0
        text.line(f"for start in range(0, {width}, {chunk}):")
        text.depth += 1
        text.line(f"along = start + tl.arange(0, {chunk})")
        mask = f"here & (along < {width})[None, :]" if masked else "here"
        text.line(f"slice = tl.load(factors + {self.offsets[vector]} + along[None, :], mask={mask}, other=0.0)")
        for number, matrix in members:
            tile = matrix_slice(matrix, self.matrices[matrix.name], "along[:, None]", masked=masked)
            options = f"input_precision={self.numbers.precision!r}, out_dtype={self.number}"
            text.line(f"{self.names[number]} = tl.dot(slice, {tile}, {self.names[number]}, {options})")
        text.depth -= 1


def _both(matrix: Matrix) -> tuple[int, int]:
    return matrix.width_in, matrix.width_out
