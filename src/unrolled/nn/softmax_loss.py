"""Softmax over a vocabulary and its cross-entropy, some rows at a time, so that the logits stay in the cache.

    z = W v + b        loss = log sum exp z - (1 - s) z[target] - s mean z

s is label smoothing (Szegedy et al. 2016, section 7). The gradient with respect to z, softmax(z) - (1 - s) [target] -
s / vocabulary, is at hand as soon as the loss is: it is multiplied out at once, and no logits are kept.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Rows that are done at a time: few enough for the cache, enough for a matrix product.
ROWS = 256


def softmax_loss(vectors: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """The mean cross-entropy of softmax(vectors weight^T + bias), a number; the same as torch's own.

    Args:
        vectors: (rows, size), at least one row.
        weight: (vocabulary, size).
        bias: (vocabulary,).
        targets: (rows,), int64.
        smoothing: part of the target that is spread over the vocabulary.

    Differentiable once. Memory: ROWS * vocabulary numbers, and the gradients, which are made in the forward pass.
    """
    return _SoftmaxLoss.apply(vectors, weight, bias, targets, smoothing)  # type: ignore[no-any-return, no-untyped-call]


class _SoftmaxLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vectors: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        rows, vocabulary = len(vectors), len(weight)
        wanted = any(ctx.needs_input_grad)
        grads = (torch.empty_like(vectors), torch.zeros_like(weight), torch.zeros_like(bias)) if wanted else None
        buffer = vectors.new_empty(min(ROWS, rows), vocabulary)
        total = vectors.new_zeros((), dtype=torch.float64)
        for start in range(0, rows, ROWS):
            part, told = vectors[start : start + ROWS], targets[start : start + ROWS, None]
            z = torch.addmm(bias, part, weight.T, out=buffer[: len(part)])
            z.sub_(z.amax(1, keepdim=True))
            loss = -(1 - smoothing) * z.gather(1, told)
            if smoothing:
                loss -= smoothing * z.mean(1, keepdim=True)
            whole = z.exp_().sum(1, keepdim=True)
            total += (loss + whole.log()).sum(dtype=torch.float64)
            if grads is None:
                continue
            z.mul_(1 / (rows * whole))
            if smoothing:
                z.sub_(smoothing / (rows * vocabulary))
            z.scatter_add_(1, told, z.new_full(told.shape, -(1 - smoothing) / rows))
            torch.mm(z, weight, out=grads[0][start : start + ROWS])
            grads[1].addmm_(z.T, part)
            grads[2].add_(z.sum(0))
        if grads is not None:
            ctx.save_for_backward(*grads)
        return (total / rows).to(vectors.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        by_vectors, by_weight, by_bias = ctx.saved_tensors
        return by_vectors * grad, by_weight * grad, by_bias * grad, None, None
