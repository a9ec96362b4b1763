"""`unroll` at its edges: any shape and layout, bad arguments, what backends say of themselves."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import unrolled
from unrolled import cells, nn
from unrolled.backends import backends

CELLS = {name: cells.by_name[name](3, 5, dtype=torch.float64) for name in ("lstm", "gru-reset-before", "min-gru")}


@st.composite
def batches(draw: st.DrawFn) -> tuple[Tensor, Tensor | None]:
    rows, steps = draw(st.integers(0, 9)), draw(st.integers(0, 9))
    values = torch.randn(
        rows, steps, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(rows * 10 + steps)
    )
    layout = draw(st.sampled_from(["contiguous", "transposed", "strided", "expanded"]))
    if layout == "transposed":
        values = values.transpose(0, 1).contiguous().transpose(0, 1)
    elif layout == "strided":
        values = torch.stack([values, values + 1], -1)[..., 0]
    elif layout == "expanded" and rows:
        values = values[:1].expand(rows, -1, -1)
    if draw(st.booleans()):
        return values, None
    lengths = draw(st.lists(st.integers(0, steps), min_size=rows, max_size=rows))
    dtype = draw(st.sampled_from([torch.int64, torch.int32, torch.uint8]))
    return values, torch.tensor(lengths, dtype=dtype)


@given(batches(), st.booleans(), st.booleans(), st.sampled_from(sorted(CELLS)))
def test_any_shape_length_and_layout(batch: tuple, reverse: bool, time_major: bool, name: str) -> None:
    values, lengths = batch
    cell = CELLS[name]
    results = []
    for backend in ("auto", "reference"):
        x = values.clone(memory_format=torch.preserve_format).requires_grad_()
        arriving = x.transpose(0, 1) if time_major else x
        outputs, end = unrolled.unroll(cell, arriving, lengths, time_major=time_major, reverse=reverse, backend=backend)
        assert outputs.shape == (*arriving.shape[:2], 5)
        # Without steps nothing depends on the inputs.
        loss = outputs.sin().sum() + end[0].cos().sum() + (x * 0).sum()
        (gradient,) = torch.autograd.grad(loss, x)
        results.append((outputs, *end, gradient))
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


@given(batches())
def test_static_unrolling_hands_out_every_state(batch: tuple) -> None:
    values, lengths = batch
    states = unrolled.static_unroll(CELLS["lstm"], values, lengths)
    outputs, end = unrolled.unroll(CELLS["lstm"], values, lengths)
    assert len(states) == values.shape[1]
    for time, state in enumerate(states):
        inside = torch.ones(len(values), dtype=torch.bool) if lengths is None else lengths > time
        torch.testing.assert_close(state.h[inside], outputs[inside, time])
    if states:
        torch.testing.assert_close(states[-1].c, end.c)


X = torch.randn(4, 6, 3)
CELL = cells.LSTM(3, 5)


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        ({"cell": torch.nn.LSTM(3, 5)}, TypeError, "cell: expected a cell"),
        ({"inputs": [1, 2]}, TypeError, "inputs: expected a tensor"),
        ({"inputs": X[0]}, ValueError, "inputs: expected 3 dimensions"),
        ({"inputs": torch.randn(4, 6, 2)}, ValueError, "inputs: expected 3 features"),
        ({"inputs": X.double()}, ValueError, "inputs: expected the cell's dtype"),
        ({"inputs": X.long()}, ValueError, "inputs: expected the cell's dtype"),
        ({"lengths": [1, 2, 3, 4]}, TypeError, "lengths: expected a tensor"),
        ({"lengths": torch.ones(4)}, ValueError, "lengths: expected integers"),
        ({"lengths": torch.ones(3, dtype=torch.int64)}, ValueError, r"lengths: expected shape \(4,\)"),
        ({"lengths": torch.tensor([1, 2, 3, 7])}, ValueError, "lengths: expected values from 0 to 6"),
        ({"lengths": torch.tensor([1, 2, 3, -1])}, ValueError, "lengths: expected values from 0 to 6"),
        ({"state": torch.zeros(4, 5)}, ValueError, "state: expected a tensor for each of h, c"),
        ({"state": (torch.zeros(4, 5), torch.zeros(4, 6))}, ValueError, "state: expected c of shape"),
        ({"state": (torch.zeros(4, 5), 1)}, TypeError, "state: expected c to be a tensor"),
        ({"backend": "fast"}, ValueError, "backend: expected one of auto, "),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        unrolled.unroll(**({"cell": CELL, "inputs": X} | arguments))


def test_a_named_backend_that_cannot_serve_says_why() -> None:
    with pytest.raises(ValueError, match=r"'torch' cannot serve.*no fused kernel for SLSTM"):
        unrolled.unroll(cells.SLSTM(3, 5), X, backend="torch")
    with pytest.raises(ValueError, match=r"'cpu' cannot serve.*float16"):
        unrolled.unroll(cells.LSTM(3, 5, dtype=torch.float16), X.half(), backend="cpu")


def test_explain_tells_every_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    told = unrolled.explain(cells.SLSTM(3, 5), X)
    assert told.chosen == "cpu"
    assert set(told.verdicts) == set(backends)
    assert "no fused kernel" in (told.verdicts["torch"] or "")
    assert capsys.readouterr().out.strip() == str(told)
    inside = unrolled.explain(nn.Projection(nn.Zoneout(cells.LSTM(3, 5)), 2))
    assert inside.verdicts["torch"] is not None


def test_states_come_as_tuples_lists_or_one_tensor() -> None:
    h, c = torch.randn(4, 5), torch.randn(4, 5)
    expected, _ = unrolled.unroll(CELL, X, state=cells.State(h=h, c=c))
    for state in ((h, c), [h, c]):
        assert torch.equal(unrolled.unroll(CELL, X, state=state)[0], expected)
    gru = cells.GRU(3, 5)
    assert torch.equal(unrolled.unroll(gru, X, state=h)[0], unrolled.unroll(gru, X, state=(h,))[0])


def test_the_same_call_gives_the_same_bits() -> None:
    lengths = torch.tensor([6, 2, 0, 5])
    first = unrolled.unroll(CELL, X, lengths)[0]
    assert all(torch.equal(unrolled.unroll(CELL, X, lengths)[0], first) for _ in range(20))
