"""Cross-entropy of a softmax whose normaliser is estimated from some of the vocabulary, for large ones.

    Z = sum over V of exp z   is estimated by   sum over T of exp z + (|V| - |T|) / k  sum over S of exp z

T are the tokens that the batch's targets hold, S are k of the others, drawn evenly. That is importance sampling
(Bengio, Senecal 2003; Jean et al. 2015, section 3), and the estimate of Z is unbiased. The work falls from |V| to
|T| + k products a token; with k of at least |V| - |T| it is the full softmax.
"""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

from unrolled.nn.softmax_loss import softmax_loss


def sampled_softmax_loss(
    vectors: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, samples: int, smoothing: float = 0.0
) -> Tensor:
    """The mean cross-entropy with the normaliser estimated, a number.

    Args:
        vectors: (rows, size), at least one row.
        weight: (vocabulary, size).
        bias: (vocabulary,).
        targets: (rows,), int64.
        samples: k, tokens that are drawn from torch's random state besides the targets.
        smoothing: part of the target that is spread over the tokens that were drawn, and the targets.

    Differentiable once. Memory: as `softmax_loss`, with |T| + k for the vocabulary.
    """
    present, places = torch.unique(targets, return_inverse=True)
    absent = torch.ones(len(weight), dtype=torch.bool, device=weight.device)
    absent[present] = False
    others = absent.nonzero()[:, 0]
    if len(others) <= samples:
        return softmax_loss(vectors, weight, bias, targets, smoothing)
    drawn = others[torch.randperm(len(others), device=others.device)[:samples]]
    # A logit that stands for several weighs as much as they would.
    likelier = bias[drawn] + log(len(others) / samples)
    chosen = torch.cat([present, drawn])
    return softmax_loss(vectors, weight[chosen], torch.cat([bias[present], likelier]), places, smoothing)
