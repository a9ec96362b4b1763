"""The backend "triton": what it refuses, and what automatic choice does on a GPU."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import unrolled
from unrolled import cells
from unrolled.backends import automatic
from unrolled.backends.backend import Request
from unrolled.backends.recompute import recomputed
from unrolled.backends.triton import _unavailable, triton_kernels
from unrolled.cells import Cell, State
from unrolled.compiler.executable import Precision
from unrolled.compiler.gpu import choose, strategy
from unrolled.compiler.gpu.form import Form, worth_trying
from unrolled.compiler.gpu.plan import gpu_plan_for

CPU = torch.device("cpu")


class Untraceable(Cell):
    states = ("h",)
    gates = ("new",)

    def step(self, x: Any, r: Any, state: Any) -> Any:
        return State(h=torch.erf(x.new + r.new))


def request(cell: Cell, **changes: Any) -> Request:
    x = torch.zeros(3, 2, 3, dtype=cell.like.dtype, **changes)
    return Request(cell, x, None, cell.initial_state(2), False)


def test_off_a_gpu_it_says_so() -> None:
    with pytest.raises(ValueError, match="its kernels are for GPUs, the inputs are on cpu"):
        unrolled.unroll(cells.LSTM(3, 4), torch.zeros(1, 2, 3), backend="triton")
    explanation = unrolled.explain(cells.LSTM(3, 4))
    assert explanation.verdicts["triton"] == "its kernels are for GPUs, the inputs are on cpu"
    assert explanation.chosen == "cpu"


def test_without_triton_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unrolled.backends.triton.find_spec", lambda _: None)
    assert _unavailable("cuda") == "triton is not installed"


@pytest.mark.parametrize("version", [(7, 5), (8, 0)])
def test_old_gpus_are_refused(version: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unrolled.backends.triton.find_spec", lambda _: object())
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: version)
    assert _unavailable("cuda") == (
        "" if version >= (8, 0) else "it needs a GPU of compute capability 8.0, {} has less"
    )


def test_what_it_cannot_compile_it_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unrolled.backends.triton._unavailable", lambda _: "")
    why = triton_kernels.offer(request(Untraceable(3, 4)))
    assert "erf" in str(why)
    offer = triton_kernels.offer(request(cells.GRU(3, 4)))
    assert not isinstance(offer, str)


def test_writing_kernels_takes_no_triton() -> None:
    text = unrolled.explain(cells.PeepholeLSTM(3, 20), show="triton backward").compiled["triton backward"]
    assert "for turn in tl.range(0, longest" in text
    wide = unrolled.explain(cells.LSTM(3, 600), show="triton").compiled["triton"]
    assert "product0" in wide
    assert importlib.util.find_spec("unrolled.compiler.gpu.module") is not None


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Seconds that each way takes, and how often any was timed under "timed"."""
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path))
    monkeypatch.setattr(choose, "_found", {})
    monkeypatch.setattr(choose, "measurable", lambda _: True)
    times: dict[str, float] = {"timed": 0}

    def seconds(way: Callable[[], object], device: torch.device) -> float:
        times["timed"] += 1
        return times[str(way())]

    monkeypatch.setattr(choose, "seconds", seconds)
    return times


def fastest(work: str, ways: dict[str, Callable[[], object]], device: torch.device) -> str:
    return choose.fastest(work, ways, device, lambda: choose.timed(ways, device))


def test_the_fastest_is_chosen_once_and_remembered(clock: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    clock |= {"a": 3.0, "b": 1.0, "c": float("inf")}
    ways = {name: lambda name=name: name for name in "abc"}
    assert fastest("work", ways, CPU) == "b"
    assert fastest("work", ways, CPU) == "b"
    assert clock["timed"] == 3
    # Another process finds it on disk.
    monkeypatch.setattr(choose, "_found", {})
    assert fastest("work", ways, CPU) == "b"
    assert clock["timed"] == 3
    # What is no longer offered is not chosen.
    del ways["b"]
    assert fastest("work", ways, CPU) == "a"
    assert fastest("other work", ways, CPU) == "a"


def test_a_gpu_has_the_loop_recorded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strategy, "shared_memory", lambda device: 1 << 17)
    ways = gpu_plan_for(cells.LSTM(3, 4), Precision.SINGLE).forward.names(torch.device("cuda"))
    assert list(ways)[-2:] == ["stepwise", "stepwise, as a graph"]
    linear = gpu_plan_for(cells.MinGRU(3, 4), Precision.SINGLE).forward.names(torch.device("cuda"))
    assert next(iter(linear)) == "scan"
    assert "stepwise" not in linear


@pytest.mark.parametrize("name", sorted(cells.by_name))
def test_a_step_by_itself_starts_a_kernel_for_each_product_that_waits_for_another(name: str) -> None:
    plan = gpu_plan_for(cells.make(name, 3, 8), Precision.SINGLE)
    waiting = 2 if name in ("gru-reset-before", "projected-lstm") else 1
    for strategies in (plan.inference, plan.forward, plan.backward):
        assert len(strategies.stepwise.turn) == waiting
        # Forwards there is nothing to do before the first product.
        assert strategies.stepwise.opening is None or strategies is plan.backward


def test_where_nothing_can_be_measured_the_first_is_taken(clock: dict[str, float], monkeypatch: Any) -> None:
    monkeypatch.setattr(choose, "measurable", lambda _: False)
    assert fastest("work", {"a": str, "b": str}, CPU) == "a"
    assert clock["timed"] == 0


def measured_first(asked: Request) -> tuple[Tensor, Any]:
    """Runs a request by its reference, after what automatic choice does on a GPU."""
    assert automatic._fastest(asked, ["torch", "reference"]) == "reference"
    return unrolled.unroll(asked.cell, asked.inputs, state=asked.state, time_major=True, backend="reference")


@pytest.fixture
def really_run(monkeypatch: pytest.MonkeyPatch, clock: dict[str, float]) -> dict[str, float]:
    """Has every way run; the reference is the fastest."""

    def seconds(way: Any, device: torch.device) -> float:
        way()
        clock["timed"] += 1
        return float(way.args[0] != "reference")

    clock["forgotten"] = 0

    def forget() -> None:
        clock["forgotten"] += 1

    monkeypatch.setattr(choose, "seconds", seconds)
    monkeypatch.setattr("unrolled.compiler.gpu.graphed.forget_graphs", forget)
    monkeypatch.setattr(torch.random, "fork_rng", lambda *_, **__: nullcontext())
    return clock


def test_measuring_leaves_the_callers_graph_whole(really_run: dict[str, float]) -> None:
    # The state depends on the cell's parameters too, as a decoder's does on what it shares with the encoder.
    cell, x = cells.GRU(3, 4), torch.randn(5, 2, 3)
    _, state = unrolled.unroll(cell, x, time_major=True, backend="reference")
    outputs, _ = measured_first(Request(cell, x * torch.ones((), requires_grad=True), None, state, False))
    outputs.sum().backward()
    assert really_run["timed"] == 2
    assert really_run["forgotten"] == 1
    found = [p.grad for p in cell.parameters()]
    cell.zero_grad()
    _, state = unrolled.unroll(cell, x, time_major=True, backend="reference")
    unrolled.unroll(cell, x, state=state, time_major=True, backend="reference")[0].sum().backward()
    for one, p in zip(found, cell.parameters(), strict=True):
        torch.testing.assert_close(one, p.grad)


def test_what_is_measured_is_not_taken_for_what_is_computed_again(really_run: dict[str, float]) -> None:
    asked = request(cells.GRU(3, 4), requires_grad=True)
    outputs, _ = recomputed(measured_first, asked, 3)
    assert outputs.shape == (3, 2, 4)
    outputs.sum().backward()
    assert asked.inputs.grad is not None
    # Once: what was found is known when the step is computed again.
    assert really_run["timed"] == 2


def test_sizes_within_a_factor_of_two_are_alike() -> None:
    assert [choose.size_class(size) for size in (0, 1, 2, 3, 4, 5, 1000)] == [1, 1, 2, 4, 4, 8, 1024]


def test_few_forms_are_worth_trying() -> None:
    forms = [Form(16, 4, stages, chunk) for stages, chunk in ((3, 0), (2, 0), (1, 0), (3, 64), (2, 32), (1, 16))]
    found = worth_trying(forms)
    assert found == [forms[0], Form(16, 2, 3, 0), Form(16, 8, 3, 0), forms[3], forms[5]]
