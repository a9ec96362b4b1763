"""Kernels write inside of their buffers only, and read nothing that was not written."""

from __future__ import annotations

from math import prod

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import unrolled
from unrolled import cells
from unrolled.compiler import call, executable

MARGIN, SENTINEL = 256, 12345.0
CELLS = {name: make(3, 19) for name, make in cells.by_name.items()}


class Guarded:
    """Buffers between margins that must stay as they are, filled with NaN."""

    def __init__(self) -> None:
        self.wholes: list[Tensor] = []

    def buffer(self, numbers: int, dtype: torch.dtype) -> Tensor:
        whole = torch.full((numbers + 2 * MARGIN,), SENTINEL, dtype=dtype)
        self.wholes.append(whole)
        return whole[MARGIN : MARGIN + numbers].fill_(float("nan"))

    def check(self) -> None:
        for whole in self.wholes:
            assert (whole[:MARGIN] == SENTINEL).all()
            assert (whole[-MARGIN:] == SENTINEL).all()


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Guarded:
    guards = Guarded()

    def borrow(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        return guards.buffer(prod(shape), dtype).view(shape)

    for module in (executable, call):
        monkeypatch.setattr(module, "borrow", borrow)
    return guards


@st.composite
def shapes(draw: st.DrawFn) -> tuple[int, int, list[int] | None]:
    rows, steps = draw(st.integers(1, 15)), draw(st.integers(1, 6))
    ragged = draw(st.booleans())
    return rows, steps, draw(st.lists(st.integers(0, steps), min_size=rows, max_size=rows)) if ragged else None


@pytest.mark.parametrize("name", CELLS)
def test_nothing_outside_is_written_and_nothing_unwritten_is_read(name: str, guarded: Guarded) -> None:
    cell = CELLS[name]

    @given(shapes(), st.booleans())
    def holds(shape: tuple, reverse: bool) -> None:
        rows, steps, lengths = shape
        guarded.wholes.clear()
        x = torch.randn(rows, steps, 3).requires_grad_()
        given_lengths = None if lengths is None else torch.tensor(lengths)
        outputs, end = unrolled.unroll(cell, x, given_lengths, reverse=reverse, backend="cpu")
        loss = outputs.sum() + sum(state.clamp(-1, 1).sum() for state in end)
        gradients = torch.autograd.grad(loss, [x, *cell.parameters()])
        guarded.check()
        assert all(tensor.isfinite().all() for tensor in (outputs, *end, *gradients))

    holds()
