"""LLVM IR of one tile of a loop: some rows by some registers of units.

The products come first: accumulators in registers, a broadcast element of each row's vector times the packed
matrices. Everything pointwise follows on the same registers, and only what is wanted elsewhere is written.

The kernel's own memory is padded to whole registers, and read and written whole; what the caller owns ends where its
width ends, and is read and written under a mask. So is everything where a tile goes on past the last register.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from llvmlite import ir

from unrolled.compiler.gradient import round_up
from unrolled.compiler.graph import BINARY, CONDITIONS, Op
from unrolled.compiler.ir_tools import BFLOAT, I32, I64, POINTER, ZERO, counting, declared
from unrolled.compiler.layout import COMPACT, Group, Layout
from unrolled.compiler.lockstep import Lockstep, Pack
from unrolled.compiler.schedule import Loop, Schedule
from unrolled.compiler.vector_math import VectorMath

OWN_STREAMS = ("saved",)
COMPARE = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "=="}
ARITHMETIC = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}


@dataclass(frozen=True, slots=True)
class _Factors:
    """How a sum of products runs: `count` times, `multiply(weights, spread element of a vector, sum)`."""

    element: Any
    count: int
    vectors: list[Any]
    multiply: Callable[[Any, Any, Any], Any]


class TileEmitter:
    """Emits `void tile(i64* arguments, i64 step, i64 parity, i64 row, i64 tile)`.

    Args:
        module: where the function goes.
        schedule, layout: of the program.
        loop: which loop of the schedule.
        rows: of the tile.
        element: ir.FloatType() or ir.DoubleType().
    """

    def __init__(
        self, module: ir.Module, schedule: Schedule, layout: Layout, loop: Loop, rows: int, element: Any
    ) -> None:
        self.schedule, self.layout, self.loop, self.rows = schedule, layout, loop, rows
        self.program = schedule.program
        self.ops = schedule.program.graph.ops
        self.index = schedule.loops.index(loop)
        self.tile = layout.tiles[self.index]
        self.element, self.lanes = element, layout.lanes
        self.bytes = 8 if isinstance(element, ir.DoubleType) else 4
        kind = ir.FunctionType(ir.VoidType(), [POINTER, I64, I64, I64, I64])
        self.function = ir.Function(module, kind, f"tile_{self.index}_{rows}")
        self.function.linkage = "internal"
        self.function.args[0].add_attribute("noalias")
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.math = VectorMath(Lockstep(self.builder), element, self.lanes)
        self.values: dict[Any, Any] = {}
        # What is the same for all rows is computed once.
        self.shared: set[int] = set()
        for number, op in enumerate(self.ops):
            if op.kind in ("parameter", "constant") or (op.args and self.shared.issuperset(op.args)):
                self.shared.add(number)
        end = self.tile.count * self.tile.units
        self.ragged = end != loop.width
        self.overflowing = end != round_up(loop.width, self.lanes)

    def emit(self) -> ir.Function:
        """The whole tile."""
        b = self.builder
        self.arguments, self.step, self.parity, self.row, self.unit_tile = self.function.args
        self.first_unit = b.mul(self.unit_tile, ir.Constant(I64, self.tile.units))
        self.masks = [self._mask(register) for register in range(self.tile.registers)]
        if self.loop.products:
            self._announce()
            if self.layout.bf16:
                self._converted()
            self._products()
        for register in range(self.tile.registers):
            self._results(register)
        self._totals()
        b.ret_void()
        return self.function

    # What the kernel is told

    def argument(self, name: str) -> Any:
        """One of the 64-bit arguments."""
        if ("argument", name) not in self.values:
            place = self.builder.gep(self.arguments, [ir.Constant(I64, self.layout.arguments[name])], source_etype=I64)
            self.values["argument", name] = self.builder.load(place, typ=I64)
        return self.values["argument", name]

    def address(self, base: Any, offset: Any) -> Any:
        """The pointer to a number at an offset (in numbers) from an address."""
        b = self.builder
        return b.gep(b.inttoptr(base, POINTER), [offset], source_etype=self.element)

    def stream_row(self, stream: str, row: int) -> Any:
        """Offset of this step of a row in a stream."""
        key = ("stream", stream, row)
        if key not in self.values:
            b = self.builder
            if stream in COMPACT:
                place = self.stream_row("compact", row)
                self.values[key] = b.mul(place, ir.Constant(I64, self.program.pitches[stream]))
            else:
                rows = b.inttoptr(self.argument(f"{stream} rows"), POINTER)
                place = b.gep(rows, [b.add(self.row, ir.Constant(I64, row))], source_etype=I64)
                start = b.load(place, typ=I64)
                self.values[key] = b.add(start, b.mul(self.step, self.argument(f"{stream} stride")))
        return self.values[key]

    def own_row(self, name: str, row: int, pitch: int, parity: Any = None) -> Any:
        """Offset of a row in the kernel's own memory; states have two halves, by parity."""
        key = ("own", name, row, parity)
        if key not in self.values:
            b = self.builder
            number = b.add(self.row, ir.Constant(I64, row))
            if parity is not None:
                number = b.add(number, b.mul(parity, self.argument("capacity")))
            self.values[key] = b.mul(number, ir.Constant(I64, pitch))
        return self.values[key]

    def place(self, where: str, detail: Any, row: int) -> Any:
        """The pointer to unit 0 of a vector of a row."""
        b = self.builder
        if where == "state":
            parity = b.xor(self.parity, ir.Constant(I64, 1)) if detail[1] else self.parity
            key = ("parity", detail[1])
            parity = self.values.setdefault(key, parity)
            start = self.own_row("states", row, self.layout.state_pitch, parity)
            return self.address(self.argument("states"), b.add(start, ir.Constant(I64, self.layout.states[detail[0]])))
        if where == "scratch":
            start = self.own_row("scratch", row, self.layout.scratch_pitch)
            return self.address(self.argument("scratch"), b.add(start, ir.Constant(I64, self.layout.scratch[detail])))
        start = self.stream_row(where, row)
        return self.address(self.argument(f"{where} base"), b.add(start, ir.Constant(I64, detail)))

    # Reading and writing registers

    def _mask(self, register: int) -> Any:
        if not self.ragged:
            return None
        b = self.builder
        lane = ir.Constant(ir.VectorType(I64, self.lanes), [ir.Constant(I64, i) for i in range(self.lanes)])
        left = b.sub(ir.Constant(I64, self.loop.width - register * self.lanes), self.first_unit)
        return b.icmp_signed("<", lane, self._splat(left, I64))

    def _splat(self, value: Any, element: Any) -> Any:
        b, kind = self.builder, ir.VectorType(element, self.lanes)
        one = b.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(I32, 0))
        zeros = ir.Constant(ir.VectorType(I32, self.lanes), [ir.Constant(I32, 0)] * self.lanes)
        return b.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)

    def _unit_pointer(self, pointer: Any, register: int) -> Any:
        b = self.builder
        offset = b.add(self.first_unit, ir.Constant(I64, register * self.lanes))
        return b.gep(pointer, [offset], source_etype=self.element)

    def load(self, pointer: Any, register: int, *, masked: bool) -> Any:
        """A register of a vector."""
        b, pointer = self.builder, self._unit_pointer(pointer, register)
        mask = self.masks[register] if masked or self.overflowing else None
        if mask is None:
            return b.load(pointer, align=self.bytes, typ=self.math.vector)
        kind = ir.FunctionType(self.math.vector, [POINTER, I32, mask.type, self.math.vector])
        function = declared(self.builder.module, f"llvm.masked.load.{self._suffix()}.p0", kind)
        nothing = ir.Constant(self.math.vector, None)
        return b.call(function, [pointer, ir.Constant(I32, self.bytes), mask, nothing])

    def store(self, value: Any, pointer: Any, register: int, *, masked: bool) -> None:
        """Writes a register of a vector."""
        b, pointer = self.builder, self._unit_pointer(pointer, register)
        mask = self.masks[register] if masked or self.overflowing else None
        if mask is None:
            b.store(value, pointer, align=self.bytes)
            return
        kind = ir.FunctionType(ir.VoidType(), [self.math.vector, POINTER, I32, mask.type])
        function = declared(self.builder.module, f"llvm.masked.store.{self._suffix()}.p0", kind)
        b.call(function, [value, pointer, ir.Constant(I32, self.bytes), mask])

    def _suffix(self) -> str:
        return f"v{self.lanes}f{8 * self.bytes}"

    # Products

    def _products(self) -> None:
        b, tile = self.builder, self.tile
        zero = self.math.constant(0.0)
        sums = [zero] * (len(self.loop.products) * self.rows * tile.registers)

        def slot(product: int, row: int, register: int) -> int:
            return (product * self.rows + row) * tile.registers + register

        for number, group in enumerate(self.layout.groups[self.index]):
            factors = self._factors(number, group)
            k_size = len(group.members) * tile.units
            packed = b.gep(
                b.inttoptr(self.argument(f"packed {self.index} {number}"), POINTER),
                [b.mul(self.unit_tile, ir.Constant(I64, k_size * factors.count))],
                source_etype=factors.element,
            )
            before = b.block
            body = self.function.append_basic_block(f"product_{number}")
            after = self.function.append_basic_block(f"after_{number}")
            b.branch(body)
            b.position_at_end(body)
            k = b.phi(I64)
            k.add_incoming(ZERO, before)
            running = [b.phi(self.math.vector) for _ in sums]
            for phi, value in zip(running, sums, strict=True):
                phi.add_incoming(value, before)
            new: list[Any] = list(running)
            start = b.gep(packed, [b.mul(k, ir.Constant(I64, k_size))], source_etype=factors.element)
            spread = [
                self._splat(b.load(b.gep(v, [k], source_etype=factors.element), typ=factors.element), factors.element)
                for v in factors.vectors
            ]
            for member, (product, _) in enumerate(group.members):
                for register in range(tile.registers):
                    offset = ir.Constant(I64, member * tile.units + register * self.lanes)
                    pointer = b.gep(start, [offset], source_etype=factors.element)
                    kind = ir.VectorType(factors.element, self.lanes)
                    weights = b.load(pointer, align=self.bytes, typ=kind)
                    for row in range(self.rows):
                        place = slot(product, row, register)
                        new[place] = factors.multiply(weights, spread[row], new[place])
            next_k = b.add(k, ir.Constant(I64, 1))
            k.add_incoming(next_k, body)
            for phi, value in zip(running, new, strict=True):
                phi.add_incoming(value, body)
            b.cbranch(b.icmp_signed("<", next_k, ir.Constant(I64, factors.count)), body, after)
            b.position_at_end(after)
            sums = new
        for product, op in enumerate(self.loop.products):
            for register in range(tile.registers):
                self.values[op, register] = Pack(sums[slot(product, row, register)] for row in range(self.rows))

    def _factors(self, number: int, group: Group) -> _Factors:
        """What the products of a group multiply: numbers, or pairs of bf16."""
        if not self.layout.bf16:
            vectors = [self._vector(group, row) for row in range(self.rows)]
            return _Factors(self.element, group.width, vectors, self.math.fma)
        vectors = [self._converted_place(number, row) for row in range(self.rows)]
        return _Factors(I32, -(-group.width // 2), vectors, self._multiply_pairs)

    def _vector(self, group: Group, row: int) -> Any:
        """The pointer to the vector that a group's products multiply."""
        where, found = self.schedule.readable[group.vector]
        return self.place(where, (self.ops[group.vector].detail[0], False) if where == "state" else found, row)

    # Products of bf16 pairs

    def _converted_place(self, number: int, row: int) -> Any:
        start = self.own_row("converted", row, self.layout.converted_pitch)
        offset = ir.Constant(I64, self.layout.converted[self.index][number])
        b = self.builder
        return b.gep(b.inttoptr(self.argument("converted"), POINTER), [b.add(start, offset)], source_etype=BFLOAT)

    def _converted(self) -> None:
        """The first tile of units rounds its rows' vectors to bf16; the others find them so."""
        b = self.builder
        narrow = ir.VectorType(BFLOAT, self.lanes)
        lane = ir.Constant(ir.VectorType(I64, self.lanes), [ir.Constant(I64, i) for i in range(self.lanes)])
        kind = ir.FunctionType(
            self.math.vector, [POINTER, I32, ir.VectorType(ir.IntType(1), self.lanes), self.math.vector]
        )
        load = declared(b.module, f"llvm.masked.load.{self._suffix()}.p0", kind)
        nothing = ir.Constant(self.math.vector, None)
        # Made before the branch, since they are used after it too.
        places = [
            (group, self._vector(group, row), self._converted_place(number, row))
            for number, group in enumerate(self.layout.groups[self.index])
            for row in range(self.rows)
        ]
        with b.if_then(b.icmp_signed("==", self.unit_tile, ZERO)):
            for group, source, target in places:
                blocks = ir.Constant(I64, -(-group.width // self.lanes))
                with counting(b, ZERO, blocks) as block:
                    first = b.mul(block, ir.Constant(I64, self.lanes))
                    left = b.sub(ir.Constant(I64, group.width), first)
                    mask = b.icmp_signed("<", lane, self._splat(left, I64))
                    pointer = b.gep(source, [first], source_etype=self.element)
                    value = b.call(load, [pointer, ir.Constant(I32, self.bytes), mask, nothing])
                    b.store(b.fptrunc(value, narrow), b.gep(target, [first], source_etype=BFLOAT), align=2)

    def _multiply_pairs(self, a: Any, b: Any, c: Any) -> Any:
        pairs = ir.VectorType(BFLOAT, 2 * self.lanes)
        kind = ir.FunctionType(self.math.vector, [self.math.vector, pairs, pairs])
        function = declared(self.builder.module, f"llvm.x86.avx512bf16.dpbf16ps.{32 * self.lanes}", kind)
        return self.builder.call(function, [c, self.builder.bitcast(a, pairs), self.builder.bitcast(b, pairs)])

    def _announce(self) -> None:
        """Asks for the lines that this tile will write, which arrive while it multiplies."""
        b = self.builder
        kind = ir.FunctionType(ir.VoidType(), [POINTER, I32, I32, I32])
        prefetch = declared(b.module, "llvm.prefetch.p0", kind)
        for stream, offset in self.loop.stores:
            if stream == "saved":
                for row in range(self.rows):
                    for register in range(self.tile.registers):
                        pointer = self._unit_pointer(self.place(stream, offset, row), register)
                        b.call(prefetch, [pointer, *(ir.Constant(I32, number) for number in (1, 3, 1))])

    # Everything pointwise, for all rows of the tile side by side

    def value(self, number: int, register: int) -> Any:
        """The registers that hold an operation's result, one a row, or the one that is the same for all."""
        op = self.ops[number]
        if op.width == 1:
            register = 0
        key = (number, register)
        if key not in self.values:
            self.values[key] = self._computed(number, op, register)
        return self.values[key]

    def _computed(self, number: int, op: Op, register: int) -> Any:
        home = self.schedule.loop_of.get(number)
        if home is not None and (home is not self.loop or op.kind == "sum"):
            return self._read("scratch", number, op.width, register, masked=False)
        if op.kind == "constant":
            return self.math.constant(op.detail[0])
        if op.kind == "parameter":
            name, offset = op.detail
            pointer = self.address(self.argument(f"vector {name}"), ir.Constant(I64, offset))
            return self._load(pointer, op.width, register, masked=True)
        if op.kind == "state":
            return self._read("state", (op.detail[0], False), op.width, register, masked=False)
        if op.kind == "load":
            stream, offset = op.detail
            return self._read(stream, offset, op.width, register, masked=stream not in OWN_STREAMS)
        return self._applied(op.kind, [self.value(arg, register) for arg in op.args])

    def _read(self, where: str, detail: Any, width: int, register: int, *, masked: bool) -> Pack:
        places = [self.place(where, detail, row) for row in range(self.rows)]
        return Pack(self._load(place, width, register, masked=masked) for place in places)

    def _load(self, pointer: Any, width: int, register: int, *, masked: bool) -> Any:
        if width == 1:
            return self._splat(self.builder.load(pointer, align=self.bytes, typ=self.element), self.element)
        return self.load(pointer, register, masked=masked)

    def _applied(self, kind: str, args: list[Any]) -> Any:
        b, math = self.math.builder, self.math
        if kind in ARITHMETIC:
            return getattr(b, ARITHMETIC[kind])(*args, flags=("contract",))
        if kind in CONDITIONS:
            return b.fcmp_ordered(COMPARE[kind], *args)
        if kind in BINARY:
            # Of a number and NaN, NaN, as torch has it.
            chosen = b.select(b.fcmp_ordered(">" if kind == "maximum" else "<", *args), *args)
            return b.select(b.fcmp_unordered("uno", args[0], args[0]), args[0], chosen)
        simple = {
            "select": lambda: b.select(*args),
            "neg": lambda: b.fneg(args[0]),
            "relu": lambda: math.larger(args[0], math.constant(0.0)),
            "sqrt": lambda: math.call("sqrt", args[0]),
        }
        return simple[kind]() if kind in simple else getattr(math, kind)(*args)

    # Results

    def _results(self, register: int) -> None:
        for name in self.loop.states:
            self._write(self.program.states[name], "state", (name, True), register, masked=False)
        for stream, offset in self.loop.stores:
            number = self.program.stores[stream, offset]
            self._write(number, stream, offset, register, masked=stream not in OWN_STREAMS)
        for number in self.loop.kept:
            self._write(number, "scratch", number, register, masked=False)
        if register == self.tile.registers - 1:
            for number in self.loop.sums:
                self._sum(number)

    def _write(self, number: int, where: str, detail: Any, register: int, *, masked: bool) -> None:
        for row, value in enumerate(self._each(number, register)):
            self._store(value, self.place(where, detail, row), register, masked=masked)

    def _each(self, number: int, register: int) -> Sequence[Any]:
        value = self.value(number, register)
        return value if isinstance(value, Pack) else [value] * self.rows

    def _store(self, value: Any, pointer: Any, register: int, *, masked: bool) -> None:
        if self.loop.width == 1:
            first = self.builder.extract_element(value, ir.Constant(I32, 0))
            self.builder.store(first, pointer, align=self.bytes)
        else:
            self.store(value, pointer, register, masked=masked)

    def _inside(self, value: Any, register: int) -> Any:
        mask = self.masks[register]
        return value if mask is None else self.builder.select(mask, value, self.math.constant(0.0))

    def _sum(self, number: int) -> None:
        b, (arg,) = self.builder, self.ops[number].args
        name = f"llvm.vector.reduce.fadd.{self._suffix()}"
        kind = ir.FunctionType(self.element, [self.element, self.math.vector])
        function = declared(b.module, name, kind)
        for row in range(self.rows):
            parts = [self._inside(self._each(arg, r)[row], r) for r in range(self.tile.registers)]
            whole = reduce(b.fadd, parts)
            part = b.call(function, [ir.Constant(self.element, 0.0), whole], fastmath=("reassoc",))
            pointer = self.place("scratch", number, row)
            before = b.load(pointer, align=self.bytes, typ=self.element)
            first = b.icmp_signed("==", self.unit_tile, ir.Constant(I64, 0))
            b.store(b.fadd(part, b.select(first, ir.Constant(self.element, 0.0), before)), pointer, align=self.bytes)

    def _totals(self) -> None:
        b = self.builder
        for name, offset in self.loop.totals:
            pointer = self.address(self.argument("totals"), ir.Constant(I64, self.layout.totals[name][0] + offset))
            for register in range(self.tile.registers):
                # Where one part ends the next begins.
                before = self._load(pointer, self.loop.width, register, masked=True)
                total = reduce(b.fadd, self._each(self.program.totals[name, offset], register), before)
                self._store(total, pointer, register, masked=True)
