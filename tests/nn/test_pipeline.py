"""Layers that work chunk by chunk give what they give all at once, and are asked in the order of the diagonals."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unrolled import cells
from unrolled.nn import Dropout, On, Projection, Recurrent, Residual, Zoneout
from unrolled.nn.pipeline import pipelined


def stack(chunk: int | None, backend: str = "auto", dtype: torch.dtype = torch.float64) -> Recurrent:
    """Three layers, wrapped in all kinds of ways, on a device each."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = [
            On(cells.LSTM(3, 4), "cpu"),
            On(Residual(Dropout(cells.GRU(4, 4), 0.4, 0.4, 0.4, variational=True)), torch.device("cpu")),
            On(Projection(Zoneout(cells.SLSTM(4, 5), 0.0), 2), "cpu"),
        ]
        return Recurrent(layers, chunk=chunk, backend=backend).to(dtype)


def tensors(state: Any) -> list[torch.Tensor]:
    return [state] if isinstance(state, torch.Tensor) else [one for part in state for one in tensors(part)]


def outcome(layer: Recurrent, inputs: torch.Tensor, lengths: torch.Tensor | None, start: Any) -> list[torch.Tensor]:
    """Outputs, states, and gradients of inputs, carried states and parameters."""
    inputs = inputs.clone().requires_grad_()
    carried = [] if start is None else [part.requires_grad_() for part in tensors(start)]
    outputs, state = layer(inputs, lengths, start)
    ends = tensors(state)
    loss = (outputs * torch.linspace(1, 2, outputs.shape[-1])).sum() + sum((end * end).sum() for end in ends)
    wanted = [inputs, *carried, *layer.parameters()]
    gradients = torch.autograd.grad(loss, wanted, allow_unused=True, materialize_grads=True)
    return [outputs, *ends, *gradients]


@given(
    steps=st.integers(0, 9),
    chunk=st.integers(1, 11),
    rows=st.integers(1, 3),
    seed=st.integers(0, 5),
    ragged=st.booleans(),
    carried=st.booleans(),
)
def test_any_chunk_gives_the_same(steps: int, chunk: int, rows: int, seed: int, ragged: bool, carried: bool) -> None:
    draw = torch.Generator().manual_seed(seed)
    inputs = torch.randn(rows, steps, 3, generator=draw).double()
    lengths = torch.randint(0, steps + 1, (rows,), generator=draw) if ragged else None
    if lengths is not None:
        inputs[torch.arange(steps) >= lengths[:, None]] = torch.nan
    whole, parts = stack(None), stack(chunk)
    start = None
    if carried:
        torch.manual_seed(seed)
        start = whole.initial_state(rows, dtype=torch.float64)
    else:
        # Without a state each call draws masks of its own.
        whole, parts = whole.eval(), parts.eval()
    expected = outcome(whole, inputs, lengths, start)
    found = outcome(parts, inputs, lengths, start)
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_the_compiled_backend_gives_the_same(chunk: int) -> None:
    inputs, lengths = torch.randn(5, 40, 3), torch.tensor([40, 0, 14, 39, 7])
    expected = outcome(stack(None, dtype=torch.float32).eval(), inputs, lengths, None)
    found = outcome(stack(chunk, dtype=torch.float32).eval(), inputs, lengths, None)
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-4)


def test_diagonals_are_asked_for_in_turn_and_the_last_layer_first() -> None:
    asked = []

    def layer(number: int) -> Any:
        def run(values: torch.Tensor, lengths: torch.Tensor | None, state: int | None) -> tuple[torch.Tensor, int]:
            index = 0 if state is None else state
            assert values.eq(10 * number + index).all()
            asked.append((number, index))
            return torch.full_like(values, 10 * (number + 1) + index), index + 1

        return run

    inputs = torch.arange(4.0).repeat_interleave(2)[:7, None, None]
    outputs, states = pipelined([layer(0), layer(1), layer(2)], inputs, None, [None] * 3, 2)
    assert outputs.flatten().tolist() == [30, 30, 31, 31, 32, 32, 33]
    assert states == [4, 4, 4]
    diagonals = [[(n, m - n) for n in (2, 1, 0) if 0 <= m - n < 4] for m in range(6)]
    assert asked == [entry for diagonal in diagonals for entry in diagonal]


def test_time_major_and_steps() -> None:
    layer = stack(2).eval()
    inputs = torch.randn(5, 2, 3).double()
    major = Recurrent(list(layer.layers), chunk=2, time_major=True).eval()
    torch.testing.assert_close(major(inputs)[0].transpose(0, 1), layer(inputs.transpose(0, 1))[0])
    output, _ = layer.step(inputs[0])
    torch.testing.assert_close(output, major(inputs)[0][0])


@pytest.mark.parametrize("chunk", [0, -1, 2.0, True, "8"])
def test_a_bad_chunk_is_named(chunk: Any) -> None:
    with pytest.raises(ValueError, match=r"^chunk: expected a positive integer or None, found"):
        Recurrent(cells.GRU(3, 4), chunk=chunk)


def test_both_directions_cannot_be_cut() -> None:
    with pytest.raises(ValueError, match=r"^chunk: expected None for bidirectional layers.*found 8"):
        Recurrent(cells.GRU(3, 4), bidirectional=True, chunk=8)


@pytest.mark.parametrize("lengths", [torch.tensor([9, 1]), torch.tensor([-1, 1]), torch.tensor([1])])
def test_bad_lengths_are_noticed_all_the_same(lengths: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"^lengths: expected"):
        Recurrent(cells.GRU(3, 4), chunk=3)(torch.randn(2, 8, 3), lengths)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_on_two_devices() -> None:
    inputs, lengths = torch.randn(3, 20, 4), torch.tensor([20, 0, 13])
    layers = [cells.LSTM(4, 8), cells.LSTM(8, 8)]
    expected = Recurrent(layers)(inputs, lengths)[0]
    placed = Recurrent([On(layer, f"cuda:{number}") for number, layer in enumerate(layers)], chunk=6)
    torch.testing.assert_close(placed(inputs, lengths)[0].cpu(), expected, rtol=1e-4, atol=1e-4)
