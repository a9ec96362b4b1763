"""The nearest of many vectors, exactly: one matrix product for all queries at once."""

from __future__ import annotations

import torch
from torch import Tensor

# Vectors that are compared at a time: their scores for a batch of queries stay in the processor's cache.
BLOCK = 65_536
QUERIES = 256
# Products of which the highest is found first: sorting is slower than looking.
GROUP = 64


def unit(vectors: Tensor) -> Tensor:
    """Vectors (count, dim) brought to length 1; zeros stay zeros."""
    lengths: Tensor = vectors.norm(dim=1, keepdim=True).clamp_min(torch.finfo(vectors.dtype).tiny)
    return vectors / lengths


def nearest(units: Tensor, queries: Tensor, k: int, exclude: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The k vectors with the highest products with each query.

    Args:
        units: (count, dim).
        queries: (queries, dim).
        k: how many, at most as many as there are.
        exclude: (queries, any) places that are not to be found; repeat one to fill a row.

    Returns:
        Products and places, (queries, k) each, the highest first. Where fewer are left the product is -infinity.
    """
    k = min(k, len(units))
    parts = [
        _nearest(
            units, queries[first : first + QUERIES], k, None if exclude is None else exclude[first : first + QUERIES]
        )
        for first in range(0, len(queries), QUERIES)
    ]
    values, places = zip(*parts, strict=True)
    return torch.cat(values), torch.cat(places)


def _nearest(units: Tensor, queries: Tensor, k: int, exclude: Tensor | None) -> tuple[Tensor, Tensor]:
    best = torch.full((len(queries), 0), -torch.inf)
    at = torch.zeros(len(queries), 0, dtype=torch.long)
    for first in range(0, len(units), BLOCK):
        block = units[first : first + BLOCK]
        products = queries @ block.T
        if exclude is not None:
            own = exclude - first
            inside = (own >= 0) & (own < len(block))
            rows = torch.arange(len(queries)).unsqueeze(1).expand_as(own)
            products[rows[inside], own[inside]] = -torch.inf
        values, places = _top(products, min(k, len(block)))
        best, at = torch.cat([best, values], 1), torch.cat([at, places + first], 1)
        if best.shape[1] > k:
            best, order = best.topk(k)
            at = at.gather(1, order)
    return best, at


def _top(products: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k highest of each row, and their places.

    They lie in the k groups with the highest members, and only those are sorted.
    """
    rows, count = products.shape
    groups = count // GROUP
    if groups <= k:
        return torch.topk(products, k)
    whole = groups * GROUP
    grouped = products[:, :whole].reshape(rows, groups, GROUP)
    chosen = grouped.amax(2).topk(k).indices
    candidates = grouped.gather(1, chosen.unsqueeze(2).expand(-1, -1, GROUP)).flatten(1)
    places = (chosen.unsqueeze(2) * GROUP + torch.arange(GROUP)).flatten(1)
    rest = torch.arange(whole, count).expand(rows, -1)
    candidates, places = torch.cat([candidates, products[:, whole:]], 1), torch.cat([places, rest], 1)
    values, at = candidates.topk(k)
    return values, places.gather(1, at)
