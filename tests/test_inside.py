"""States, gates and gradients inside a cell, beside the same computed directly."""

import pytest
import torch
from torch import Tensor

import unrolled
from unrolled import cells
from unrolled.cells import Cell, State, tanh

LENGTHS = torch.tensor([6, 0, 1, 4])


def batch() -> Tensor:
    torch.manual_seed(0)
    return torch.randn(4, 6, 3, dtype=torch.float64)


def by_hand(cell: Cell, row: Tensor) -> tuple[dict[str, list[Tensor]], dict[str, list[Tensor]]]:
    """States and gates of one row, from the papers' equations and the parameters."""
    state = [torch.zeros(5, dtype=torch.float64)] * len(cell.states)
    states: dict[str, list[Tensor]] = {name: [] for name in cell.states}
    gates: dict[str, list[Tensor]] = {name: [] for name in cell.gates}
    for step in row:
        x = (cell.weight_ih @ step + cell.bias_ih).chunk(len(cell.gates))
        r = (cell.weight_hh @ state[0] + cell.bias_hh).chunk(len(cell.gates))
        if isinstance(cell, cells.LSTM):
            i, f, o = (torch.sigmoid(x[n] + r[n]) for n in (0, 1, 3))
            g = torch.tanh(x[2] + r[2])
            values = i, f, g, o
            c = f * state[1] + i * g
            state = [o * torch.tanh(c), c]
        else:
            reset, update = (torch.sigmoid(x[n] + r[n]) for n in (0, 1))
            new = torch.tanh(x[2] + reset * r[2])
            values = reset, update, new
            state = [(1 - update) * new + update * state[0]]
        for into, found in ((states, state), (gates, values)):
            for name, value in zip(into, found, strict=True):
                into[name].append(value)
    return states, gates


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_states_and_gates_are_those_of_the_equations(name: str) -> None:
    inputs, cell = batch(), cells.make(name, 3, 5, dtype=torch.float64)
    cell.bias_hh.data.normal_()
    found = unrolled.inspect(cell, inputs, LENGTHS)
    for index, length in enumerate(LENGTHS.tolist()):
        expected, here = by_hand(cell, inputs[index, :length]), found.row(index)
        for part, wanted in zip(here, expected, strict=True):
            assert set(part) == set(wanted)
            for key, values in wanted.items():
                assert part[key].shape == (length, 5)
                if length:
                    torch.testing.assert_close(part[key], torch.stack(values))
    assert (found.gates[cell.gates[0]][1] == 0).all()


@pytest.mark.parametrize("name", cells.by_name)
def test_every_cell_shows_its_gates_and_the_states_that_unrolling_gives(name: str) -> None:
    inputs, cell = batch(), cells.make(name, 3, 5, dtype=torch.float64)
    found = unrolled.inspect(cell, inputs, LENGTHS)
    outputs, state = unrolled.unroll(cell, inputs, LENGTHS, backend="reference")
    torch.testing.assert_close(found.states[cell.states[0]], outputs)
    for key, last in state._asdict().items():
        torch.testing.assert_close(found.states[key][0, -1], last[0])
    assert list(found.gates) == list(cell.gates)
    assert all(value.shape == (4, 6, 5) for value in found.gates.values())


def test_a_normalised_gate_is_what_its_activation_makes_of_it() -> None:
    cell = cells.LayerNormLSTM(3, 5)
    gates = unrolled.inspect(cell, batch().float()).gates
    for name in ("input", "forget", "output"):
        assert ((gates[name] > 0) & (gates[name] < 1)).all()
    assert gates["candidate"].min() < 0


def test_the_gates_of_slstm_make_its_states() -> None:
    cell = cells.SLSTM(3, 5)
    found = unrolled.inspect(cell, batch().float())
    gates, n = found.gates, found.states["n"]
    torch.testing.assert_close(n[:, 1:], gates["forget"][:, 1:] * n[:, :-1] + gates["input"][:, 1:])


class Linear(Cell):
    """A gate that meets no activation, and one of its own name behind a deferred product."""

    states = ("h",)
    gates = ("keep", "new")
    deferred = ("new",)

    def step(self, x, r, state):
        keep = x.keep + r.keep
        return State(h=tanh(x.new + r.new(state.h * keep)))


def test_gates_of_a_cell_of_ones_own() -> None:
    cell, inputs = Linear(3, 5), batch().float()
    found = unrolled.inspect(cell, inputs)
    h = torch.cat([torch.zeros(4, 1, 5), found.states["h"][:, :-1]], 1)
    keep = inputs @ cell.weight_ih[:5].T + h @ cell.weight_hh[:5].T
    torch.testing.assert_close(found.gates["keep"], keep)
    torch.testing.assert_close(found.gates["new"], found.states["h"])


def test_padding_and_the_start_are_as_in_unrolling() -> None:
    inputs, cell = batch(), cells.LSTM(3, 5, dtype=torch.float64)
    clean = unrolled.inspect(cell, inputs, LENGTHS)
    inputs[2, 1:] = float("nan")
    found = unrolled.inspect(cell, inputs, LENGTHS)
    for name, value in clean.gates.items():
        assert torch.equal(value, found.gates[name])
    _, carried = unrolled.unroll(cell, inputs[:1, :3])
    rest = unrolled.inspect(cell, inputs[:1, 3:], state=carried)
    torch.testing.assert_close(rest.states["c"], clean.states["c"][:1, 3:])


def test_gradients_reach_as_far_as_the_jacobian_says() -> None:
    torch.manual_seed(0)
    cell, inputs = cells.GRU(2, 4, dtype=torch.float64), torch.randn(1, 5, 2, dtype=torch.float64)
    reach = unrolled.gradient_reach(cell, inputs, probes=4000)
    assert reach.shape == (6,)
    assert reach[0] == pytest.approx(1, rel=0.03)
    for lag in (1, 3, 5):
        _, before = unrolled.unroll(cell, inputs[:, : 5 - lag])

        def last(h: Tensor, lag: int = lag) -> Tensor:
            return unrolled.unroll(cell, inputs[:, 5 - lag :], state=(h,), backend="reference")[1].h

        jacobian = torch.autograd.functional.jacobian(last, before.h)
        assert reach[lag] == pytest.approx(jacobian.norm().item() / 2, rel=0.05)


def test_rows_count_backwards_from_their_own_ends() -> None:
    cell, inputs = cells.LSTM(3, 5, dtype=torch.float64), batch()
    together = unrolled.gradient_reach(cell, inputs[[0, 3]], torch.tensor([4, 4]))
    padded = unrolled.gradient_reach(cell, inputs[[0, 3], :4])
    torch.testing.assert_close(together[:5], padded)
    # Nothing is that far back.
    assert together[5:].isnan().all()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((torch.nn.LSTM(3, 5), batch()), "cell"),
        ((cells.LSTM(3, 5), batch()), "inputs"),
        ((cells.GRU(3, 5), 1), "inputs"),
    ],
)
def test_other_arguments_are_named(arguments, told: str) -> None:
    for function in (unrolled.inspect, unrolled.gradient_reach):
        with pytest.raises((TypeError, ValueError), match=f"^{told}: expected"):
            function(*arguments)
    with pytest.raises(ValueError, match=r"^probes: expected"):
        unrolled.gradient_reach(cells.GRU(3, 5), torch.zeros(1, 2, 3), probes=0)
    with pytest.raises(ValueError, match=r"^inputs: expected at least one step"):
        unrolled.inspect(cells.GRU(3, 5), torch.zeros(1, 0, 3))
