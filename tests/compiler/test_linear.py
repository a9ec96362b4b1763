"""Which programs are linear in their states, and what their factors and terms are."""

from __future__ import annotations

from typing import Any

import pytest

from unrolled import cells
from unrolled.cells import Cell, State, sigmoid, tanh, where
from unrolled.compiler.gradient import differentiate
from unrolled.compiler.linear import linear
from unrolled.compiler.plan import projected_program


@pytest.mark.parametrize("name", sorted(cells.by_name))
def test_of_the_cells_two_are_linear_and_three_have_a_linear_gradient(name: str) -> None:
    program = projected_program(cells.make(name, 3, 4))
    both = differentiate(program, 4)
    for each in (program, both.forward):
        assert (linear(each) is not None) == (name in ("min-gru", "min-lstm"))
    # Gradients are linear in gradients, and unit by unit where the recurrence is.
    assert (linear(both.backward) is not None) == (name in ("min-gru", "min-lstm", "ind-rnn"))


class Own(Cell):
    states = ("h", "k")
    gates = ("a", "b")
    recurrent = ()
    kind = "linear"

    def step(self, x: Any, r: Any, state: Any) -> Any:
        made = {
            "linear": lambda: where(x.a > 0.0, state.h * x.b, -(state.h - x.a) / x.b),
            "coupled": lambda: state.h + state.k,
            "condition": lambda: where(state.h > 0.0, x.a, x.b),
            "product": lambda: state.h * state.h,
            "quotient": lambda: x.a / state.h,
            "squashed": lambda: tanh(state.h),
        }[self.kind]()
        return State(h=made, k=sigmoid(x.a) * state.k)


@pytest.mark.parametrize("kind", ["linear", "coupled", "condition", "product", "quotient", "squashed"])
def test_a_cell_of_ones_own(kind: str) -> None:
    cell = Own(2, 3)
    cell.kind = kind
    found = linear(projected_program(cell))
    assert (found is not None) == (kind == "linear")
    if found is not None:
        ops = found.program.graph.ops
        for number in (*found.factors.values(), *found.terms.values()):
            assert not any(ops[needed].kind == "state" for needed in found.program.graph.needed([number]))
