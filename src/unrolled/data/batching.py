"""Batches of sequences of similar length, so that little of a batch is padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from unrolled.checks import expect, integer, is_iterable, truth
from unrolled.data.ragged import Ragged

# Lengths are sorted within pools: the larger a pool, the less padding, and the more alike the batches of one epoch and
# the next. A pool is a quarter of the data, but at least and at most this many batches.
FEWEST_POOLED = 4
MOST_POOLED = 50


def length_batches(
    lengths: Tensor | NDArray[Any] | Sequence[int],
    batch_size: int,
    generator: torch.Generator | None = None,
    *,
    drop_last: bool = False,
) -> list[Tensor]:
    """Splits the indices of sequences into batches of similar length.

    The indices are shuffled, sorted by length within large pools, cut into batches, and the batches shuffled. If all
    lengths are equal that is a plain shuffle.

    Args:
        lengths: (sequences,), integers, 0 or more.
        batch_size: sequences a batch, 1 or more.
        generator: where the order comes from; the same state gives the same batches. Without one nothing is
            shuffled (for prediction): the batches go from the shortest sequences to the longest.
        drop_last: whether to leave out the one batch that may be smaller than the others.

    Returns:
        The batches, each a tensor of indices, int64. Every index is in exactly one of them.

    Raises:
        ValueError: lengths are not non-negative integers in one dimension, or batch_size is not a positive integer.
    """
    batch_size = integer("batch_size", batch_size)
    truth("drop_last", drop_last)
    lengths = _checked_lengths(lengths)
    count = len(lengths)
    if count == 0:
        return []
    order = torch.arange(count) if generator is None else torch.randperm(count, generator=generator)
    ragged = bool((lengths != lengths[0]).any())
    if ragged:
        pools = torch.split(order, _pool(count, batch_size) if generator else count)
        order = torch.cat([pool[lengths[pool].argsort(stable=True)] for pool in pools])
    batches = list(torch.split(order, batch_size))
    if drop_last and len(batches[-1]) < batch_size:
        batches.pop()
    if ragged and generator:
        batches = [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]
    return batches


def token_batches(
    lengths: Tensor | NDArray[Any] | Sequence[Any], tokens: int, generator: torch.Generator | None = None
) -> list[Tensor]:
    """Splits the indices of sequences, or pairs of them, into batches of about as many tokens, of similar length.

    As `length_batches`, but a batch has as many rows as fit: rows times its longest row's tokens, of whichever side
    is longer, are at most `tokens`. A row that is longer by itself is a batch of its own.

    Args:
        lengths: (sequences,) or (sequences, sides), integers, 0 or more. The last side counts first in the order.
        tokens: most tokens of a batch on each side, padding counted, 1 or more.
        generator: as `length_batches` has it.

    Returns:
        The batches, each a tensor of indices, int64. Every index is in exactly one of them.

    Raises:
        ValueError: lengths are not non-negative integers, or tokens is not a positive integer.
    """
    tokens = integer("tokens", tokens)
    table = _checked_lengths(lengths, most_dimensions=2)
    sides = table.unbind(1) if table.ndim == 2 else (table,)
    count = len(table)
    if count == 0:
        return []
    expect("lengths", lengths, "a side at least", bool(sides))
    order = torch.arange(count) if generator is None else torch.randperm(count, generator=generator)
    longest = torch.stack(sides).amax(0)
    rows = max(1, tokens // max(1, round(longest.double().mean().item())))
    batches = []
    for pool in torch.split(order, _pool(count, rows) if generator else count):
        for side in sides:
            pool = pool[side[pool].argsort(stable=True)]
        batches += _cut(pool, longest[pool].tolist(), tokens)
    if generator:
        batches = [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]
    return batches


def _cut(indices: Tensor, longest: list[int], tokens: int) -> list[Tensor]:
    """Cuts indices into runs, each as long as its rows times its longest row allow."""
    sizes, rows, most = [], 0, 0
    for length in longest:
        if rows and (rows + 1) * max(most, length) > tokens:
            sizes.append(rows)
            rows = most = 0
        rows, most = rows + 1, max(most, length)
    return list(torch.split(indices, [*sizes, rows]))


def pad(sequences: Tensor | Ragged, indices: Tensor) -> tuple[Tensor, Tensor]:
    """Gathers some sequences into one batch.

    Args:
        sequences: what `stack` made, on any device.
        indices: (batch,), int64.

    Returns:
        Inputs (batch, time, features), zero past each sequence's end, on the device of the sequences; and lengths
        (batch,), int64, on the CPU. `time` is the length of the batch's longest sequence.

    Raises:
        ValueError: an argument is something else.
    """
    fits = isinstance(sequences, Ragged) or (isinstance(sequences, Tensor) and sequences.ndim == 3)
    expect("sequences", sequences, "what `stack` made", fits)
    # That they are numbers of sequences is not looked at: batches are many.
    fits = isinstance(indices, Tensor) and indices.ndim == 1 and indices.dtype == torch.int64
    expect("indices", indices, "a tensor (batch,) of int64", fits)
    if isinstance(sequences, Tensor):
        lengths = torch.full((len(indices),), sequences.shape[1], dtype=torch.int64)
        return sequences.index_select(0, indices.to(sequences.device)), lengths
    device = sequences.values.device
    lengths = sequences.lengths.index_select(0, indices.cpu())
    steps = torch.arange(int(lengths.max()) if len(lengths) else 0, device=device)
    rows = sequences.offsets.index_select(0, indices.to(device))[:, None] + steps
    rows = torch.where(steps < lengths.to(device)[:, None], rows, len(sequences.values) - 1)
    inputs = sequences.values.index_select(0, rows.flatten())
    return inputs.view(*rows.shape, sequences.values.shape[1]), lengths


def padding_fraction(lengths: Tensor | NDArray[Any] | Sequence[int], batches: Sequence[Tensor]) -> float:
    """The part of all steps of the padded batches that is padding, from 0 to 1.

    Args:
        lengths: (sequences,), integers, 0 or more.
        batches: tensors of indices.

    Raises:
        TypeError, ValueError: an argument is something else.
    """
    lengths = _checked_lengths(lengths)
    expect("batches", batches, "tensors of indices", is_iterable(batches))
    taken = [lengths[_checked_indices(batch, len(lengths))] for batch in batches]
    padded = sum(int(batch.max()) * len(batch) for batch in taken)
    real = sum(int(batch.sum()) for batch in taken)
    return 1 - real / padded if padded else 0.0


def _pool(count: int, batch_size: int) -> int:
    return batch_size * min(max(count // (4 * batch_size), FEWEST_POOLED), MOST_POOLED)


def _checked_lengths(lengths: Any, most_dimensions: int = 1) -> Tensor:
    """Lengths (sequences,), or (sequences, sides) if they may have two dimensions, as int64 on the CPU."""
    found = _integers("lengths", lengths)
    shape = "(sequences,)" if most_dimensions == 1 else "(sequences,) or (sequences, sides)"
    if not 1 <= found.ndim <= most_dimensions:
        raise ValueError(f"lengths: expected integers {shape}, found shape {tuple(found.shape)}")
    if found.numel() and found.min() < 0:
        raise ValueError(f"lengths: expected 0 or more, found {int(found.min())} at {int(found.argmin())}")
    return found


def _checked_indices(batch: Any, count: int) -> Tensor:
    found = _integers("batches", batch)
    fits = found.ndim == 1 and len(found) > 0 and bool((found >= 0).all()) and bool((found < count).all())
    expect("batches", batch, f"tensors of indices of the {count} lengths", fits)
    return found


def _integers(name: str, value: Any) -> Tensor:
    """Integers as int64 on the CPU; nothing at all counts as integers too."""
    try:
        found = torch.as_tensor(value).cpu()
    except (RuntimeError, TypeError, ValueError, OverflowError):
        raise ValueError(f"{name}: expected integers, found {value!r:.100}") from None
    whole = not (found.is_floating_point() or found.is_complex() or found.dtype == torch.bool)
    expect(name, value, "integers", whole or found.numel() == 0)
    return found.to(torch.int64)
