"""What Triton's language lacks of a step's vocabulary; generated kernels import these."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from triton import knobs

# Whether there is a word of the machine's own for what Triton spells out: not in its interpreter, nor on AMD's GPUs.
PTX = tl.constexpr(not knobs.runtime.interpret and torch.version.hip is None)


@triton.jit
def exponential(v):  # type: ignore[no-untyped-def]
    """exp(v), as exact as Triton's; four instructions less, since what is too small for a normal number is zero."""
    if v.dtype == tl.float32 and PTX:
        made = tl.inline_asm_elementwise(
            "ex2.approx.ftz.f32 $0, $1;", "=r,r", [v * 1.4426950408889634], dtype=tl.float32, is_pure=True, pack=1
        )
    else:
        made = tl.exp(v)
    return made


@triton.jit
def reciprocal(v):  # type: ignore[no-untyped-def]
    """1 / v, to the last bit but one."""
    if v.dtype == tl.float32 and PTX:
        made = tl.inline_asm_elementwise(
            "rcp.approx.ftz.f32 $0, $1;", "=r,r", [v], dtype=tl.float32, is_pure=True, pack=1
        )
    else:
        made = 1.0 / v
    return made


@triton.jit
def sigmoid(v):  # type: ignore[no-untyped-def]
    """1 / (1 + exp(-v))."""
    return reciprocal(1.0 + exponential(-v))


@triton.jit
def tanh(v):  # type: ignore[no-untyped-def]
    """Hyperbolic tangent."""
    t = exponential(-2.0 * tl.abs(v))
    far = (1.0 - t) * reciprocal(1.0 + t)
    far = tl.where(v < 0.0, -far, far)
    if v.dtype == tl.float64:
        return far
    # Near zero the difference cancels; there are the first terms of the series, exact to 1e-8 up to 1/4.
    w = v * v
    near = v + v * w * (-1.0 / 3.0 + w * (2.0 / 15.0 + w * (-17.0 / 315.0 + w * (62.0 / 2835.0))))
    return tl.where(tl.abs(v) < 0.25, near, far)


@triton.jit
def softplus(v):  # type: ignore[no-untyped-def]
    """log(1 + exp(v)), without overflow."""
    t = tl.exp(-tl.abs(v))
    # Kahan's log1p: the quotient undoes the rounding of 1 + t.
    u = 1.0 + t
    small = u == 1.0
    log1p = tl.where(small, t, tl.log(u) * t / tl.where(small, 1.0, u - 1.0))
    return larger(v, 0.0) + log1p


@triton.jit
def root(v):  # type: ignore[no-untyped-def]
    """Square root, rounded right."""
    if v.dtype == tl.float64:
        return tl.sqrt(v)
    return tl.sqrt_rn(v)


@triton.jit
def larger(a, b):  # type: ignore[no-untyped-def]
    """The larger one; of a number and NaN, NaN, as torch has it."""
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def smaller(a, b):  # type: ignore[no-untyped-def]
    """The smaller one; of a number and NaN, NaN, as torch has it."""
    return tl.minimum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def composed(factor, term, next_factor, next_term):  # type: ignore[no-untyped-def]
    """Two steps that are linear in a state, the first one first, as one."""
    return next_factor * factor, next_factor * term + next_term
