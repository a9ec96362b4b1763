"""What the laws do not reach: run under Triton's interpreter, and on a GPU where there is one; see `elsewhere`."""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import unrolled
from unrolled import cells
from unrolled.cells import Cell, State, project, tanh
from unrolled.compiler import plan
from unrolled.compiler.executable import Precision
from unrolled.compiler.gpu import choose, graphed, scan, strategy
from unrolled.compiler.gpu.form import Form
from unrolled.compiler.gpu.plan import gpu_plan_for
from unrolled.nn import Dropout, Zoneout

DEVICE = torch.get_default_device().type
assert DEVICE == "cuda" or os.environ["TRITON_INTERPRET"] == "1"


def results(cell: Any, x: Tensor, backend: str, **options: Any) -> list[Tensor]:
    leaf = x.clone().requires_grad_()
    outputs, end = unrolled.unroll(cell, leaf, backend=backend, **options)
    loss = outputs.sin().sum() + sum(state.float().cos().sum() for state in end)
    return [outputs, *end, *torch.autograd.grad(loss, [leaf, *cell.parameters()])]


def assert_as_reference(cell: Any, x: Tensor, *, rtol: float, atol: float, **options: Any) -> None:
    pairs = zip(results(cell, x, "triton", **options), results(cell, x, "reference", **options), strict=True)
    for found, expected in pairs:
        torch.testing.assert_close(found, expected, rtol=rtol, atol=atol)


@pytest.fixture
def way(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has one way of running a program chosen, whatever else there is."""

    def choose(form: Form | str) -> None:
        def names(self: Any, device: torch.device) -> dict[str, Any]:
            return {"way": getattr(self, form) if isinstance(form, str) else form}

        monkeypatch.setattr(strategy.Strategies, "names", names)

    return choose


@pytest.mark.parametrize("name", ["lstm", "gru-reset-before", "projected-lstm"])
def test_matrices_read_in_slices(name: str, way: Any) -> None:
    way(Form(16, 4, 2, 16))
    cell = cells.make(name, 4, 37, dtype=torch.float64)
    x, lengths = torch.randn(3, 4, 4, dtype=torch.float64), torch.tensor([4, 0, 2])
    assert_as_reference(cell, x, lengths=lengths, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("name", sorted(cells.by_name))
def test_step_by_step(name: str, way: Any) -> None:
    way("stepwise")
    cell = cells.make(name, 4, 7, dtype=torch.float64)
    lengths = torch.tensor([4, 0, 2])
    x = torch.randn(3, 4, 4, dtype=torch.float64)
    x[2, 2:] = float("nan")
    assert_as_reference(cell, x, lengths=lengths, reverse=len(name) % 2 == 0, rtol=1e-10, atol=1e-11)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Has graphs recorded off a GPU too, where a replay is the same work once more; gives the replays of each."""
    replays, on_gpu = list[int](), graphed.record
    # Plans of other tests have graphs that tell others.
    monkeypatch.setattr(plan, "_plans", OrderedDict())

    def once_more(body: Any) -> Any:
        body()
        return body

    def record(body: Any) -> Any:
        again = on_gpu(body) if DEVICE == "cuda" else once_more(body)
        replays.append(0)
        mine = len(replays) - 1

        def replay() -> None:
            replays[mine] += 1
            again()

        return replay

    if DEVICE != "cuda":
        monkeypatch.setattr(graphed, "can_record", lambda device: True)
        monkeypatch.setattr(graphed, "place", lambda: "here")
    monkeypatch.setattr(graphed, "record", record)
    return replays


@pytest.mark.parametrize("name", ["gru-reset-before", "projected-lstm"])
@pytest.mark.parametrize("lengths", [None, [4, 0, 2]])
@pytest.mark.parametrize("batch_major", [True, False])
def test_a_recorded_loop(name: str, lengths: list[int] | None, batch_major: bool, way: Any, recorded: Any) -> None:
    way("graphed")
    for turn in range(4):
        # The graphs outlive cells' values and tensors, and must take nothing of an earlier call.
        cell = cells.make(name, 4, 7, dtype=torch.float64)
        x = torch.randn((3, 4, 4) if batch_major else (4, 3, 4), dtype=torch.float64)
        own = None if lengths is None else torch.tensor(lengths[turn % 3 :] + lengths[: turn % 3])
        options = {"lengths": own, "time_major": not batch_major, "reverse": turn % 2 == 0}
        assert_as_reference(cell, x, **options, rtol=1e-10, atol=1e-11)
    # Of either direction of time the second call is recorded, forward and backward.
    assert recorded == [1, 1, 1, 1]


def test_graphs_are_forgotten_and_made_again(way: Any, recorded: list[int]) -> None:
    way("graphed")
    cell, x = cells.GRU(3, 5, dtype=torch.float64), torch.randn(2, 3, 3, dtype=torch.float64)
    for _ in range(2):
        unrolled.unroll(cell, x, backend="triton")
    graphed.forget_graphs()
    for _ in range(2):
        unrolled.unroll(cell, x, backend="triton")
    assert recorded == [1, 2]


def test_a_graph_that_is_not_the_fastest_is_not_kept(
    recorded: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def names(self: Any, device: torch.device) -> dict[str, Any]:
        return {"graphed": self.graphed, "stepwise": self.stepwise}

    times: dict[str, float] = {}

    def seconds(trial: Any, device: torch.device) -> float:
        trial()
        trial()
        (way,) = trial.args
        return times.setdefault(type(way).__name__, float(isinstance(way, graphed.Graphed)))

    monkeypatch.setattr(strategy.Strategies, "names", names)
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path))
    monkeypatch.setattr(choose, "_found", {})
    monkeypatch.setattr(choose, "measurable", lambda device: True)
    monkeypatch.setattr(choose, "seconds", seconds)
    cell = cells.GRU(3, 5, dtype=torch.float64)
    for _ in range(3):
        assert_as_reference(cell, torch.randn(2, 3, 3, dtype=torch.float64), rtol=1e-10, atol=1e-11)
    assert times == {"Graphed": 1.0, "Stepwise": 0.0}
    # Of a forward and a backward program, each replayed in its trial: its shape came before, to be compiled for.
    assert recorded == [2, 2]
    of_cell = gpu_plan_for(cell, Precision.DOUBLE)
    assert not of_cell.forward.graphed._graphs
    assert not of_cell.backward.graphed._graphs


def test_shapes_that_come_once_are_not_recorded(way: Any, recorded: Any) -> None:
    way("graphed")
    cell = cells.GRU(3, 5, dtype=torch.float64)
    for steps in (1, 2, 3, 0, 0):
        unrolled.unroll(cell, torch.randn(2, steps, 3, dtype=torch.float64), backend="triton")
    assert not recorded


def test_few_graphs_are_kept(way: Any, recorded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    way("graphed")
    monkeypatch.setattr(graphed, "KEPT", 1)
    cell = cells.GRU(3, 5, dtype=torch.float64)
    made = gpu_plan_for(cell, Precision.DOUBLE)
    with torch.no_grad():
        for steps in (1, 1, 2, 2, 1, 1):
            x = torch.randn(2, steps, 3, dtype=torch.float64)
            assert_close = torch.testing.assert_close
            assert_close(*(unrolled.unroll(cell, x, backend=name)[0] for name in ("triton", "reference")))
    assert recorded == [1, 1, 2]
    assert len(made.inference.graphed._graphs) == 1


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many steps a scan has; the interpreter takes long for many."""
    monkeypatch.setattr(scan, "STEPS", 4)
    return 4


@pytest.mark.parametrize(("name", "units"), [("min-gru", 1), ("min-lstm", 7), ("min-gru", 32), ("min-lstm", 37)])
@pytest.mark.parametrize("reverse", [False, True])
def test_by_a_scan(name: str, units: int, reverse: bool, few_steps: int, way: Any) -> None:
    way("scan")
    cell = cells.make(name, 3, units, dtype=torch.float64)
    lengths = torch.tensor([2 * few_steps + 2, 0, 1, few_steps, few_steps + 1])
    x = torch.randn(5, 2 * few_steps + 3, 3, dtype=torch.float64)
    x[3, few_steps:] = float("nan")
    state = torch.randn(5, units, dtype=torch.float64)
    assert_as_reference(cell, x, lengths=lengths, state=state, reverse=reverse, rtol=1e-10, atol=1e-11)


class Decaying(Cell):
    """A cell with two states that are linear, each in itself, and learned vectors."""

    states = ("h", "slow")
    gates = ("a", "b")
    recurrent = ()
    vectors = ("decay",)

    def step(self, x: Any, r: Any, state: Any) -> Any:
        slow = (state.slow + tanh(x.b)) / (1.0 + x.b * x.b)
        return State(h=x.a - self.decay * state.h, slow=slow)


@pytest.mark.parametrize("batch_major", [True, False])
def test_two_states_and_vectors_by_a_scan(batch_major: bool, few_steps: int, way: Any) -> None:
    way("scan")
    cell = Decaying(3, 5, dtype=torch.float64)
    torch.nn.init.uniform_(cell.decay)
    x = torch.randn(2, few_steps + 3, 3, dtype=torch.float64)
    x = x if batch_major else x.transpose(0, 1).contiguous()
    assert_as_reference(cell, x, time_major=not batch_major, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("shape", [(0, 3, 3), (2, 0, 3)])
def test_nothing_to_scan(shape: tuple[int, int, int], way: Any) -> None:
    way("scan")
    cell, state = cells.MinGRU(3, 4), torch.randn(shape[0], 4)
    outputs, end = unrolled.unroll(cell, torch.zeros(shape), state=state, backend="triton")
    assert outputs.shape == (*shape[:2], 4)
    assert torch.equal(end.h, state)


class Late(Cell):
    """A cell whose old state meets a product that comes late, beside a new state that is there early."""

    states = ("h", "early")
    gates = ("a", "b")
    deferred = ("b",)

    def step(self, x: Any, r: Any, state: Any) -> Any:
        early = state.early * 0.5 + x.a
        inner = r.b(tanh(x.b + r.a))
        return State(h=tanh(inner + project(state.early, self.mixing)), early=early)

    def add_parameters(self, parameter: Any) -> None:
        self.mixing = parameter(self.hidden_size, self.hidden_size)

    def reset_parameters(self) -> None:
        super().reset_parameters()
        torch.nn.init.normal_(self.mixing)


@pytest.mark.parametrize("form", ["stepwise", Form(16, 2, 2, 0), Form(16, 2, 2, 16)])
def test_old_states_are_there_as_long_as_they_are_needed(form: Form | str, way: Any) -> None:
    way(form)
    cell = Late(3, 18, dtype=torch.float64)
    x, lengths = torch.randn(4, 5, 3, dtype=torch.float64), torch.tensor([5, 1, 0, 3])
    assert_as_reference(cell, x, lengths=lengths, rtol=1e-10, atol=1e-11)


def test_what_is_wide_goes_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strategy, "WIDEST", 16)
    cell = cells.LSTM(2, 17, dtype=torch.float64)
    assert list(gpu_plan_for(cell, Precision.DOUBLE).forward.names(torch.device("cpu"))) == ["stepwise"]
    assert_as_reference(cell, torch.randn(2, 3, 2, dtype=torch.float64), rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("batch_major", [True, False])
@pytest.mark.parametrize("batch", [1, 17, 33])
def test_more_rows_than_a_program_has(batch: int, batch_major: bool) -> None:
    cell = cells.LSTM(3, 6, dtype=torch.float64)
    x = torch.randn(batch, 3, 3, dtype=torch.float64)
    x = x if batch_major else x.transpose(0, 1).contiguous()
    assert_as_reference(cell, x, time_major=not batch_major, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("shape", [(0, 3, 3), (2, 0, 3), (0, 0, 3)])
@pytest.mark.parametrize("form", ["stepwise", Form(16, 1, 1, 0)])
def test_nothing_to_do(shape: tuple[int, int, int], form: Form | str, way: Any) -> None:
    way(form)
    cell, state = cells.GRU(3, 4), torch.randn(shape[0], 4, requires_grad=True)
    outputs, end = unrolled.unroll(cell, torch.zeros(shape), state=state, backend="triton")
    assert outputs.shape == (*shape[:2], 4)
    assert torch.equal(end.h, state)
    d_state, *others = torch.autograd.grad(outputs.sum() + end.h.sum(), [state, *cell.parameters()])
    assert (d_state == 1).all()
    assert not any(d.any() for d in others)


def test_half_precision_keeps_states_and_sums_in_float32() -> None:
    torch.manual_seed(0)
    dtype = torch.float16
    cell = cells.LSTM(8, 24, dtype=dtype)
    x = torch.randn(4, 12, 8, dtype=dtype)
    single = cells.LSTM(8, 24)
    single.load_state_dict({name: value.float() for name, value in cell.state_dict().items()})
    exact = results(single, x.float(), "reference")
    found, eager = results(cell, x, "triton"), results(cell, x, "reference")
    for one, other, true in zip(found, eager, exact, strict=True):
        assert one.dtype == dtype
        # As near the truth as torch's own steps, in which everything is rounded, or nearer.
        assert (one.float() - true).norm() <= 1.1 * (other.float() - true).norm() + 1e-3 * true.norm()


def test_autocast_rounds_factors_and_nothing_else() -> None:
    cell, x = cells.GRU(5, 20), torch.randn(4, 8, 5)
    exact = results(cell, x, "reference")
    with torch.autocast(DEVICE, torch.float16):
        found = results(cell, x, "triton")
    for one, true in zip(found, exact, strict=True):
        assert one.dtype == torch.float32
        assert (one - true).norm() <= 0.03 * true.norm() + 1e-4


@pytest.mark.skipif(DEVICE == "cuda", reason="a GPU multiplies bf16")
def test_bfloat16_is_refused_here() -> None:
    with torch.autocast("cpu", torch.bfloat16), pytest.raises(ValueError, match="interpreter multiplies the bits"):
        unrolled.unroll(cells.GRU(3, 4), torch.zeros(1, 2, 3), backend="triton")


def test_double_backward_is_the_references() -> None:
    cell = cells.LSTM(2, 3, dtype=torch.float64)
    x = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([3, 1])
    assert torch.autograd.gradgradcheck(lambda v: unrolled.unroll(cell, v, lengths, backend="triton")[0], (x,))


@pytest.mark.parametrize("checkpoint", ["all", "every:2"])
def test_recomputing(checkpoint: str) -> None:
    cell, x = cells.PeepholeLSTM(3, 5, dtype=torch.float64), torch.randn(3, 5, 3, dtype=torch.float64)
    for one, other in zip(results(cell, x, "triton", checkpoint=checkpoint), results(cell, x, "triton"), strict=True):
        torch.testing.assert_close(one, other)


def test_wrappers() -> None:
    core = Dropout(Zoneout(cells.LSTM(3, 5, dtype=torch.float64)), 0.2, 0.2, 0.2, variational=True).eval()
    x, lengths = torch.randn(3, 5, 3, dtype=torch.float64), torch.tensor([5, 2, 0])
    found, _ = unrolled.unroll(core, x, lengths, backend="triton")
    torch.testing.assert_close(found, unrolled.unroll(core, x, lengths, backend="reference")[0])


def test_lengths_that_nobody_checked_do_no_harm() -> None:
    # On a GPU the host never sees them.
    from unrolled.backends.backend import Request
    from unrolled.backends.triton import triton_kernels

    cell, x = cells.GRU(3, 4), torch.randn(5, 2, 3)
    request = Request(cell, x, torch.tensor([9, -2]), cell.initial_state(2), False)
    served = triton_kernels.offer(request)
    assert not isinstance(served, str)
    outputs, _ = served()
    assert outputs[:, 0].isfinite().all()
    assert (outputs[:, 1] == 0).all()
