"""Step by step is the same as whole sequences."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import unrolled
from unrolled import cells, nn
from unrolled.cells import Cell, State, tanh


class Untraceable(Cell):
    states = ("h",)
    gates = ("new",)

    def step(self, x: Any, r: Any, state: Any) -> Any:
        return State(h=torch.erf(tanh(x.new + r.new)))


CELLS = {**{name: make(3, 21) for name, make in cells.by_name.items()}, "untraceable": Untraceable(3, 21)}


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("rows", [1, 7])
def test_steps_give_what_the_sequence_gives(name: str, rows: int) -> None:
    cell, x = CELLS[name], torch.randn(rows, 5, 3)
    outputs, end = unrolled.unroll(cell, x, backend="reference")
    stream = unrolled.Stream(cell, rows)
    found = torch.stack([stream(x[:, time]) for time in range(5)], 1)
    torch.testing.assert_close(found, outputs.detach(), rtol=1e-4, atol=1e-5)
    for one, other in zip(stream.state[0], end, strict=True):
        torch.testing.assert_close(one, other.detach(), rtol=1e-4, atol=1e-5)
    assert not found.requires_grad


@pytest.mark.parametrize("width", [3, 2000])
def test_wide_inputs_and_float64(width: int) -> None:
    cell, x = cells.LSTM(width, 9, dtype=torch.float64), torch.randn(2, 4, width, dtype=torch.float64)
    stream = unrolled.Stream(cell, 2)
    found = torch.stack([stream(x[:, time]) for time in range(4)], 1)
    torch.testing.assert_close(found, unrolled.unroll(cell, x)[0].detach())


@pytest.mark.parametrize(
    "layers",
    [
        [cells.GRU(3, 8), nn.Residual(cells.LSTM(8, 8))],
        nn.Recurrent([cells.GRU(3, 8), cells.RNN(8, 5)]),
        nn.LSTM(3, 8, num_layers=2),
    ],
    ids=["list", "recurrent", "drop-in"],
)
def test_layers(layers: Any) -> None:
    whole = nn.Recurrent(layers) if isinstance(layers, list) else layers
    x = torch.randn(4, 6, 3)
    expected = whole(x)[0] if not isinstance(layers, nn.LSTM) else whole(x.transpose(0, 1))[0].transpose(0, 1)
    stream = unrolled.Stream(layers, 4)
    found = torch.stack([stream(x[:, time]) for time in range(6)], 1)
    torch.testing.assert_close(found, expected.detach(), rtol=1e-4, atol=1e-5)


def test_state_is_taken_out_put_back_and_reset() -> None:
    stream = unrolled.Stream(cells.LSTM(3, 4))
    first = stream(torch.ones(1, 3))
    kept = stream.state
    second = stream(torch.ones(1, 3))
    assert not torch.equal(first, second)
    stream(torch.ones(1, 3))
    stream.state = kept
    assert torch.equal(stream(torch.ones(1, 3)), second)
    stream.reset()
    assert torch.equal(stream(torch.ones(1, 3)), first)
    whole = unrolled.unroll(cells.LSTM(3, 4), torch.ones(1, 5, 3))[1]
    stream.state = [whole]
    torch.testing.assert_close(stream.state[0].c, whole.c.detach())


def test_many_steps_take_no_more_memory() -> None:
    import resource

    stream, x = unrolled.Stream(cells.LSTM(4, 32)), torch.ones(1, 4)
    for _ in range(2000):
        stream(x)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(50_000):
        stream(x)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4096


def test_inputs_that_lie_apart_are_taken_too() -> None:
    cell, x = cells.GRU(3, 4), torch.randn(3, 2)
    torch.testing.assert_close(unrolled.Stream(cell, 2)(x.t()), unrolled.Stream(cell, 2)(x.t().contiguous()))


@pytest.mark.parametrize("x", [torch.ones(3), torch.ones(2, 3), torch.ones(1, 4), torch.ones(1, 3).double()])
def test_bad_inputs_are_named(x: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"input: expected shape \(1, 3\)"):
        unrolled.Stream(cells.GRU(3, 4))(x)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (nn.GRU(3, 4, bidirectional=True), "bidirectional"),
        (nn.Recurrent(cells.GRU(3, 4), bidirectional=True), "bidirectional"),
        (torch.nn.Linear(3, 4), "layers: expected cells"),
        ([], "layers: expected cells"),
        ([cells.GRU(3, 4), cells.GRU(3, 4)], "takes 4 features"),
    ],
)
def test_what_cannot_be_streamed_is_refused(layers: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        unrolled.Stream(layers)


@pytest.mark.parametrize("state", [None, [], [(torch.zeros(1, 4),)], [(torch.zeros(1, 4), torch.zeros(2, 4))]])
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(state: Any) -> None:
    stream = unrolled.Stream(cells.LSTM(3, 4))
    stream(torch.ones(1, 3))
    before = stream.state[0].c
    with pytest.raises(ValueError, match="state: expected"):
        stream.state = state
    assert torch.equal(stream.state[0].c, before)
