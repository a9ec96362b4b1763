"""LLVM IR of a whole kernel: all steps of all the rows that one thread carries.

Rows are in order of falling length, so that the rows which have a step `s` are always the first `active[s]`. A step
goes through the loops of the schedule; in each, tiles of units outside and tiles of rows inside, so that a tile's
matrices stay in the nearest cache while the rows pass by.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from unrolled.compiler.emit import TileEmitter
from unrolled.compiler.ir_tools import I64, ONE, POINTER, ZERO, counting
from unrolled.compiler.layout import Layout
from unrolled.compiler.schedule import Schedule


def kernel_ir(schedule: Schedule, layout: Layout, *, double: bool, ascending: bool, triple: str) -> str:
    """The module with `void kernel(i64 first, i64 last, i64** arguments)`, which runs threads first to last.

    Args:
        schedule, layout: of the program.
        double: numbers are float64 rather than float32.
        ascending: steps run from the first to the last (the forward program), or back.
        triple: LLVM's word for the machine.
    """
    module = ir.Module("unrolled")
    module.triple = triple
    element = ir.DoubleType() if double else ir.FloatType()
    tiles = [
        [TileEmitter(module, schedule, layout, loop, rows, element).emit() for rows in tile.rows]
        for loop, tile in zip(schedule.loops, layout.tiles, strict=True)
    ]
    entry_point(module, _thread(module, layout, tiles, ascending=ascending))
    return str(module)


def entry_point(module: ir.Module, work: ir.Function) -> None:
    """Adds `void kernel(i64 first, i64 last, i64** lists)`, which calls `work` for the lists first to last."""
    entry = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64, I64, POINTER]), "kernel")
    b = ir.IRBuilder(entry.append_basic_block("entry"))
    first, last, lists = entry.args
    with counting(b, first, last) as number:
        place = b.gep(lists, [number], source_etype=I64)
        b.call(work, [b.inttoptr(b.load(place, typ=I64), POINTER)])
    b.ret_void()


def _thread(module: ir.Module, layout: Layout, tiles: list[list[ir.Function]], *, ascending: bool) -> ir.Function:
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), "thread")
    function.linkage = "internal"
    (arguments,) = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))

    def argument(name: str) -> Any:
        place = b.gep(arguments, [ir.Constant(I64, layout.arguments[name])], source_etype=I64)
        return b.load(place, typ=I64)

    steps, active = argument("steps"), b.inttoptr(argument("active"), POINTER)
    with counting(b, ZERO, steps) as turn:
        step = turn if ascending else b.sub(b.sub(steps, turn), ONE)
        # The half of the states that is read: written by the step before, in the order of computation.
        parity = b.and_(step if ascending else b.add(step, ONE), ONE)
        rows = b.load(b.gep(active, [step], source_etype=I64), typ=I64)
        for tile, functions in zip(layout.tiles, tiles, strict=True):

            def over_rows(unit: Any, tile: Any = tile, functions: Any = functions) -> None:
                start = ZERO
                for height, made in zip(tile.rows, functions, strict=True):
                    size = ir.Constant(I64, height)
                    count = b.sdiv(b.sub(rows, start), size)
                    with counting(b, ZERO, count) as number:
                        row = b.add(start, b.mul(number, size))
                        b.call(made, [arguments, step, parity, row, unit])
                    start = b.add(start, b.mul(count, size))

            _over_units(b, tile.count, over_rows)
    b.ret_void()
    return function


def _over_units(b: ir.IRBuilder, count: int, body: Callable[[Any], None]) -> None:
    with counting(b, ZERO, ir.Constant(I64, count)) as unit:
        body(unit)
