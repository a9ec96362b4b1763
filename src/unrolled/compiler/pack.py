"""Copies matrices into the order in which the tiles read them; a kernel of its own, the same for all programs.

See `layout.Group` for that order. A job is one matrix of one group, and eleven 64-bit numbers say where it lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from unrolled.compiler.ir_tools import BFLOAT, I1, I32, I64, ONE, POINTER, ZERO, counting
from unrolled.compiler.kernel import entry_point

# target, source: addresses; tile_step, k_step: in the packed matrix; units: of a tile; tiles; width: of the vector;
# unit_stride, k_stride: in the source; last: the last unit that the source has.
JOB = ("target", "source", "tile_step", "k_step", "units", "tiles", "width", "unit_stride", "k_stride", "last")


def pack_ir(*, double: bool, bf16: bool, lanes: int, triple: str) -> str:
    """The module with `void kernel(i64 first, i64 last, i64** jobs)`, which does jobs first to last.

    Args:
        double: numbers are float64 rather than float32.
        bf16: float32 becomes bf16, and pairs of neighbours in k lie side by side.
        lanes: numbers in one register.
        triple: LLVM's word for the machine.
    """
    module = ir.Module("unrolled pack")
    module.triple = triple
    element = ir.DoubleType() if double else ir.FloatType()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), "job")
    function.linkage = "internal"
    (_pair_job if bf16 else _job)(function, element, lanes)
    entry_point(module, function)
    return str(module)


def _job(function: ir.Function, element: Any, lanes: int) -> None:
    job = _Job(function, element, lanes)
    b = job.builder
    with job.registers() as (unit, into):
        side_by_side = b.icmp_signed("==", job.words["unit_stride"], ONE)
        whole = b.icmp_signed("<=", b.add(unit, ir.Constant(I64, lanes - 1)), job.words["last"])
        with b.if_else(b.and_(side_by_side, whole)) as (then, otherwise):
            with then:
                start = job.at(job.source, unit)
                with counting(b, ZERO, job.words["width"]) as k:
                    value = b.load(job.at(start, b.mul(k, job.words["k_stride"])), align=4, typ=job.vector)
                    b.store(value, job.at(into, b.mul(k, job.words["k_step"])), align=4)
            with otherwise:
                read = job.reader(unit)
                with counting(b, ZERO, job.words["width"]) as k:
                    b.store(read(k), job.at(into, b.mul(k, job.words["k_step"])), align=4)
    b.ret_void()


def _pair_job(function: ir.Function, element: Any, lanes: int) -> None:
    job = _Job(function, element, lanes)
    b, narrow = job.builder, ir.VectorType(BFLOAT, lanes)
    woven = [ir.Constant(I32, half * lanes + lane) for lane in range(lanes) for half in (0, 1)]
    last = b.sub(job.words["width"], ONE)
    pairs = b.sdiv(b.add(job.words["width"], ONE), ir.Constant(I64, 2))
    with job.registers() as (unit, into):
        read = job.reader(unit)
        with counting(b, ZERO, pairs) as pair:
            even = b.mul(pair, ir.Constant(I64, 2))
            odd = b.add(even, ONE)
            there = b.icmp_signed("<=", odd, last)
            # Past an odd width stands zero.
            second = b.select(there, read(b.select(there, odd, last)), ir.Constant(job.vector, None))
            both = [b.fptrunc(value, narrow) for value in (read(even), second)]
            value = b.shuffle_vector(*both, ir.Constant(ir.VectorType(I32, 2 * lanes), woven))
            b.store(value, job.at(into, b.mul(pair, job.words["k_step"])), align=4)
    b.ret_void()


class _Job:
    """What both kinds of job share: the words, the walk over registers of units, and reading one of them."""

    def __init__(self, function: ir.Function, element: Any, lanes: int) -> None:
        self.builder = b = ir.IRBuilder(function.append_basic_block("entry"))
        self.element, self.lanes, self.vector = element, lanes, ir.VectorType(element, lanes)
        self.words = {
            name: b.load(b.gep(function.args[0], [ir.Constant(I64, place)], source_etype=I64), typ=I64)
            for place, name in enumerate(JOB)
        }
        self.target, self.source = (b.inttoptr(self.words[name], POINTER) for name in ("target", "source"))

    def at(self, base: Any, offset: Any) -> Any:
        """The pointer to a number."""
        return self.builder.gep(base, [offset], source_etype=self.element)

    @contextmanager
    def registers(self) -> Iterator[tuple[Any, Any]]:
        """Every register of units: the number of its first unit, and where it goes for k = 0."""
        b, words, lanes = self.builder, self.words, ir.Constant(I64, self.lanes)
        with counting(b, ZERO, words["tiles"]) as tile, counting(b, ZERO, b.sdiv(words["units"], lanes)) as register:
            offset = b.mul(register, lanes)
            place = b.add(b.mul(tile, words["tile_step"]), offset)
            yield b.add(b.mul(tile, words["units"]), offset), self.at(self.target, place)

    def reader(self, unit: Any) -> Callable[[Any], Any]:
        """Reads the register that starts at a unit for any k; zero past the last unit."""
        b = self.builder
        starts, inside = [], ir.Constant(ir.VectorType(I1, self.lanes), ir.Undefined)
        for lane in range(self.lanes):
            own = b.add(unit, ir.Constant(I64, lane))
            there = b.icmp_signed("<=", own, self.words["last"])
            known = b.select(there, own, self.words["last"])
            starts.append(self.at(self.source, b.mul(known, self.words["unit_stride"])))
            inside = b.insert_element(inside, there, ir.Constant(I32, lane))

        def read(k: Any) -> Any:
            step = b.mul(k, self.words["k_stride"])
            value = ir.Constant(self.vector, ir.Undefined)
            for lane, start in enumerate(starts):
                number = b.load(self.at(start, step), align=4, typ=self.element)
                value = b.insert_element(value, number, ir.Constant(I32, lane))
            return b.select(inside, value, ir.Constant(self.vector, None))

        return read
