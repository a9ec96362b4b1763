"""A program cut at its products, for the strategy that has a library make them."""

from __future__ import annotations

from dataclasses import dataclass

from unrolled.compiler.graph import CONDITIONS, LEAVES, Matrix, Op, Program


@dataclass(frozen=True, slots=True)
class Multiply:
    """One product by the library: columns `first` to `first + width` of the factors times part of a parameter."""

    first: int
    matrix: Matrix


class Cut:
    """A program cut at its products.

    Attributes:
        depths: for every operation the segment in which it is computed; `last` is the last one.
        multiplies: for every segment the products that come before it.
        parts: product -> (which multiply of its segment, column): it is the sum of these.
        factors: vector that is multiplied -> its columns in the factors, which have `pitch` columns.
        kept: value that a later segment needs -> its columns in the scratch memory, which has `scratch` columns.
    """

    def __init__(self, program: Program) -> None:
        self.program, self.ops = program, program.graph.ops
        self.depths = _as_late_as_wanted(self.ops, _depths(self.ops))
        self.factors: dict[int, int] = {}
        self.pitch = 0
        self.parts: dict[int, list[tuple[int, int]]] = {}
        self.multiplies: list[list[Multiply]] = [[] for _ in range(max(self.depths, default=0) + 1)]
        for depth in range(len(self.multiplies)):
            self._multiplies(depth)
        self.last = len(self.multiplies) - 1
        self.kept: dict[int, int] = {}
        self.scratch = 0
        for number, op in enumerate(self.ops):
            for arg in () if op.kind == "product" else op.args:
                self._keep(arg, self.depths[number])
        for number in program.states.values():
            self._keep(number, self.last)

    def home(self, number: int) -> int:
        """The segment that a value leaves from; leaves do so late, since the first may have nothing else to do."""
        return self.last if self.ops[number].kind in LEAVES else self.depths[number]

    def _multiplies(self, depth: int) -> None:
        pairs = [
            (number, vector, matrix)
            for number, op in enumerate(self.ops)
            if op.kind == "product" and self.depths[number] == depth
            for vector, matrix in zip(op.args, op.detail, strict=True)
        ]
        made = self.multiplies[depth]
        last: tuple[int, int, Matrix] | None = None
        for number, vector, matrix in sorted(pairs, key=lambda pair: (pair[2].name, pair[2].transposed, pair[2].row)):
            if vector not in self.factors:
                self.factors[vector], self.pitch = self.pitch, self.pitch + self.ops[vector].width
            first = self.factors[vector]
            follows = last is not None and _follows(last[2], matrix)
            if follows and last is not None and not matrix.transposed and last[1] == vector:
                # More units of the same vector's product.
                whole = made[-1].matrix
                self.parts.setdefault(number, []).append((len(made) - 1, whole.rows))
                made[-1] = Multiply(first, _longer(whole, matrix))
            elif (
                follows
                and last is not None
                and matrix.transposed
                and last[0] == number
                and first == made[-1].first + made[-1].matrix.rows
            ):
                # More of the vector that the same product multiplies.
                made[-1] = Multiply(made[-1].first, _longer(made[-1].matrix, matrix))
            else:
                self.parts.setdefault(number, []).append((len(made), 0))
                made.append(Multiply(first, matrix))
            last = number, vector, matrix

    def _keep(self, number: int, depth: int) -> None:
        op = self.ops[number]
        if op.kind in CONDITIONS:
            # Computed where they are used.
            for arg in op.args:
                self._keep(arg, depth)
        elif op.kind not in LEAVES and self.depths[number] < depth and number not in self.kept:
            self.kept[number], self.scratch = self.scratch, self.scratch + op.width


def _depths(ops: list[Op]) -> list[int]:
    depths: list[int] = []
    for op in ops:
        below = max((depths[arg] for arg in op.args), default=0)
        depths.append(below + 1 if op.kind == "product" else below)
    return depths


def _as_late_as_wanted(ops: list[Op], depths: list[int]) -> list[int]:
    """The segments of values, later where a value and all that it is made of are wanted later only.

    What depends on no product would otherwise be computed before the first, and wait in memory for where it is used:
    of an LSTM its input with the bias, the one thing to do there.
    """
    wanted = [max(depths, default=0)] * len(ops)
    for number in reversed(range(len(ops))):
        op = ops[number]
        before = depths[number] - 1 if op.kind == "product" else wanted[number]
        for arg in op.args:
            wanted[arg] = min(wanted[arg], before)
    late: list[int] = []
    for number, op in enumerate(ops):
        args = [late[arg] for arg in op.args if ops[arg].kind not in LEAVES]
        if op.kind == "product":
            late.append(depths[number])
        elif op.kind not in LEAVES and all(depth == wanted[number] for depth in args):
            late.append(wanted[number])
        else:
            late.append(max(args, default=0))
    return late


def _follows(one: Matrix, other: Matrix) -> bool:
    return (one.name, one.row + one.rows, one.transposed) == (other.name, other.row, other.transposed)


def _longer(one: Matrix, other: Matrix) -> Matrix:
    return Matrix(one.name, one.row, one.rows + other.rows, one.columns, one.transposed)
