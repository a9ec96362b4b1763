"""LLVM IR of a whole kernel: all steps of all the rows that one thread carries.

Rows are in order of falling length, so that the rows which have a step `s` are always the first `active[s]`. A step
goes through the loops of the schedule, and each loop through tiles of rows and of units, in the order that suits it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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
        for number, tile in enumerate(layout.tiles):
            units = ir.Constant(I64, tile.count)

            def call(made: ir.Function, row: Any, unit: Any) -> None:
                b.call(made, [arguments, step, parity, row, unit])

            def all_units(made: ir.Function, row: Any, units: Any = units) -> None:
                with counting(b, ZERO, units) as unit:
                    call(made, row, unit)

            heights = list(zip(tile.rows, tiles[number], strict=True))
            if layout.rows_outside[number]:
                _over_rows(b, heights, rows, all_units)
            else:
                with counting(b, ZERO, units) as unit:
                    _over_rows(b, heights, rows, partial(call, unit=unit))
    b.ret_void()
    return function


def _over_rows(
    b: ir.IRBuilder, heights: list[tuple[int, ir.Function]], rows: Any, body: Callable[[ir.Function, Any], None]
) -> None:
    """All rows, as many as can be in the highest tiles, what is left in lower ones."""
    start = ZERO
    for height, made in heights:
        size = ir.Constant(I64, height)
        count = b.sdiv(b.sub(rows, start), size)
        with counting(b, ZERO, count) as number:
            body(made, b.add(start, b.mul(number, size)))
        start = b.add(start, b.mul(count, size))
