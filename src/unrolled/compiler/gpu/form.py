"""How a whole-sequence kernel is made: how many rows a program has, how many threads, where its matrices are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from unrolled.compiler.gpu.tiles import padded
from unrolled.compiler.graph import Matrix, Op
from unrolled.compiler.schedule import Schedule

# A tensor core multiplies so many rows at once.
ROWS = 16
# Of a program; with 128 registers each, its threads take all that a processor has.
MOST_WARPS = 16


@dataclass(frozen=True, slots=True)
class Form:
    """How a whole-sequence kernel is made.

    Attributes:
        rows: of a program.
        warps: of a program, 32 threads each.
        stages: steps (or slices) in flight at once, the one in work included.
        chunk: units of a vector that a product reads at a time; 0 if matrices are held.
    """

    rows: int
    warps: int
    stages: int
    chunk: int


def forms(schedule: Schedule, factor: int, number: int, shared: int) -> list[Form]:
    """The forms that fit, the likeliest to be fast first; the last one is the smallest there is.

    Args:
        schedule: of the program.
        factor, number: bytes of each.
        shared: bytes of shared memory that a program may have.
    """
    ops = schedule.program.graph.ops
    products = [pair for op in ops if op.kind == "product" for pair in zip(op.args, op.detail, strict=True)]
    matrices = {matrix for _, matrix in products}
    held = factor * sum(padded(matrix.width_in) * padded(matrix.width_out) for matrix in matrices)
    arriving = number * ROWS * sum(padded(op.width) for op in ops if op.kind == "load")
    vectors = [factor * ROWS * padded(ops[vector].width) for vector in {vector for vector, _ in products}]
    if factor == 4:
        # Taken apart into an upper and a lower half, matrices once, before the loop, and vectors one by one.
        held, vectors = 2 * held, [2 * max(vectors, default=0)]
    # A tile on its way from the products' order of threads to that of memory.
    tile = number * ROWS * max(padded(op.width) for op in ops)
    least = held + sum(vectors) + tile
    warps = _warps(ops, factor)
    found = [Form(ROWS, warps, stages, 0) for stages in (3, 2, 1) if least + arriving * (stages - 1) <= shared]
    # All products of a loop read their slices together.
    wide = max((sum(padded(ops[n].width) for n in loop.products) for loop in schedule.loops), default=0)
    # Two programs to a processor hide each other's waiting, unless one takes all registers.
    own = shared if warps == MOST_WARPS else shared // 2
    if matrices:
        found += [
            Form(ROWS, warps, stages, chunk)
            for stages, chunk in ((3, 64), (3, 32), (2, 32), (2, 16), (1, 16))
            if factor * chunk * (wide + ROWS) * stages <= own or (stages, chunk) == (1, 16)
        ]
    return found or [Form(ROWS, warps, 1, 0)]


def worth_trying(found: Sequence[Form]) -> list[Form]:
    """Of the forms that fit, those that measurement chooses from: one of each kind, with more and fewer threads."""
    kinds = {form.chunk > 0: form for form in reversed(found)}
    first = found[0]
    others = [replace(first, warps=warps) for warps in (first.warps // 2, first.warps * 2) if 1 <= warps <= MOST_WARPS]
    # The smallest one, should all others take more than was thought.
    return list(dict.fromkeys([first, *others, *kinds.values(), found[-1]]))


def _warps(ops: Sequence[Op], factor: int) -> int:
    """Threads that hold the widest tiles in their registers."""
    widest = max(padded(op.width) for op in ops)
    # Float32 and float64 factors are taken apart, and need twice as many.
    products = any(op.kind == "product" for op in ops)
    return max(2, min(MOST_WARPS, widest // 16 * (2 if products and factor > 2 and widest >= 64 else 1)))


def in_slices(matrix: Matrix, form: Form) -> bool:
    """Whether a matrix is read slice by slice; one that is a vector never is."""
    return form.chunk > 0 and min(matrix.width_in, matrix.width_out) > 1


def sliced_vectors(ops: Sequence[Op], form: Form) -> list[int]:
    """The vectors that products read slice by slice."""
    found = (
        vector
        for op in ops
        if op.kind == "product"
        for vector, matrix in zip(op.args, op.detail, strict=True)
        if in_slices(matrix, form)
    )
    return list(dict.fromkeys(found))
