"""What a kernel on a GPU computes in, in Triton's words and in torch's."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unrolled.compiler.executable import Precision


@dataclass(frozen=True, slots=True)
class Numbers:
    """A precision in Triton's words.

    Attributes:
        number: of states, sums and everything pointwise.
        factor: of what products multiply.
        precision: how tensor cores multiply them.
        pointwise, factors: `number` and `factor` in torch's words.
    """

    number: str
    factor: str
    precision: str
    pointwise: torch.dtype
    factors: torch.dtype


def numbers_of(precision: Precision, *, amd: bool = False) -> Numbers:
    """Triton's words for a precision.

    Float32 is made of three products of tf32 (the upper halves, and each upper half with the other's lower), which
    leaves 2^-21 of a product; without tensor cores it would take many times as long. AMD's multiply float32 itself.
    """
    if precision is Precision.DOUBLE:
        return Numbers("tl.float64", "tl.float64", "ieee", torch.float64, torch.float64)
    if precision is Precision.BF16:
        return Numbers("tl.float32", "tl.bfloat16", "ieee", torch.float32, torch.bfloat16)
    if precision is Precision.FP16:
        return Numbers("tl.float32", "tl.float16", "ieee", torch.float32, torch.float16)
    how = "ieee" if amd else "tf32" if precision is Precision.TF32 else "tf32x3"
    return Numbers("tl.float32", "tl.float32", how, torch.float32, torch.float32)


def product(a: Tensor, b: Tensor, numbers: Numbers) -> Tensor:
    """A matrix product by torch's library, of factors as the kernels' and with sums as theirs."""
    a, b = a.to(numbers.factors), b.to(numbers.factors)
    if numbers.factors == numbers.pointwise:
        return a @ b
    if a.is_cuda:
        return torch.mm(a, b, out_dtype=numbers.pointwise)
    return a.to(numbers.pointwise) @ b.to(numbers.pointwise)
