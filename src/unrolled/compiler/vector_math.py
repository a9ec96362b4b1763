"""Transcendental functions on LLVM vectors, of float or double, within a few units in the last place.

exp: x = n ln 2 + r with |r| <= ln 2 / 2; e^r by a polynomial; times 2^n through the exponent bits. log: x = 2^n m, m in
[sqrt(1/2), sqrt(2)); log m = 2 artanh((m - 1) / (m + 1)) by its series.
(Muller, "Elementary Functions", 3rd edition, chapters 10 and 11.)
"""

from __future__ import annotations

from math import factorial, log, sqrt
from typing import Any

from llvmlite import ir

from unrolled.compiler.ir_tools import declared

_LN2_SINGLE = (0.693359375, log(2) - 0.693359375)
# (e^r - 1 - r) / r^2 by rising powers of r: the polynomial whose largest error, weighed by r^2 / e^r, is the smallest
# (3e-9, by Lawson's iteration) for float; Taylor's, cut where it no longer counts, for double.
_EXP_SINGLE = (0.4999999403953552, 0.1666652113199234, 0.04166838899254799, 0.00836874544620514, 0.0013814540579915047)
_EXP_DOUBLE = tuple(1 / factorial(k) for k in range(2, 14))


class VectorMath:
    """Emits functions of vectors at a builder's place.

    Args:
        builder: where instructions go.
        element: ir.FloatType() or ir.DoubleType().
        lanes: of a vector.
    """

    def __init__(self, builder: ir.IRBuilder, element: Any, lanes: int) -> None:
        self.builder = builder
        self.element = element
        self.lanes = lanes
        self.double = isinstance(element, ir.DoubleType)
        self.vector = ir.VectorType(element, lanes)
        self.integer = ir.VectorType(ir.IntType(64 if self.double else 32), lanes)
        self.mantissa, self.bias = (52, 1023) if self.double else (23, 127)

    def constant(self, value: float) -> Any:
        """A vector of equal numbers."""
        return ir.Constant(self.vector, [ir.Constant(self.element, value)] * self.lanes)

    def integers(self, value: int) -> Any:
        """A vector of equal integers."""
        return ir.Constant(self.integer, [ir.Constant(self.integer.element, value)] * self.lanes)

    def call(self, name: str, *args: Any) -> Any:
        """An LLVM intrinsic that takes and gives vectors."""
        kind = f"llvm.{name}.v{self.lanes}{'f64' if self.double else 'f32'}"
        module = self.builder.module
        function = module.globals.get(kind)
        if function is None:
            function = ir.Function(module, ir.FunctionType(self.vector, [self.vector] * len(args)), kind)
        return self.builder.call(function, args)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """A b + c, rounded once."""
        return self.call("fma", a, b, c)

    def smaller(self, v: Any, bound: Any) -> Any:
        """min(v, bound), NaN where v is NaN."""
        return self.builder.select(self.builder.fcmp_ordered(">", v, bound), bound, v)

    def larger(self, v: Any, bound: Any) -> Any:
        """max(v, bound), NaN where v is NaN."""
        return self.builder.select(self.builder.fcmp_ordered("<", v, bound), bound, v)

    def _scale(self, n: Any) -> Any:
        """2^n for a vector of integers within the exponent's range; bits above the exponent's do not count."""
        b = self.builder
        bits = b.shl(b.add(n, self.integers(self.bias)), self.integers(self.mantissa))
        return b.bitcast(bits, self.vector)

    def _reduced(self, x: Any) -> tuple[Any, Any]:
        """N, as the low bits of a vector of integers, and e^r - 1, with x = n ln 2 + r."""
        b = self.builder
        # A number so large that its last bit counts ones: adding it rounds, and leaves n in the low bits.
        rounder = self.constant(1.5 * 2.0**self.mantissa)
        shifted = self.fma(x, self.constant(1 / log(2)), rounder)
        n = b.fsub(shifted, rounder)
        # The first part of ln 2 has so few bits that its product with n is exact (Cody, Waite 1980).
        high, low = (6.93147180369123816490e-01, 1.90821492927058770002e-10) if self.double else _LN2_SINGLE
        r = self.fma(n, self.constant(-high), x)
        r = self.fma(n, self.constant(-low), r)
        *lower, highest = _EXP_DOUBLE if self.double else _EXP_SINGLE
        p = self.constant(highest)
        for coefficient in reversed(lower):
            p = self.fma(p, r, self.constant(coefficient))
        return b.bitcast(shifted, self.integer), self.fma(b.fmul(p, r), r, r)

    def quotient(self, a: Any, d: Any) -> Any:
        """A / d for d from 1 to the largest power of two, within a unit in the last place.

        Dividing registers of 64 bytes takes longer than everything else in a sigmoid; an approximate reciprocal and one
        of Newton's steps, 28 bits, do not.
        """
        b = self.builder
        if self.double or self.lanes != 16:
            return b.fdiv(a, d)
        kind = ir.FunctionType(self.vector, [self.vector, self.vector, ir.IntType(16)])
        rcp14 = declared(b.module, "llvm.x86.avx512.rcp14.ps.512", kind)
        y = b.call(rcp14, [d, ir.Constant(self.vector, None), ir.Constant(ir.IntType(16), -1)])
        q = b.fmul(a, y)
        return self.fma(q, self.fma(b.fneg(d), y, self.constant(1.0)), q)

    def exp(self, x: Any) -> Any:
        """e^x; 0 and infinity where it leaves the range, NaN of NaN."""
        b = self.builder
        bound = (self.bias + self.mantissa + 8) * log(2)
        x = self.larger(self.smaller(x, self.constant(bound)), self.constant(-bound))
        n, p = self._reduced(x)
        whole = b.ashr(b.shl(n, self.integers(self.mantissa - 2)), self.integers(self.mantissa - 2))
        # 2^n may be out of range where the result is not, so it is applied in two parts.
        half = b.ashr(whole, self.integers(1))
        y = b.fadd(p, self.constant(1.0))
        return b.fmul(b.fmul(y, self._scale(half)), self._scale(b.sub(whole, half)))

    def _expm1_negative(self, x: Any) -> Any:
        """e^x - 1 for x <= 0."""
        b = self.builder
        n, p = self._reduced(self.larger(x, self.constant(-(self.mantissa + 5) * log(2))))
        scale = self._scale(n)
        return self.fma(p, scale, b.fsub(scale, self.constant(1.0)))

    def sigmoid(self, x: Any) -> Any:
        """1 / (1 + e^-x)."""
        b = self.builder
        bound = self.constant((self.bias - 1) * log(2))
        n, p = self._reduced(self.smaller(self.larger(b.fneg(x), b.fneg(bound)), bound))
        scale = self._scale(n)
        return self.quotient(self.constant(1.0), self.fma(p, scale, b.fadd(scale, self.constant(1.0))))

    def tanh(self, x: Any) -> Any:
        """(1 - e^-2|x|) / (1 + e^-2|x|), with the sign of x."""
        b = self.builder
        size = self.call("fabs", x)
        e = self._expm1_negative(b.fmul(size, self.constant(-2.0)))
        return self.call("copysign", self.quotient(b.fneg(e), b.fadd(e, self.constant(2.0))), x)

    def log(self, x: Any) -> Any:
        """Natural logarithm; -infinity of 0, NaN below."""
        b = self.builder
        tiny = b.fcmp_ordered("<", x, self.constant(2.0 ** (1 - self.bias)))
        # Denormal numbers are brought into the normal range first.
        lifted = b.select(tiny, b.fmul(x, self.constant(2.0**self.mantissa)), x)
        bits = b.bitcast(lifted, self.integer)
        # The bits of sqrt(1/2), so that the mantissa comes to lie round 1.
        root = int((self.bias - 2 + sqrt(2)) * 2**self.mantissa)
        shifted = b.sub(bits, self.integers(root))
        n = b.ashr(shifted, self.integers(self.mantissa))
        m = b.bitcast(b.sub(bits, b.shl(n, self.integers(self.mantissa))), self.vector)
        n_float = b.sitofp(n, self.vector)
        n_float = b.select(tiny, b.fsub(n_float, self.constant(float(self.mantissa))), n_float)
        s = b.fdiv(b.fsub(m, self.constant(1.0)), b.fadd(m, self.constant(1.0)))
        square = b.fmul(s, s)
        terms = 11 if self.double else 5
        p = self.constant(2.0 / (2 * terms + 1))
        for k in range(terms - 1, 0, -1):
            p = self.fma(p, square, self.constant(2.0 / (2 * k + 1)))
        # log m = 2 s + s^3 (2/3 + ...), the small parts added first.
        small = b.fmul(b.fmul(p, square), s)
        result = self.fma(n_float, self.constant(log(2)), b.fadd(b.fmul(s, self.constant(2.0)), small))
        result = b.select(b.fcmp_ordered("==", x, self.constant(0.0)), self.constant(float("-inf")), result)
        result = b.select(b.fcmp_ordered("==", x, self.constant(float("inf"))), x, result)
        return b.select(b.fcmp_unordered("<", x, self.constant(0.0)), self.constant(float("nan")), result)

    def softplus(self, x: Any) -> Any:
        """log(1 + e^x) = max(x, 0) + log1p(e^-|x|)."""
        b = self.builder
        u = self.exp(b.fneg(self.call("fabs", x)))
        y = b.fadd(u, self.constant(1.0))
        # log1p(u) = log(y) u / (y - 1) takes back the rounding of y (Goldberg 1991, theorem 4).
        exact = b.fcmp_ordered("==", y, self.constant(1.0))
        safe = b.select(exact, self.constant(1.0), b.fsub(y, self.constant(1.0)))
        log1p = b.select(exact, u, b.fmul(self.log(y), b.fdiv(u, safe)))
        return b.fadd(self.larger(x, self.constant(0.0)), log1p)
