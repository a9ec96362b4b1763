"""The vocabulary of a step: elementwise functions and reductions over the units.

Each function takes what `step` is called with (tensors of shape (..., units)) and is differentiable any
number of times. They are thin on purpose: a compiler that calls `step` with symbols sees the torch
functions named here, so plain `torch.tanh` and operators serve as well.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "exp",
    "layer_norm",
    "log",
    "log_sigmoid",
    "maximum",
    "mean",
    "minimum",
    "project",
    "relu",
    "sigmoid",
    "softplus",
    "sqrt",
    "tanh",
    "total",
    "where",
]


def sigmoid(v: Tensor) -> Tensor:
    """1 / (1 + exp(-v))."""
    return torch.sigmoid(v)


def tanh(v: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return torch.tanh(v)


def relu(v: Tensor) -> Tensor:
    """max(v, 0)."""
    return torch.relu(v)


def exp(v: Tensor) -> Tensor:
    """Exponential."""
    return torch.exp(v)


def log(v: Tensor) -> Tensor:
    """Natural logarithm."""
    return torch.log(v)


def sqrt(v: Tensor) -> Tensor:
    """Square root."""
    return torch.sqrt(v)


def softplus(v: Tensor) -> Tensor:
    """log(1 + exp(v)), without overflow."""
    return F.softplus(v)


def log_sigmoid(v: Tensor) -> Tensor:
    """log(sigmoid(v)) = -softplus(-v), without underflow."""
    return -F.softplus(-v)


def maximum(a: Tensor | float, b: Tensor | float) -> Tensor:
    """The larger of the two, unit by unit; one of them may be a number."""
    if isinstance(a, (int, float)):
        a, b = b, a
    if isinstance(b, (int, float)):
        return torch.clamp(a, min=b)  # type: ignore[arg-type]
    return torch.maximum(a, b)  # type: ignore[arg-type]


def minimum(a: Tensor | float, b: Tensor | float) -> Tensor:
    """The smaller of the two, unit by unit; one of them may be a number."""
    if isinstance(a, (int, float)):
        a, b = b, a
    if isinstance(b, (int, float)):
        return torch.clamp(a, max=b)  # type: ignore[arg-type]
    return torch.minimum(a, b)  # type: ignore[arg-type]


def where(condition: Tensor, a: Tensor | float, b: Tensor | float) -> Tensor:
    """`a` at the units where the condition (a comparison such as `v > 0`) holds, `b` at the others."""
    return torch.where(condition, a, b)


def total(v: Tensor) -> Tensor:
    """Sum over the units: (..., units) -> (..., 1), which broadcasts back over the units."""
    return torch.sum(v, dim=-1, keepdim=True)


def mean(v: Tensor) -> Tensor:
    """Mean over the units: (..., units) -> (..., 1), which broadcasts back over the units."""
    return torch.mean(v, dim=-1, keepdim=True)


def project(v: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`weight v + bias` for a matrix (rows, units) and a vector v (..., units): (..., rows)."""
    return F.linear(v, weight, bias)


def layer_norm(*parts: Tensor, epsilon: float = 1e-5) -> tuple[Tensor, ...]:
    """Normalises the concatenation of equally long vectors to mean 0 and variance 1, and hands back the parts.

    Ba, Kiros, Hinton 2016, "Layer Normalization", equation 15 without gain and bias.
    """
    centre = sum((mean(part) for part in parts[1:]), mean(parts[0])) / len(parts)
    centred = [part - centre for part in parts]
    squares = [mean(part * part) for part in centred]
    scale = 1.0 / sqrt(sum(squares[1:], squares[0]) / len(parts) + epsilon)
    return tuple(part * scale for part in centred)
