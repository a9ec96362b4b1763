"""`Recurrent` and the wrappers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import unrolled
from unrolled import cells
from unrolled.nn import LSTM, Dropout, On, Projection, Recurrent, Residual, Zoneout

X = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(0))
LENGTHS = torch.tensor([6, 0, 2, 5])


class TestRecurrent:
    def test_layers_in_both_directions_are_torch_nns(self) -> None:
        theirs = LSTM(3, 5, num_layers=2, bidirectional=True, batch_first=True)
        ours = Recurrent([cells.LSTM(3, 5), cells.LSTM(10, 5)], bidirectional=True)
        for number in range(2):
            for layers, suffix in ((ours.layers, ""), (ours.backward_layers, "_reverse")):
                state = {n: getattr(theirs, f"{n}_l{number}{suffix}") for n in layers[number].state_dict()}
                layers[number].load_state_dict(state)
        outputs, state = ours(X, LENGTHS)
        expected, (h, _) = theirs(X, lengths=LENGTHS)
        torch.testing.assert_close(outputs, expected)
        torch.testing.assert_close(torch.stack([state[0][0].h, state[0][1].h, state[1][0].h, state[1][1].h]), h)
        assert ours.output_size == 10

    def test_each_direction_and_layer_has_its_own_weights(self) -> None:
        layer = Recurrent([cells.RNN(3, 4), cells.RNN(8, 4)], bidirectional=True)
        assert layer.backward_layers is not None
        assert not torch.equal(layer.layers[0].weight_ih, layer.backward_layers[0].weight_ih)
        assert len({id(p) for p in layer.parameters()}) == 16

    def test_a_state_is_carried_and_steps_are_the_whole(self) -> None:
        layer = Recurrent([cells.GRU(3, 5), Dropout(cells.LSTM(5, 4), input=0.3)]).eval()
        whole, end = layer(X)
        first, state = layer(X[:, :4])
        second, _ = layer(X[:, 4:], state=state)
        torch.testing.assert_close(torch.cat([first, second], 1), whole)
        state = None
        for time in range(6):
            output, state = layer.step(X[:, time], state)
            torch.testing.assert_close(output, whole[:, time])
        torch.testing.assert_close(state[1].c, end[1].c)

    def test_time_major(self) -> None:
        layer = Recurrent(cells.GRU(3, 5))
        other = Recurrent(layer.layers[0], time_major=True)
        torch.testing.assert_close(other(X.transpose(0, 1))[0].transpose(0, 1), layer(X)[0])

    @pytest.mark.parametrize(
        ("call", "told"),
        [
            (lambda: Recurrent([]), "cells: expected a cell"),
            (lambda: Recurrent([cells.RNN(3, 4), cells.RNN(5, 4)]), "expected layer 1 to take 4 features"),
            (lambda: Recurrent([cells.RNN(3, 4), cells.RNN(4, 4)], bidirectional=True), "to take 8 features"),
            (lambda: Recurrent(cells.RNN(3, 4))(X, state=()), "state: expected 1 entries"),
            (lambda: Recurrent(cells.RNN(3, 4), bidirectional=True).step(X[:, 0]), "step: expected layers in one"),
            (lambda: Recurrent(cells.RNN(3, 4), backend="fast")(X), "backend"),
        ],
    )
    def test_bad_input_is_named(self, call: Any, told: str) -> None:
        with pytest.raises(ValueError, match=told):
            call()


class TestDropout:
    def test_scale_and_rate(self) -> None:
        core = Dropout(cells.MinGRU(3, 400), output=0.25)
        plain, _ = unrolled.unroll(core.core, X)
        dropped, _ = unrolled.unroll(core, X)
        kept = dropped != 0
        torch.testing.assert_close(dropped[kept], plain[kept] / 0.75)
        assert 0.70 < kept.float().mean() < 0.80

    def test_a_variational_mask_is_one_for_the_sequence_and_another_for_each_row(self) -> None:
        core = Dropout(cells.MinGRU(3, 50), output=0.5, variational=True)
        dropped = unrolled.unroll(core, X)[0] != 0
        assert (dropped == dropped[:, :1]).all()
        assert not torch.equal(dropped[0], dropped[1])

    def test_masks_are_carried_in_the_state(self) -> None:
        core = Dropout(cells.LSTM(3, 8), 0.5, 0.5, 0.5, variational=True)
        start = core.initial_state(4)
        whole, _ = unrolled.unroll(core, X, None, start)
        first, state = unrolled.unroll(core, X[:, :2], None, start)
        second, _ = unrolled.unroll(core, X[:, 2:], None, state)
        torch.testing.assert_close(torch.cat([first, second], 1), whole)

    @pytest.mark.parametrize("variational", [False, True])
    def test_off_in_evaluation(self, variational: bool) -> None:
        core = Dropout(cells.LSTM(3, 8), 0.5, 0.5, 0.5, variational=variational).eval()
        plain, _ = unrolled.unroll(core.core.core, X)
        torch.testing.assert_close(unrolled.unroll(core, X)[0], plain)

    def test_state_dropout_masks_what_goes_into_the_products_only(self) -> None:
        core = Dropout(cells.MinGRU(3, 8), state=0.9)
        plain, _ = unrolled.unroll(core.core.core, X)
        torch.testing.assert_close(unrolled.unroll(core, X)[0], plain)


class TestZoneout:
    def test_units_keep_their_value_at_the_rate(self) -> None:
        core = Zoneout(cells.LSTM(3, 300), {"h": 0.3})
        outputs, _ = unrolled.unroll(core, X)
        kept = (outputs[:, 1:] == outputs[:, :-1]).float().mean()
        assert 0.27 < kept < 0.33

    def test_evaluation_takes_the_expected_value(self) -> None:
        core = Zoneout(cells.GRU(3, 5), 0.25).eval()
        state = cells.State(h=torch.randn(4, 5))
        _, plain = core.core(X[:, 0], state)
        _, after = core(X[:, 0], state)
        torch.testing.assert_close(after.h, 0.25 * state.h + 0.75 * plain.h)


def test_residual_projection_and_on_compute_what_they_say() -> None:
    cell = cells.GRU(3, 3)
    plain, _ = unrolled.unroll(cell, X)
    torch.testing.assert_close(unrolled.unroll(Residual(cell), X)[0], plain + X)
    core = Projection(cell, 7)
    torch.testing.assert_close(unrolled.unroll(core, X)[0], core.linear(plain))
    assert core.output_size == 7
    torch.testing.assert_close(unrolled.unroll(On(cell, "cpu"), X)[0], plain)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_layers_on_different_devices() -> None:
    layer = Recurrent([cells.LSTM(3, 5), On(cells.GRU(5, 4), "cuda")])
    outputs, state = layer(X, LENGTHS)
    assert outputs.device.type == state[1].h.device.type == "cuda"
    outputs.sum().backward()


@pytest.mark.parametrize(
    ("make", "error", "told"),
    [
        (lambda: Dropout(cells.LSTM(3, 5), 1.0), ValueError, "input: expected a number from 0 to below 1"),
        (lambda: Dropout(cells.LSTM(3, 5), state=-0.1), ValueError, "state: expected a number from 0 to below 1"),
        (lambda: Dropout(torch.nn.Linear(2, 2), 0.5), TypeError, "core: expected a cell or a wrapper"),
        (lambda: Dropout(Residual(cells.RNN(3, 3)), state=0.5), TypeError, "put wrappers of states inside"),
        (lambda: Zoneout(Residual(cells.RNN(3, 3))), TypeError, "core: expected a cell"),
        (lambda: Zoneout(cells.LSTM(3, 5), {"m": 0.1}), ValueError, "rate: expected states among h, c, found 'm'"),
        (lambda: Zoneout(cells.LSTM(3, 5), 2.0), ValueError, "rate: expected a number from 0 to below 1"),
        (lambda: Residual(cells.RNN(3, 4)), ValueError, "equal input and output sizes"),
        (lambda: Projection(cells.RNN(3, 4), 0), ValueError, "output_size: expected a positive integer"),
    ],
)
def test_bad_arguments_are_named(make: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        make()
