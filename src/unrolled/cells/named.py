"""Named tuples of tensors: the states of a cell, and the parts of a projection by gate."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

_types: dict[tuple[str, ...], Any] = {}


def tuple_type(names: tuple[str, ...]) -> Any:
    """The named tuple with these fields; one type per tuple of names."""
    if names not in _types:
        make: Any = namedtuple
        made = make("State", names)
        # A type made here cannot be found by its name, which pickle and copy would try.
        made.__reduce__ = lambda self: (_rebuild, (self._fields, tuple(self)))
        _types[names] = made
    return _types[names]


def _rebuild(names: tuple[str, ...], values: tuple[Tensor, ...]) -> Any:
    return tuple_type(names)(*values)


def State(**values: Tensor) -> Any:  # noqa: N802 - reads as the constructor that it is
    """A state, by name: `State(h=..., c=...)`. Fields are tensors (batch, units).

    The result is a named tuple: `state.c`, `h, c = state` and `state._replace(h=...)` all work, and torch's
    transforms (vmap, grad, compile) take it apart by themselves.
    """
    return tuple_type(tuple(values))(**values)


def split(vector: Tensor, widths: Mapping[str, int]) -> Any:
    """The parts of a vector (..., sum of widths) by name; they lie one after the other."""
    return tuple_type(tuple(widths))(*torch.split(vector, list(widths.values()), -1))
