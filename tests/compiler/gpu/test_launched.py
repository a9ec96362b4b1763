"""Kernels as Triton makes them of real arguments, for a GPU that is not there: nothing runs, all else does.

What `ahead` assembles it is told in words. Here Triton looks at tensors and numbers itself: a stride of one is a
constant, one that sixteen divides is known to be, and each makes another kernel.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import unrolled
from unrolled import cells
from unrolled.compiler.gpu import choose, strategy
from unrolled.compiler.gpu.ahead import SHARED
from unrolled.compiler.gpu.form import Form
from unrolled.compiler.gpu.module import compile_together

pytest.importorskip("triton", reason="triton is not installed")


class Driver:
    """Stands in for the driver of an H100; counts what it is asked to launch."""

    def __init__(self) -> None:
        self.launched: list[Any] = []
        self.utils = SimpleNamespace(
            load_binary=lambda name, kernel, shared, device: (None, None, 0, 0, 1024),
            get_device_properties=lambda device: {"max_shared_mem": SHARED[90]},
        )

    def launcher_cls(self, source: Any, metadata: Any) -> Any:
        """What Triton calls for each launch."""
        return lambda *arguments: self.launched.append(metadata)

    def get_current_target(self) -> Any:
        """The GPU."""
        from triton.backends.compiler import GPUTarget

        return GPUTarget("cuda", 90, 32)

    def get_current_device(self) -> int:
        """Its number."""
        return 0

    def get_current_stream(self, device: int) -> int:
        """Its stream."""
        return 0


@pytest.fixture
def driver(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Driver:
    from triton.runtime import driver as triton_driver

    made = Driver()
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path_factory.mktemp("triton")))
    monkeypatch.setattr(triton_driver, "_active", made)
    monkeypatch.setattr("unrolled.backends.triton._unavailable", lambda kind: "")
    return made


@pytest.mark.parametrize("way", [Form(16, 4, 2, 0), Form(16, 4, 2, 16), "stepwise"], ids=["held", "slices", "stepwise"])
@pytest.mark.parametrize(("batch", "features", "units"), [(1, 1, 1), (17, 3, 20), (16, 16, 64)])
@pytest.mark.parametrize("ragged", [False, True])
def test_an_lstm(
    way: Form | str, batch: int, features: int, units: int, ragged: bool, driver: Driver, monkeypatch: Any
) -> None:
    def names(self: Any, device: torch.device) -> dict[str, Any]:
        return {"way": getattr(self, way) if isinstance(way, str) else way}

    monkeypatch.setattr(strategy.Strategies, "names", names)
    cell = cells.LSTM(features, units, dtype=torch.float16)
    trained(cell, batch, 3, ragged=ragged, reverse=ragged)
    # A kernel for all steps there and one back; or one for each step, and one before the first step back.
    assert len(driver.launched) == (2 if isinstance(way, Form) else 3 + 1 + 3)


def trained(cell: cells.Cell, batch: int, steps: int, *, ragged: bool, reverse: bool) -> None:
    x = torch.zeros(batch, steps, cell.input_size, dtype=cell.like.dtype, requires_grad=True)
    lengths = torch.full((batch,), 2) if ragged else None
    outputs, _ = unrolled.unroll(cell, x, lengths, backend="triton", reverse=reverse)
    found = torch.autograd.grad(outputs.sum(), [x, *cell.parameters()])
    assert [one.shape for one in found] == [one.shape for one in (x, *cell.parameters())]


@pytest.mark.parametrize("units", [1, 16, 40])
def test_a_scan(units: int, driver: Driver) -> None:
    trained(cells.MinGRU(2, units), 3, 5, ragged=units > 1, reverse=units > 16)
    assert [metadata.num_warps for metadata in driver.launched] == [4, 4]


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kernels that were compiled, by name."""
    from triton import knobs

    names: list[str] = []
    monkeypatch.setattr(
        knobs.runtime, "jit_post_compile_hook", lambda *_, fn, **__: names.append(fn.jit_function.fn.__module__)
    )
    return names


def test_ways_are_compiled_before_any_is_timed(
    driver: Driver, compiled: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timed: list[int] = []

    def seconds(way: Any, device: torch.device) -> float:
        before = len(compiled)
        way()
        assert len(compiled) == before
        timed.append(len(driver.launched))
        return float(len(timed))

    monkeypatch.setattr(choose, "measurable", lambda device: True)
    monkeypatch.setattr(choose, "seconds", seconds)
    monkeypatch.setattr(choose, "_found", {})
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path))
    cell, x = cells.GRU(3, 24), torch.zeros(2, 3, 3)
    with torch.no_grad():
        unrolled.unroll(cell, x, backend="triton")
    # Each has a kernel of its own; the steps' is launched for each of the three.
    forms = len(timed) - 1
    assert forms >= 3
    assert len(compiled) == len(timed)
    assert timed == [*range(1, forms + 1), forms + 3]


def test_what_cannot_be_compiled_is_left_to_the_launch(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise torch.OutOfMemoryError("no memory")

    cell, x = cells.GRU(3, 4), torch.zeros(2, 3, 3)
    with torch.no_grad():
        compile_together([fails, lambda: unrolled.unroll(cell, x, backend="triton")])
        assert not driver.launched
        unrolled.unroll(cell, x, backend="triton")
    assert len(driver.launched) == 1
