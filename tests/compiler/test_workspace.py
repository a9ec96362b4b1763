"""Buffers come back, and may do so at any moment."""

import gc
import threading

import torch

from unrolled import cells
from unrolled.compiler.workspace import _LIMIT, Workspace, _free
from unrolled.nn import Recurrent, Residual


def test_a_buffer_is_used_again() -> None:
    first = Workspace(100_001, torch.float32)
    address = first.tensor.data_ptr()
    del first
    assert Workspace(100_000, torch.float32).tensor.data_ptr() == address


def test_two_that_live_at_once_are_apart() -> None:
    a, b = Workspace(1000, torch.float64), Workspace(1000, torch.float64)
    assert a.tensor.data_ptr() != b.tensor.data_ptr()


def test_garbage_collection_in_the_middle_does_no_harm() -> None:
    # A workspace in a cycle is given back by the collector, which may run inside of taking another.
    before = gc.get_threshold()
    gc.set_threshold(1, 1, 1)
    try:
        for size in range(200):
            cycle: list[object] = [Workspace(1000 + size, torch.float32)]
            cycle.append(cycle)
            del cycle
    finally:
        gc.set_threshold(*before)
    assert len(_free[torch.float32]) <= _LIMIT


def test_threads_take_different_ones() -> None:
    clashes = []

    def work(number: int) -> None:
        for _ in range(300):
            space = Workspace(5000, torch.float32)
            space.tensor.fill_(number)
            if not (space.tensor == number).all():
                clashes.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not clashes


def test_a_training_step_frees_what_it_saved_without_garbage_collection() -> None:
    layer = Recurrent([Residual(cells.LSTM(5, 5)), cells.GRU(5, 5)])
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            layer(torch.randn(4, 6, 5))[0].sum().backward()
        left = [found for found in gc.get_objects() if type(found) is Workspace]
    finally:
        gc.enable()
    assert left == []
