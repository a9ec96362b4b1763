"""Buffers come back, and may do so at any moment."""

import gc
import threading

import pytest
import torch

import unrolled
from unrolled import cells
from unrolled.compiler import workspace
from unrolled.compiler.workspace import _LIMIT, _free, _Lent, borrow
from unrolled.nn import Recurrent, Residual


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_buffer_is_used_again_once_nothing_shares_it(dtype: torch.dtype) -> None:
    _free.clear()
    first = borrow((100_001, 3), dtype)
    address, part = first.data_ptr(), first.detach().view(-1)[5:]
    del first
    other = borrow((100_001, 3), dtype)
    assert other.data_ptr() != address
    del part
    again = borrow((100_000, 3), dtype)
    assert again.data_ptr() == address
    assert (again.dtype, again.shape, again.is_contiguous()) == (dtype, (100_000, 3), True)


def test_two_that_live_at_once_are_apart() -> None:
    a, b = borrow((200_000,), torch.float64), borrow((200_000,), torch.float64)
    assert a.data_ptr() != b.data_ptr()


def test_outputs_that_are_kept_stay_as_they_are() -> None:
    cell = cells.GRU(3, 64)
    kept = [unrolled.unroll(cell, torch.randn(40, 30, 3), backend="cpu")[0].detach() for _ in range(5)]
    copies = [outputs.clone() for outputs in kept]
    for _ in range(5):
        unrolled.unroll(cell, torch.randn(40, 30, 3), backend="cpu")[0].sum().backward()
    assert all((outputs == copy).all() for outputs, copy in zip(kept, copies, strict=True))


def test_garbage_collection_in_the_middle_does_no_harm() -> None:
    # A workspace in a cycle is given back by the collector, which may run inside of taking another.
    before = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        for size in range(200):
            cycle: list[object] = [borrow((100_000 + size,), torch.float32)]
            cycle.append(cycle)
            del cycle
    finally:
        gc.set_threshold(*before)
    assert len(_free) <= _LIMIT


def test_threads_take_different_ones() -> None:
    clashes = []

    def work(number: int) -> None:
        for _ in range(300):
            space = borrow((50_000,), torch.float32)
            space.fill_(number)
            if not (space == number).all():
                clashes.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not clashes


def test_a_training_step_frees_what_it_saved_without_garbage_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = Recurrent([Residual(cells.LSTM(5, 5)), cells.GRU(5, 5)])
    alive: list[int] = []
    take, give = workspace._take, _Lent.__del__

    def taken(size: int) -> object:
        whole = take(size)
        alive.append(whole.ctypes.data)
        return whole

    def given(self: _Lent) -> None:
        if self.base.ctypes.data in alive:
            alive.remove(self.base.ctypes.data)
        give(self)

    monkeypatch.setattr(workspace, "_take", taken)
    monkeypatch.setattr(_Lent, "__del__", given)
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            layer(torch.randn(400, 60, 5))[0].sum().backward()
            assert alive == []
    finally:
        gc.enable()
