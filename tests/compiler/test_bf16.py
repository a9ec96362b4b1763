"""Products of bf16 under autocast: operands rounded, everything else as in float32."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

import unrolled
from unrolled import cells, nn
from unrolled.compiler import target
from unrolled.compiler.target import host

pytestmark = pytest.mark.skipif(not host().bf16, reason="this processor has no products of bf16")
torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _bf16_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uses the instruction where it is there, even if it is slow."""
    found = replace(host(), bf16_pays=True)
    monkeypatch.setattr(target, "host", lambda: found)


CELLS = {name: make(7, 21) for name, make in cells.by_name.items()}


def autocast() -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16)


@pytest.mark.parametrize("name", CELLS)
def test_outputs_are_those_of_rounded_operands(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = CELLS[name]

    @given(st.integers(1, 20), st.integers(0, 6), st.booleans())
    def holds(rows: int, steps: int, ragged: bool) -> None:
        x = torch.randn(rows, steps, 7)
        lengths = torch.randint(0, steps + 1, (rows,)) if ragged else None
        with autocast(), torch.no_grad():
            found, end = unrolled.unroll(cell, x, lengths, backend="cpu")
        assert found.dtype == torch.float32

        def rounded(v: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
            return linear(v.bfloat16().float(), weight.bfloat16().float(), bias)

        linear = F.linear
        with monkeypatch.context() as patch, torch.no_grad():
            patch.setattr(F, "linear", rounded)
            expected, expected_end = unrolled.unroll(cell, x, lengths, backend="reference")
        # A state that rounds the other way after a sum in another order differs by a bf16's rounding.
        for one, other in zip((found, *end), (expected, *expected_end), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-2, atol=4e-3)

    holds()


@pytest.mark.parametrize("name", CELLS)
def test_gradients_are_close_to_those_of_float32(name: str) -> None:
    cell, x = CELLS[name], torch.randn(16, 9, 7)
    lengths = torch.randint(1, 10, (16,))
    found = []
    for precise in (True, False):
        leaf = x.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=not precise):
            outputs, _ = unrolled.unroll(cell, leaf, lengths, backend="cpu")
        found.append(torch.autograd.grad(outputs.square().sum(), [leaf, *cell.parameters()]))
    for one, other in zip(*found, strict=True):
        assert one.dtype == other.dtype == torch.float32
        # Layer normalisation of small vectors magnifies their rounding.
        assert (one - other).norm() <= (0.1 if name == "layer-norm-lstm" else 0.03) * one.norm() + 1e-4


def test_wide_and_bf16_inputs_and_layers() -> None:
    layer = nn.LSTM(1500, 32, num_layers=2, batch_first=True)
    x = torch.randn(4, 6, 1500) / 10
    with autocast():
        found = layer(x.bfloat16())[0]
    torch.testing.assert_close(found, layer(x)[0], rtol=0.05, atol=0.02)


def test_where_bf16_does_not_pay_products_are_of_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    found = replace(host(), bf16_pays=False)
    monkeypatch.setattr(target, "host", lambda: found)
    cell, x = CELLS["lstm"], torch.randn(3, 5, 7)
    with autocast():
        outputs = unrolled.unroll(cell, x, backend="cpu")[0]
    assert torch.equal(outputs, unrolled.unroll(cell, x, backend="cpu")[0])


def test_float64_stays_as_it_is() -> None:
    cell, x = cells.GRU(3, 4, dtype=torch.float64), torch.randn(2, 5, 3, dtype=torch.float64)
    with autocast():
        found = unrolled.unroll(cell, x, backend="cpu")[0]
    torch.testing.assert_close(found, unrolled.unroll(cell, x, backend="reference")[0])


def test_float16_is_refused() -> None:
    with torch.autocast("cpu", torch.float16), pytest.raises(ValueError, match="follows bfloat16"):
        unrolled.unroll(CELLS["lstm"], torch.zeros(1, 2, 7), backend="cpu")
