"""Kernels write inside of their buffers only, and read nothing that was not written."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import unrolled
from unrolled import cells
from unrolled.compiler import executable, function
from unrolled.compiler.workspace import Workspace

MARGIN, SENTINEL = 256, 12345.0
CELLS = {name: make(3, 19) for name, make in cells.by_name.items()}


class Guarded:
    """Buffers between margins that must stay as they are, filled with NaN."""

    def __init__(self) -> None:
        self.wholes: list[Tensor] = []

    def buffer(self, numbers: int, dtype: torch.dtype, fill: float = float("nan")) -> Tensor:
        whole = torch.full((numbers + 2 * MARGIN,), SENTINEL, dtype=dtype)
        self.wholes.append(whole)
        return whole[MARGIN : MARGIN + numbers].fill_(fill)

    def check(self) -> None:
        for whole in self.wholes:
            assert (whole[:MARGIN] == SENTINEL).all()
            assert (whole[-MARGIN:] == SENTINEL).all()


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> Guarded:
    guards = Guarded()

    class GuardedWorkspace(Workspace):
        def __init__(self, numbers: int, dtype: torch.dtype) -> None:
            self.tensor = guards.buffer(numbers, dtype)

    def empty(call: Any, width: int, dtype: torch.dtype) -> Tensor:
        rows, fill = len(call.rows.starts), float("nan") if call.rows.lengths is None else 0.0
        flat = guards.buffer(rows * call.padded * width, dtype, fill)
        if call.batch_major:
            return flat.view(rows, call.padded, width).transpose(0, 1)
        return flat.view(call.padded, rows, width)

    monkeypatch.setattr(executable, "Workspace", GuardedWorkspace)
    monkeypatch.setattr(function, "Workspace", GuardedWorkspace)
    monkeypatch.setattr(function._Call, "empty", empty)
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
