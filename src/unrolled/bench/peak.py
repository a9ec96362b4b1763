"""The most operations a second that this processor can do: independent multiply-adds in registers, nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
from llvmlite import ir

from unrolled.compiler.executable import run_kernel
from unrolled.compiler.ir_tools import BFLOAT, I64, POINTER, ZERO, declared
from unrolled.compiler.jit import Compiled, compiled
from unrolled.compiler.kernel import entry_point
from unrolled.compiler.target import Target, host

# As many sums as hide an instruction's latency on any processor and leave registers for the factors.
SUMS = 12
ROUNDS = 400_000


def peak(*, bf16: bool = False) -> float:
    """Operations a second, by all of torch's threads at once: the best of ten tries.

    Args:
        bf16: pairs of bf16 into sums of float32, rather than float32.
    """
    target, threads = host(), torch.get_num_threads()
    code = _kernel(target, bf16)
    # In pairs every lane multiplies and adds twice.
    each = 2.0 * SUMS * ROUNDS * target.lanes(False) * (2 if bf16 else 1)
    seconds = []
    for _ in range(10):
        began = time.perf_counter()
        run_kernel(code, [[ROUNDS, 0]] * threads)
        seconds.append(time.perf_counter() - began)
    return each * threads / min(seconds)


@cache
def _kernel(target: Target, bf16: bool) -> Compiled:
    return compiled(f"peak {SUMS} {bf16}", partial(_ir, target, bf16), target)


def _ir(target: Target, bf16: bool) -> str:
    module = ir.Module("unrolled peak")
    module.triple = target.triple
    work = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER]), "work")
    work.linkage = "internal"
    entry = work.append_basic_block("entry")
    body, after = work.append_basic_block("body"), work.append_basic_block("after")
    b = ir.IRBuilder(entry)
    lanes = target.lanes(False)
    vector = ir.VectorType(ir.FloatType(), lanes)
    (arguments,) = work.args
    rounds = b.load(arguments, typ=I64)
    b.branch(body)
    b.position_at_end(body)
    number = b.phi(I64)
    number.add_incoming(ZERO, entry)
    sums = [b.phi(vector) for _ in range(SUMS)]
    multiply = _pairs(module, lanes) if bf16 else _single(module, vector)
    for start, total in enumerate(sums):
        total.add_incoming(ir.Constant(vector, [ir.Constant(ir.FloatType(), 1.0 + start)] * lanes), entry)
        total.add_incoming(multiply(b, total), body)
    following = b.add(number, ir.Constant(I64, 1))
    number.add_incoming(following, body)
    b.cbranch(b.icmp_signed("<", following, rounds), body, after)
    b.position_at_end(after)
    # Stored behind the count, so that the sums are wanted.
    whole = sums[0].incomings[1][0]
    for total in sums[1:]:
        whole = b.fadd(whole, total.incomings[1][0])
    place = b.gep(arguments, [ir.Constant(I64, 1)], source_etype=I64)
    b.store(b.extract_element(whole, ir.Constant(ir.IntType(32), 0)), place)
    b.ret_void()
    entry_point(module, work)
    return str(module)


def _single(module: ir.Module, vector: Any) -> Callable[[ir.IRBuilder, Any], Any]:
    kind = ir.FunctionType(vector, [vector] * 3)
    fma = declared(module, f"llvm.fma.v{vector.count}f32", kind)
    factor = ir.Constant(vector, [ir.Constant(ir.FloatType(), 0.5)] * vector.count)
    return lambda b, total: b.call(fma, [total, factor, factor])


def _pairs(module: ir.Module, lanes: int) -> Callable[[ir.IRBuilder, Any], Any]:
    vector, pairs = ir.VectorType(ir.FloatType(), lanes), ir.VectorType(BFLOAT, 2 * lanes)
    kind = ir.FunctionType(vector, [vector, pairs, pairs])
    dot = declared(module, f"llvm.x86.avx512bf16.dpbf16ps.{32 * lanes}", kind)
    half = ir.Constant(vector, [ir.Constant(ir.FloatType(), 0.5)] * lanes)
    return lambda b, total: b.call(dot, [total, b.bitcast(half, pairs), b.bitcast(half, pairs)])
