"""Recomputing instead of keeping: the same numbers, less memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import unrolled
from unrolled import cells
from unrolled.compiler import call
from unrolled.nn import Dropout

POLICIES = ["all", "sqrt", "every:1", "every:4", "every:1000"]
CELLS = {name: cells.make(name, 3, 6, dtype=torch.float64) for name in ("lstm", "gru-reset-before", "slstm")}


@given(
    st.sampled_from(POLICIES),
    st.sampled_from(["cpu", "reference"]),
    st.sampled_from(sorted(CELLS)),
    st.booleans(),
    st.lists(st.integers(0, 9), min_size=1, max_size=6),
    st.booleans(),
)
def test_results_and_gradients_are_the_same(
    policy: str, backend: str, name: str, reverse: bool, lengths: list[int], ragged: bool
) -> None:
    cell, x = CELLS[name], torch.randn(len(lengths), 9, 3, dtype=torch.float64)
    state = [torch.randn(len(lengths), size, dtype=torch.float64).abs() + 1 for size in cell.state_sizes.values()]
    given_lengths = torch.tensor(lengths) if ragged else None
    found = []
    for checkpoint in (policy, None):
        leaves = [x.clone().requires_grad_(), *(value.clone().requires_grad_() for value in state)]
        outputs, end = unrolled.unroll(
            cell, leaves[0], given_lengths, leaves[1:], reverse=reverse, backend=backend, checkpoint=checkpoint
        )
        loss = outputs.sin().sum() + sum(value.cos().sum() for value in end)
        gradients = torch.autograd.grad(loss, [*leaves, *cell.parameters()])
        found.append([outputs, *end, *gradients])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_noise_is_the_same_in_the_second_pass(backend: str) -> None:
    # A mask that differed would give a gradient of another function: compare with finite differences of none.
    core = Dropout(cells.LSTM(3, 4, dtype=torch.float64), state=0.5, input=0.5, variational=True)
    x = torch.randn(5, 12, 3, dtype=torch.float64)
    gradients = []
    for checkpoint in (None, "every:5"):
        torch.manual_seed(0)
        outputs, _ = unrolled.unroll(core, x, backend=backend, checkpoint=checkpoint)
        gradients.append(torch.autograd.grad(outputs.sum(), list(core.parameters())))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_less_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    alive, most = 0, 0
    borrow = call.borrow

    class Counted:
        def __init__(self, size: int) -> None:
            self.size = size

        def __del__(self) -> None:
            nonlocal alive
            alive -= self.size

    def counted(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        nonlocal alive, most
        made = borrow(shape, dtype)
        storage: Any = made.untyped_storage()
        storage.counted = Counted(storage.nbytes())
        alive += storage.nbytes()
        most = max(most, alive)
        return made

    monkeypatch.setattr(call, "borrow", counted)
    cell, x = cells.LSTM(3, 32), torch.randn(16, 400, 3)
    peaks = {}
    for policy in (None, "sqrt"):
        alive = most = 0
        unrolled.unroll(cell, x, backend="cpu", checkpoint=policy)[0].sum().backward()
        peaks[policy] = most
    assert peaks["sqrt"] < 0.4 * peaks[None]


@pytest.mark.parametrize("policy", ["some", "every:0", "every:-1", "every:", "every:x", 3])
def test_an_unknown_policy_is_named(policy: Any) -> None:
    with pytest.raises(ValueError, match="checkpoint: expected"):
        unrolled.unroll(CELLS["lstm"], torch.zeros(1, 2, 3, dtype=torch.float64), checkpoint=policy)


def test_without_gradients_nothing_is_cut_up() -> None:
    with torch.no_grad():
        outputs, _ = unrolled.unroll(CELLS["lstm"], torch.zeros(2, 0, 3, dtype=torch.float64), checkpoint="sqrt")
    assert outputs.shape == (2, 0, 6)


def test_offloading_changes_nothing_on_the_cpu() -> None:
    layer, x = CELLS["lstm"], torch.randn(2, 5, 3, dtype=torch.float64)
    assert (unrolled.unroll(layer, x, offload=True)[0] == unrolled.unroll(layer, x)[0]).all()


@pytest.mark.parametrize("policy", POLICIES)
def test_no_steps_at_all(policy: str) -> None:
    cell, x = CELLS["lstm"], torch.randn(2, 0, 3, dtype=torch.float64)
    outputs, end = unrolled.unroll(cell, x, checkpoint=policy)
    assert outputs.shape == (2, 0, 6)
    assert not end.h.any()


def test_a_segments_gradient_is_no_longer_than_the_segment() -> None:
    x = torch.randn(1, 60, 3, dtype=torch.float64, requires_grad=True)
    outputs, _ = unrolled.unroll(CELLS["lstm"], x, checkpoint="every:2")
    made = []

    class Seen(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            found = function(*args, **(kwargs or {}))
            if isinstance(found, torch.Tensor) and found.shape[:1] == (60,) and found.shape[-1] == 3:
                made.append(function)
            return found

    with Seen():
        outputs.sum().backward()
    assert 1 <= len(made) < 10
