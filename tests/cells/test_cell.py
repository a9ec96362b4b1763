"""What a cell declares, what it gets for it, and a cell of one's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import unrolled
from unrolled import cells
from unrolled.cells import Cell, State, exp, layer_norm, maximum, mean, project, relu, sigmoid, tanh, total, where


class Mine(Cell):
    """Everything that the vocabulary has, in one step."""

    states = ("h", "memory")
    gates = ("a", "b", "late")
    recurrent = ("b", "late")
    deferred = ("late",)
    vectors = ("slope",)
    initial = {"memory": 0.5}  # noqa: RUF012

    def step(self, x: Any, r: Any, state: Any) -> Any:
        """One step."""
        gate = sigmoid(x.a + self.slope * state.memory)
        other = where(x.b + r.b > 0.1, tanh(x.b), -0.5 * relu(r.b) - 0.1)
        focus = exp(other - mean(other))
        memory = maximum(gate * state.memory + (1 - gate) * focus / total(focus), -2.0)
        (level,) = layer_norm(memory)
        return State(h=tanh(x.late + r.late(gate * level)), memory=memory)


class Plain(Cell):
    """The LSTM as a user would write it."""

    states = ("h", "c")
    gates = ("input", "forget", "candidate", "output")

    def step(self, x: Any, r: Any, state: Any) -> Any:
        """One step."""
        i = sigmoid(x.input + r.input)
        f = sigmoid(x.forget + r.forget)
        g = tanh(x.candidate + r.candidate)
        o = sigmoid(x.output + r.output)
        c = f * state.c + i * g
        return State(h=o * tanh(c), c=c)


@pytest.mark.parametrize("kind", [Mine, Plain])
def test_a_cell_of_ones_own_runs_on_every_backend(kind: type[Cell]) -> None:
    cell = kind(3, 5, dtype=torch.float64)
    assert unrolled.explain(cell).chosen == "cpu"
    lengths = torch.tensor([6, 0, 3])
    results = []
    for backend in ("cpu", "reference"):
        x = torch.randn(3, 6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
        outputs, end = unrolled.unroll(cell, x, lengths, backend=backend)
        gradients = torch.autograd.grad(outputs.sum() + end[1].sin().sum(), [x, *cell.parameters()])
        results.append((outputs, *end, *gradients))
    for found, expected in zip(*results, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_the_plain_one_is_the_shipped_one() -> None:
    a, b = Plain(3, 5), cells.LSTM(3, 5)
    b.load_state_dict(a.state_dict())
    x = torch.randn(2, 4, 3)
    assert torch.equal(unrolled.unroll(a, x, backend="cpu")[0], unrolled.unroll(b, x, backend="cpu")[0])


class Unsupported(Cell):
    """Uses what the compiler has no operation for."""

    states = ("h",)
    gates = ("g",)

    def step(self, x: Any, r: Any, state: Any) -> Any:
        """One step."""
        return State(h=torch.erf(x.g + r.g))


class Branching(Cell):
    """Branches on a value."""

    states = ("h",)
    gates = ("g",)

    def step(self, x: Any, r: Any, state: Any) -> Any:
        """One step."""
        return State(h=tanh(x.g) if (x.g > 0).all() else r.g)


@pytest.mark.parametrize(("kind", "told"), [(Unsupported, "erf"), (Branching, "all")])
def test_what_the_compiler_cannot_do_falls_back_and_is_told(kind: type[Cell], told: str) -> None:
    cell = kind(3, 5)
    x = torch.randn(2, 4, 3)
    assert unrolled.unroll(cell, x)[0].shape == (2, 4, 5)
    with pytest.raises(ValueError, match=rf"cannot serve.*{told}"):
        unrolled.unroll(cell, x, backend="cpu")


def test_a_matrix_of_ones_own() -> None:
    class Twice(Cell):
        states = ("h",)
        gates = ("g",)
        again: torch.Tensor

        def add_parameters(self, parameter: Any) -> None:
            self.again = parameter(self.hidden_size, self.hidden_size)

        def reset_parameters(self) -> None:
            super().reset_parameters()
            torch.nn.init.eye_(self.again)

        def step(self, x: Any, r: Any, state: Any) -> Any:
            return State(h=tanh(project(tanh(x.g + r.g), self.again)))

    cell, x = Twice(3, 5, dtype=torch.float64), torch.randn(2, 4, 3, dtype=torch.float64)
    found, expected = (unrolled.unroll(cell, x, backend=b)[0] for b in ("cpu", "reference"))
    torch.testing.assert_close(found, expected)
    a, b = (torch.autograd.grad(value.sin().sum(), list(cell.parameters())) for value in (found, expected))
    for one, other in zip(a, b, strict=True):
        torch.testing.assert_close(one, other)


def test_initial_values() -> None:
    cell = cells.LSTM(30, 20)
    assert torch.equal(cell.bias_ih[20:40], torch.ones(20))
    assert cell.bias_ih[:20].abs().sum() == cell.bias_hh.abs().sum() == 0
    block = cell.weight_hh[:20]
    torch.testing.assert_close(block @ block.T, torch.eye(20), rtol=1e-5, atol=1e-5)
    assert cell.weight_ih.abs().max() <= (6 / 50) ** 0.5
    assert cells.LSTM(3, 4, forget_bias=2.5).bias_ih[4:8].tolist() == [2.5] * 4
    assert cells.SLSTM(3, 4).initial_state(2).m[0, 0] == -1e30
    assert Mine(3, 4).initial_state(2).memory.unique().tolist() == [0.5]


@pytest.mark.parametrize(
    ("make", "error", "told"),
    [
        (lambda: cells.LSTM(0, 5), ValueError, "input_size: expected a positive integer"),
        (lambda: cells.LSTM(3, 2.0), ValueError, "hidden_size: expected a positive integer"),
        (lambda: cells.LSTM(3, True), ValueError, "hidden_size"),
        (lambda: cells.GRU(3, 5, forget_bias=1.0), ValueError, "forget_bias: expected none"),
        (lambda: cells.RNN(3, 5, nonlinearity="sine"), ValueError, "nonlinearity: expected one of"),
        (lambda: cells.SLSTM(3, 5, forget_gate="relu"), ValueError, "forget_gate: expected one of"),
        (lambda: cells.ProjectedLSTM(3, 5, proj_size=5), ValueError, "proj_size: expected less than"),
        (lambda: cells.make("lsmt", 3, 5), ValueError, "did you mean 'lstm'"),
        (lambda: cells.make("gru", 3, 5, peephole=True), ValueError, "does not take these options"),
        (lambda: Cell(3, 5), TypeError, "declares no states"),
        (lambda: type("Bad", (Cell,), {"states": "h", "gates": ("g",)}), TypeError, "states must be a tuple"),
        (
            lambda: type("Bad", (Cell,), {"states": ("h",), "gates": ("a", "b"), "deferred": ("a",)}),
            TypeError,
            "must be the last",
        ),
    ],
)
def test_bad_declarations_and_options_are_named(make: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        make()
