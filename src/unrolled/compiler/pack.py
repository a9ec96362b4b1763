"""Copies matrices into the order in which the tiles read them; a kernel of its own, the same for all programs.

See `layout.Group` for that order. A job is one matrix of one group, and eleven 64-bit numbers say where it lies.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from unrolled.compiler.emit import I1, I32, I64, POINTER
from unrolled.compiler.kernel import ONE, ZERO, counting, entry_point

# target, source: addresses; tile_step, k_step: in the packed matrix; units: of a tile; tiles; width: of the vector;
# unit_stride, k_stride: in the source; last: the last unit that the source has.
JOB = ("target", "source", "tile_step", "k_step", "units", "tiles", "width", "unit_stride", "k_stride", "last")


def pack_ir(*, double: bool, lanes: int, triple: str) -> str:
    """The module with `void kernel(i64 first, i64 last, i64** jobs)`, which does jobs first to last.

    Args:
        double: numbers are float64 rather than float32.
        lanes: numbers in one register.
        triple: LLVM's word for the machine.
    """
    module = ir.Module("unrolled pack")
    module.triple = triple
    element = ir.DoubleType() if double else ir.FloatType()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), "job")
    function.linkage = "internal"
    _job(function, element, lanes)
    entry_point(module, function)
    return str(module)


def _job(function: ir.Function, element: Any, lanes: int) -> None:
    b = ir.IRBuilder(function.append_basic_block("entry"))
    vector = ir.VectorType(element, lanes)
    words = [
        b.load(b.gep(function.args[0], [ir.Constant(I64, place)], source_etype=I64), typ=I64)
        for place in range(len(JOB))
    ]
    job = dict(zip(JOB, words, strict=True))
    target, source = b.inttoptr(job["target"], POINTER), b.inttoptr(job["source"], POINTER)
    width = ir.Constant(I64, lanes)

    def at(base: Any, offset: Any) -> Any:
        return b.gep(base, [offset], source_etype=element)

    with counting(b, ZERO, job["tiles"]) as tile, counting(b, ZERO, b.sdiv(job["units"], width)) as register:
        unit = b.add(b.mul(tile, job["units"]), b.mul(register, width))
        into = at(target, b.add(b.mul(tile, job["tile_step"]), b.mul(register, width)))
        side_by_side = b.icmp_signed("==", job["unit_stride"], ONE)
        whole = b.icmp_signed("<=", b.add(unit, ir.Constant(I64, lanes - 1)), job["last"])
        with b.if_else(b.and_(side_by_side, whole)) as (then, otherwise):
            with then:
                start = at(source, unit)
                with counting(b, ZERO, job["width"]) as k:
                    value = b.load(at(start, b.mul(k, job["k_stride"])), align=4, typ=vector)
                    b.store(value, at(into, b.mul(k, job["k_step"])), align=4)
            with otherwise:
                # One source a lane; past the last unit the last one's, of which zero is kept.
                starts, inside = [], ir.Constant(ir.VectorType(I1, lanes), ir.Undefined)
                for lane in range(lanes):
                    own = b.add(unit, ir.Constant(I64, lane))
                    there = b.icmp_signed("<=", own, job["last"])
                    starts.append(at(source, b.mul(b.select(there, own, job["last"]), job["unit_stride"])))
                    inside = b.insert_element(inside, there, ir.Constant(I32, lane))
                with counting(b, ZERO, job["width"]) as k:
                    step = b.mul(k, job["k_stride"])
                    value = ir.Constant(vector, ir.Undefined)
                    for lane, start in enumerate(starts):
                        number = b.load(at(start, step), align=4, typ=element)
                        value = b.insert_element(value, number, ir.Constant(I32, lane))
                    kept = b.select(inside, value, ir.Constant(vector, None))
                    b.store(kept, at(into, b.mul(k, job["k_step"])), align=4)
    b.ret_void()
