"""The innermost step of training: a few input rows against a few output rows, as three small matrix products.

Word2vec trains pairs. All contexts of a window can share one word and its negatives, and then the pairs are a matrix
(Ji, Satish, Li, Dubey 2016, arXiv:1604.04661): logits X = I O', gradients G = lr (labels - sigmoid(X)), and then
I += G O and O += G' I. A tile does this for `rows` inputs and `columns` outputs with every sum in a register, reads
each row twice and writes it once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.polynomial import Chebyshev, Polynomial

from unrolled.compiler.vector_math import VectorMath

FLOAT, INT = ir.FloatType(), ir.IntType(64)
POINTER = FLOAT.as_pointer()
# log(1 + u) for u from 0 to 1, within 3e-6: it is only looked at, never learned from.
LOG1P_DEGREE = 6


@dataclass(frozen=True)
class Shape:
    """How rows lie in memory and in registers.

    Attributes:
        pitch: numbers from row to row, a multiple of lanes.
        lanes: numbers in a register.
        biased: whether each output has a bias to learn and a fixed offset, as noise-contrastive estimation needs.
    """

    pitch: int
    lanes: int
    biased: bool


def integer(value: int) -> Any:
    """A constant of 64 bits."""
    return ir.Constant(INT, value)


def loop(b: ir.IRBuilder, count: Any, carried: list[Any], step: Any) -> list[Any]:
    """Emits `carried = step(i, carried)` for i from 0 to below count, which is at least 1."""
    before, body, after = b.block, b.append_basic_block("loop"), b.append_basic_block("done")
    b.branch(body)
    b.position_at_end(body)
    i = b.phi(INT)
    i.add_incoming(integer(0), before)
    phis = [b.phi(value.type) for value in carried]
    for phi, value in zip(phis, carried, strict=True):
        phi.add_incoming(value, before)
    results = step(i, phis)
    following = b.add(i, integer(1))
    i.add_incoming(following, b.block)
    for phi, value in zip(phis, results, strict=True):
        phi.add_incoming(value, b.block)
    b.cbranch(b.icmp_signed("<", following, count), body, after)
    b.position_at_end(after)
    return list(results)


def tile(module: ir.Module, shape: Shape, rows: int, columns: int) -> ir.Function:
    """A function that trains `rows` inputs on `columns` outputs.

    Its arguments: addresses of the input rows, addresses of the output rows, 1.0 if the first output is the word
    itself (0.0 if all are noise), the learning rate, a register's worth of loss to add to, and where the shape is
    biased the addresses of the biases and of the offsets.
    """
    name = f"tile_{rows}_{columns}"
    if name in module.globals:
        return module.globals[name]
    lists = POINTER.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [lists, lists, FLOAT, FLOAT, POINTER, lists, lists])
    function = ir.Function(module, kind, name)
    function.linkage = "internal"
    b = ir.IRBuilder(function.append_basic_block("entry"))
    emitter = _Tile(b, shape, rows, columns)
    inputs, outputs, positive, rate, loss, biases, offsets = function.args
    ins = [b.load(b.gep(inputs, [integer(row)])) for row in range(rows)]
    outs = [b.load(b.gep(outputs, [integer(column)])) for column in range(columns)]
    logits = emitter.products(ins, outs)
    if shape.biased:
        where = [b.load(b.gep(biases, [integer(column)])) for column in range(columns)]
        fixed = [b.load(b.gep(offsets, [integer(column)])) for column in range(columns)]
        bias = [b.fadd(b.load(one), b.load(two)) for one, two in zip(where, fixed, strict=True)]
        logits = emitter.shifted(logits, bias)
    gradients = emitter.gradients(logits, positive, rate, loss)
    emitter.update(ins, outs, gradients)
    if shape.biased:
        for column, place in enumerate(where):
            total = b.load(place)
            for row in range(rows):
                total = b.fadd(total, gradients[row][column])
            b.store(total, place)
    b.ret_void()
    return function


class _Tile:
    """Emits the parts of a tile; logits lie row after row in as many registers as they need."""

    def __init__(self, b: ir.IRBuilder, shape: Shape, rows: int, columns: int) -> None:
        self.b, self.shape, self.rows, self.columns = b, shape, rows, columns
        self.math = VectorMath(b, FLOAT, shape.lanes)
        self.chunks = integer(shape.pitch // shape.lanes)
        self.registers = -(-rows * columns // shape.lanes)

    def products(self, ins: list[Any], outs: list[Any]) -> list[Any]:
        """The logits: every input times every output."""

        def step(k: Any, sums: list[Any]) -> list[Any]:
            right = [self._load(pointer, k) for pointer in outs]
            made = []
            for row, pointer in enumerate(ins):
                left = self._load(pointer, k)
                own = sums[row * self.columns : (row + 1) * self.columns]
                made += [self.math.fma(left, other, total) for other, total in zip(right, own, strict=True)]
            return made

        zero = self.math.constant(0.0)
        sums = loop(self.b, self.chunks, [zero] * (self.rows * self.columns), step)
        lanes = self.shape.lanes
        sums += [zero] * (self.registers * lanes - len(sums))
        return [self._totals(sums[first : first + lanes]) for first in range(0, len(sums), lanes)]

    def shifted(self, logits: list[Any], bias: list[Any]) -> list[Any]:
        """Logits plus one number for each output."""
        made = []
        for register, vector in enumerate(logits):
            added = self.math.constant(0.0)
            for lane in range(self.shape.lanes):
                place = register * self.shape.lanes + lane
                if place < self.rows * self.columns:
                    added = self.b.insert_element(added, bias[place % self.columns], ir.Constant(ir.IntType(32), lane))
            made.append(self.b.fadd(vector, added))
        return made

    def gradients(self, logits: list[Any], positive: Any, rate: Any, loss: Any) -> list[list[Any]]:
        """The gradients lr (label - sigmoid(logit)); the loss is added to where it is kept."""
        b, math, lanes = self.b, self.math, self.shape.lanes
        total = self._vector(loss, None)
        flat: list[Any] = []
        one, zero = math.constant(1.0), math.constant(0.0)
        for register, x in enumerate(logits):
            places = range(register * lanes, (register + 1) * lanes)
            first = [float(place % self.columns == 0) for place in places]
            used = [float(place < self.rows * self.columns) for place in places]
            label = b.fmul(self._spread(positive), self._numbers(first))
            u = math.exp(b.fneg(math.call("fabs", x)))
            share = b.fdiv(one, b.fadd(one, u))
            sigmoid = b.select(b.fcmp_ordered(">", x, zero), share, b.fmul(u, share))
            gradient = b.fmul(b.fsub(label, sigmoid), self._spread(rate))
            # softplus(x) for noise, softplus(-x) = softplus(x) - x for the word itself.
            own = b.fsub(b.fadd(math.larger(x, zero), self._log1p(u)), b.fmul(label, x))
            total = math.fma(own, self._numbers(used), total)
            flat += [b.extract_element(gradient, ir.Constant(ir.IntType(32), lane)) for lane in range(lanes)]
        self._store(total, loss, None)
        return [flat[row * self.columns : (row + 1) * self.columns] for row in range(self.rows)]

    def update(self, ins: list[Any], outs: list[Any], gradients: list[list[Any]]) -> None:
        """Moves inputs by outputs and outputs by inputs, each as they were before."""
        weights = [[self._spread(one) for one in row] for row in gradients]

        def step(k: Any, _: list[Any]) -> list[Any]:
            right = [self._load(pointer, k) for pointer in outs]
            moved = list(right)
            for row, pointer in enumerate(ins):
                left = new = self._load(pointer, k)
                for column, other in enumerate(right):
                    new = self.math.fma(weights[row][column], other, new)
                    moved[column] = self.math.fma(weights[row][column], left, moved[column])
                self._store(new, pointer, k)
            for pointer, value in zip(outs, moved, strict=True):
                self._store(value, pointer, k)
            return []

        loop(self.b, self.chunks, [], step)

    def _totals(self, vectors: list[Any]) -> Any:
        """Lane i of the result is the sum of vector i: neighbours are added until each vector is one number."""
        lanes = self.shape.lanes
        index = ir.VectorType(ir.IntType(32), lanes)
        even = ir.Constant(index, [2 * lane for lane in range(lanes)])
        odd = ir.Constant(index, [2 * lane + 1 for lane in range(lanes)])
        while len(vectors) > 1:
            pairs = zip(vectors[::2], vectors[1::2], strict=True)
            shuffle = self.b.shuffle_vector
            vectors = [self.b.fadd(shuffle(a, c, even), shuffle(a, c, odd)) for a, c in pairs]
        return vectors[0]

    def _log1p(self, u: Any) -> Any:
        series = Chebyshev.interpolate(np.log1p, LOG1P_DEGREE, domain=[0, 1]).convert(kind=Polynomial).coef
        made = self.math.constant(float(series[-1]))
        for coefficient in series[-2::-1]:
            made = self.math.fma(made, u, self.math.constant(float(coefficient)))
        return made

    def _numbers(self, values: list[float]) -> Any:
        return ir.Constant(self.math.vector, [ir.Constant(FLOAT, value) for value in values])

    def _spread(self, value: Any) -> Any:
        vector = self.b.insert_element(
            ir.Constant(self.math.vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
        )
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.shape.lanes), [0] * self.shape.lanes)
        return self.b.shuffle_vector(vector, vector, zeros)

    def _vector(self, pointer: Any, k: Any) -> Any:
        return self._load(pointer, integer(0) if k is None else k)

    def _place(self, pointer: Any, k: Any) -> Any:
        k = integer(0) if k is None else k
        place = self.b.gep(pointer, [self.b.mul(k, integer(self.shape.lanes))])
        return self.b.bitcast(place, self.math.vector.as_pointer())

    def _load(self, pointer: Any, k: Any) -> Any:
        return self.b.load(self._place(pointer, k), align=4)

    def _store(self, value: Any, pointer: Any, k: Any) -> None:
        self.b.store(value, self._place(pointer, k), align=4)
