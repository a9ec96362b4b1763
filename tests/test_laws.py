"""The laws that every cell, wrapper and backend keeps. A cell enters by being exported."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import unrolled
from unrolled import cells, nn
from unrolled.backends import backends
from unrolled.cells import Core, Recurrence

INPUTS, HIDDEN, ROWS, STEPS = 3, 5, 6, 7
LENGTHS = torch.tensor([7, 0, 1, 4, 7, 2])

OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "rnn-relu": ("rnn", {"nonlinearity": "relu"}),
    "ind-rnn-tanh": ("ind-rnn", {"nonlinearity": "tanh"}),
    "slstm-exp": ("slstm", {"forget_gate": "exp"}),
    "projected-lstm-1": ("projected-lstm", {"proj_size": 1}),
    "lstm-no-bias": ("lstm", {"bias": False}),
    "layer-norm-lstm-no-bias": ("layer-norm-lstm", {"bias": False}),
    "gru-reset-before-no-bias": ("gru-reset-before", {"bias": False}),
    "peephole-lstm-forget-bias": ("peephole-lstm", {"forget_bias": 3.0}),
    **{name: (name, {}) for name in cells.by_name},
}

WRAPPERS: dict[str, Callable[[], Core]] = {
    "zoneout": lambda: nn.Zoneout(cells.LSTM(INPUTS, HIDDEN), {"h": 0.2, "c": 0.4}),
    "dropout": lambda: nn.Dropout(cells.GRU(INPUTS, HIDDEN), 0.3, 0.3, 0.3),
    "variational-dropout": lambda: nn.Dropout(cells.LSTM(INPUTS, HIDDEN), 0.3, 0.3, 0.3, variational=True),
    "residual": lambda: nn.Residual(cells.RNN(INPUTS, INPUTS)),
    "projection": lambda: nn.Projection(cells.PeepholeLSTM(INPUTS, HIDDEN), 4),
    "weight-dropout": lambda: nn.WeightDropout(cells.LSTM(INPUTS, HIDDEN), 0.3),
    "on": lambda: nn.On(cells.MinGRU(INPUTS, HIDDEN), "cpu"),
    "all": lambda: nn.Residual(
        nn.Projection(nn.Dropout(nn.Zoneout(cells.GRU(INPUTS, HIDDEN)), 0.2, 0.2, 0.2, variational=True), INPUTS)
    ),
}

# Relative to the largest number; float64 but for the order of sums.
TIGHT = 1e-12
SINGLE = 5e-6
# A normalisation by a small deviation enlarges the rounding before it.
SINGLE_NORMALISED = 1e-4


def cell_of(name: str, dtype: torch.dtype = torch.float64, hidden: int = HIDDEN) -> Recurrence:
    kind, options = OPTIONS[name]
    torch.manual_seed(0)
    cell = cells.make(kind, INPUTS, hidden, dtype=dtype, **options)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return cell


def wrapped(name: str) -> Core:
    torch.manual_seed(0)
    return WRAPPERS[name]().double()


def inputs(dtype: torch.dtype = torch.float64, seed: int = 1) -> Tensor:
    # The same numbers on every device.
    random = torch.Generator().manual_seed(seed)
    drawn = torch.randn(ROWS, STEPS, INPUTS, generator=random, dtype=torch.float64, device="cpu")
    return drawn.to(LENGTHS.device, dtype)


def start(cell: Recurrence, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """A state before the first step; positive, as a normaliser must be."""
    random = torch.Generator().manual_seed(2)
    drawn = [
        torch.rand(ROWS, size, generator=random, dtype=torch.float64, device="cpu")
        for size in cell.state_sizes.values()
    ]
    return [one.to(LENGTHS.device, dtype).requires_grad_() for one in drawn]


def tensors(state: Any) -> list[Tensor]:
    return [state] if isinstance(state, Tensor) else [tensor for part in state for tensor in tensors(part)]


def assert_close(found: Tensor, expected: Tensor, tolerance: float) -> None:
    scale = expected.abs().max().clamp(min=1) if expected.numel() else 1
    assert found.shape == expected.shape
    assert ((found.double() - expected.double()).abs() <= tolerance * scale).all()


def served(name: str, cell: Core) -> str:
    try:
        unrolled.unroll(cell, inputs(next(cell.parameters()).dtype), backend=name)
    except ValueError as error:
        pytest.skip(str(error))
    return name


@pytest.mark.parametrize("backend", backends)
@pytest.mark.parametrize("name", OPTIONS)
class TestCells:
    def test_a_step_is_an_unroll(self, name: str, backend: str) -> None:
        cell = cell_of(name)
        outputs, end = unrolled.unroll(cell, inputs(), backend=served(backend, cell))
        state = None
        for time in range(STEPS):
            output, state = cell(inputs()[:, time], state)
            assert_close(outputs[:, time], output, TIGHT)
        for found, expected in zip(end, state, strict=True):
            assert_close(found, expected, TIGHT)

    @pytest.mark.parametrize("reverse", [False, True])
    def test_a_padded_batch_is_each_sequence_alone(self, name: str, backend: str, reverse: bool) -> None:
        cell = cell_of(name)
        served(backend, cell)
        padded = inputs()
        for row, length in enumerate(LENGTHS):
            padded[row, length:] = float("nan")
        outputs, end = unrolled.unroll(cell, padded, LENGTHS, start(cell), reverse=reverse, backend=backend)
        for row, length in enumerate(LENGTHS):
            own = [state[row : row + 1] for state in start(cell)]
            one, last = unrolled.unroll(
                cell, inputs()[row : row + 1, :length], None, own, reverse=reverse, backend="reference"
            )
            assert_close(outputs[row, :length], one[0], TIGHT)
            assert (outputs[row, length:] == 0).all()
            for found, expected in zip(end, last, strict=True):
                assert_close(found[row], expected[0], TIGHT)

    def test_padding_has_no_influence_bit_for_bit(self, name: str, backend: str) -> None:
        cell = cell_of(name)
        served(backend, cell)
        results = []
        for garbage in (0.0, float("nan"), float("inf"), -1e300):
            padded = inputs()
            for row, length in enumerate(LENGTHS):
                padded[row, length:] = garbage
            padded.requires_grad_()
            outputs, end = unrolled.unroll(cell, padded, LENGTHS, backend=backend)
            loss = outputs.sum() + sum(state.sin().sum() for state in end)
            gradients = torch.autograd.grad(loss, [padded, *cell.parameters()], allow_unused=True)
            results.append([outputs, *end, *(g for g in gradients if g is not None)])
        for others in results[1:]:
            assert all(torch.equal(a, b) for a, b in zip(results[0], others, strict=True))

    def test_two_halves_with_the_state_carried_are_the_whole(self, name: str, backend: str) -> None:
        cell = cell_of(name)
        served(backend, cell)
        whole, end = unrolled.unroll(cell, inputs(), backend=backend)
        first, state = unrolled.unroll(cell, inputs()[:, :3], backend=backend)
        second, last = unrolled.unroll(cell, inputs()[:, 3:], None, state, backend=backend)
        assert_close(torch.cat([first, second], 1), whole, TIGHT)
        for found, expected in zip(last, end, strict=True):
            assert_close(found, expected, TIGHT)

    def test_reversed_is_flipped_within_the_lengths(self, name: str, backend: str) -> None:
        cell = cell_of(name)
        served(backend, cell)
        flipped = inputs().clone()
        for row, length in enumerate(LENGTHS):
            flipped[row, :length] = inputs()[row, :length].flip(0)
        ahead, _ = unrolled.unroll(cell, flipped, LENGTHS, backend=backend)
        back, _ = unrolled.unroll(cell, inputs(), LENGTHS, reverse=True, backend=backend)
        for row, length in enumerate(LENGTHS):
            assert_close(back[row, :length], ahead[row, :length].flip(0), TIGHT)

    @pytest.mark.parametrize("ragged", [False, True])
    @pytest.mark.parametrize("reverse", [False, True])
    @pytest.mark.parametrize(("dtype", "hidden"), [(torch.float64, HIDDEN), (torch.float32, 19)])
    def test_outputs_states_and_gradients_are_the_references(
        self, name: str, backend: str, ragged: bool, reverse: bool, dtype: torch.dtype, hidden: int
    ) -> None:
        cell = cell_of(name, dtype, hidden)
        served(backend, cell)
        single = SINGLE_NORMALISED if name.startswith("layer-norm") else SINGLE
        tolerance = TIGHT if dtype == torch.float64 else single
        results = []
        for kind, model in ((backend, cell), ("reference", copy.deepcopy(cell).double())):
            precision = next(model.parameters()).dtype
            x, states = inputs(precision).requires_grad_(), start(model, precision)
            lengths = LENGTHS if ragged else None
            outputs, end = unrolled.unroll(model, x, lengths, states, reverse=reverse, backend=kind)
            with torch.no_grad():
                without, _ = unrolled.unroll(model, x, lengths, states, reverse=reverse, backend=kind)
            weights = torch.arange(outputs.numel(), dtype=precision).view(outputs.shape).sin()
            loss = (outputs * weights).sum() + sum(state.sin().sum() for state in end)
            gradients = torch.autograd.grad(loss, [x, *states, *model.parameters()], allow_unused=True)
            results.append([outputs, without, *end, *(g for g in gradients if g is not None)])
        for found, expected in zip(*results, strict=True):
            assert_close(found, expected, tolerance)


@pytest.mark.parametrize("name", OPTIONS)
class TestGradients:
    @pytest.mark.parametrize("backend", ["reference", "cpu"])
    def test_gradients_are_those_of_finite_differences(self, name: str, backend: str) -> None:
        torch.manual_seed(3)
        cell = cell_of(name)
        lengths = torch.tensor([3, 0, 1])
        values = torch.randn(3, 3, INPUTS, dtype=torch.float64).requires_grad_()
        states = [state[:3].detach().requires_grad_() for state in start(cell)]
        names, parameters = zip(*cell.named_parameters(), strict=True)

        def function(x: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
            own, rest = others[: len(states)], others[len(states) :]
            outputs, end = torch.func.functional_call(
                Unroll(cell, backend), {f"cell.{n}": p for n, p in zip(names, rest, strict=True)}, (x, lengths, own)
            )
            return outputs, *end

        assert torch.autograd.gradcheck(function, (values, *states, *parameters))

    @pytest.mark.parametrize("backend", ["reference", "cpu"])
    def test_second_derivatives(self, name: str, backend: str) -> None:
        cell = cell_of(name)
        values = inputs()[:2, :3].clone().requires_grad_()
        lengths = torch.tensor([3, 1])

        def function(x: Tensor) -> Tensor:
            return unrolled.unroll(cell, x, lengths, backend=backend)[0]

        assert torch.autograd.gradgradcheck(function, (values,))


class Unroll(torch.nn.Module):
    """`unroll` as a module, for functional_call."""

    def __init__(self, cell: Core, backend: str) -> None:
        super().__init__()
        self.cell, self.backend = cell, backend

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: Any = None) -> Any:
        return unrolled.unroll(self.cell, x, lengths, state, backend=self.backend)


@pytest.mark.parametrize("name", OPTIONS)
class TestModules:
    def test_copies_and_state_dicts_give_the_same_numbers(self, name: str) -> None:
        cell = cell_of(name)
        expected, _ = unrolled.unroll(cell, inputs(), LENGTHS)
        kind, options = OPTIONS[name]
        fresh = cells.make(kind, INPUTS, HIDDEN, dtype=torch.float64, **options)
        fresh.load_state_dict(cell.state_dict())
        for other in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell)), fresh):
            assert torch.equal(unrolled.unroll(other, inputs(), LENGTHS)[0], expected)

    def test_compiled_without_breaks(self, name: str) -> None:
        torch._dynamo.reset()
        cell = cell_of(name)
        compiled = torch.compile(Unroll(cell, "auto"), fullgraph=True, backend="aot_eager")
        outputs, _ = compiled(inputs()[:, :3], LENGTHS.clamp(max=3))
        expected, _ = unrolled.unroll(cell, inputs()[:, :3], LENGTHS.clamp(max=3), backend="reference")
        assert_close(outputs, expected, TIGHT)

    def test_under_vmap_and_jacrev(self, name: str) -> None:
        cell = cell_of(name)
        many = torch.stack([inputs(seed=i) for i in range(3)])
        found = torch.func.vmap(lambda x: unrolled.unroll(cell, x)[0])(many)
        expected = torch.stack([unrolled.unroll(cell, x)[0] for x in many])
        assert_close(found, expected, TIGHT)
        jacobian = torch.func.jacrev(lambda x: unrolled.unroll(cell, x)[0].sum())(inputs())
        x = inputs().requires_grad_()
        (gradient,) = torch.autograd.grad(unrolled.unroll(cell, x)[0].sum(), x)
        assert_close(jacobian, gradient, TIGHT)

    def test_autocast_keeps_the_states_precision(self, name: str) -> None:
        cell = cell_of(name, torch.float32)
        with torch.autocast("cpu", torch.bfloat16):
            outputs, end = unrolled.unroll(cell, inputs(torch.float32), LENGTHS)
        assert all(state.dtype == torch.float32 for state in end)
        assert outputs.isfinite().all()

    @pytest.mark.parametrize("backend", ["reference", "cpu"])
    @pytest.mark.parametrize("size", [1e-30, 1e-3, 1e3, 1e30])
    def test_extreme_inputs_give_no_nan(self, name: str, backend: str, size: float) -> None:
        cell = cell_of(name, torch.float32)
        expected, _ = unrolled.unroll(copy.deepcopy(cell).double(), inputs() * size, backend="reference")
        outputs, _ = unrolled.unroll(cell, inputs(torch.float32) * size, backend=backend)
        finite = expected.abs() < 1e37
        assert outputs[finite].isfinite().all()


@pytest.mark.parametrize("name", WRAPPERS)
class TestWrappers:
    @pytest.mark.parametrize("training", [True, False])
    def test_a_step_is_an_unroll(self, name: str, training: bool) -> None:
        core = wrapped(name).train(training)
        if training and name in ("zoneout", "dropout", "weight-dropout", "all"):
            pytest.skip("what is drawn anew at every step, or every call, comes in another order")
        state = before = core.initial_state(ROWS)
        outputs, end = unrolled.unroll(core, inputs(), None, before)
        for time in range(STEPS):
            output, state = core(inputs()[:, time], state)
            assert_close(outputs[:, time], output, TIGHT)
        for found, expected in zip(tensors(end), tensors(state), strict=True):
            assert_close(found, expected, TIGHT)

    @pytest.mark.parametrize("training", [True, False])
    def test_padding_has_no_influence(self, name: str, training: bool) -> None:
        core = wrapped(name).train(training)
        results = []
        for garbage in (0.0, float("nan")):
            torch.manual_seed(5)
            padded = inputs()
            for row, length in enumerate(LENGTHS):
                padded[row, length:] = garbage
            outputs, end = unrolled.unroll(core, padded, LENGTHS)
            gradients = torch.autograd.grad(outputs.square().sum(), list(core.parameters()), allow_unused=True)
            results.append([outputs, *tensors(end), *(g for g in gradients if g is not None)])
            for row, length in enumerate(LENGTHS):
                assert (outputs[row, length:] == 0).all()
        assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))

    def test_two_halves_are_the_whole(self, name: str) -> None:
        core = wrapped(name).eval()
        whole, _ = unrolled.unroll(core, inputs())
        first, state = unrolled.unroll(core, inputs()[:, :3])
        second, _ = unrolled.unroll(core, inputs()[:, 3:], None, state)
        assert_close(torch.cat([first, second], 1), whole, TIGHT)

    def test_backends_agree_in_training(self, name: str) -> None:
        if name in ("zoneout", "dropout", "all"):
            pytest.skip("what is drawn anew at every step comes in another order")
        results = []
        for kind in ("auto", "reference"):
            core = wrapped(name).train()
            torch.manual_seed(6)
            x = inputs().requires_grad_()
            outputs, _ = unrolled.unroll(core, x, LENGTHS, backend=kind)
            gradients = torch.autograd.grad(outputs.sin().sum(), [x, *core.parameters()], allow_unused=True)
            results.append([outputs, *(g for g in gradients if g is not None)])
        for found, expected in zip(*results, strict=True):
            assert_close(found, expected, TIGHT)
