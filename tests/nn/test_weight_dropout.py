"""Dropout of recurrent weights, and steps that are given their projected inputs."""

import pytest
import torch

import unrolled
from unrolled import cells, nn
from unrolled.backends import backends
from unrolled.models.generation.network import Projected

X = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_all_rows_and_steps_have_the_same_mask() -> None:
    torch.manual_seed(0)
    cell = cells.LSTM(3, 5).double()
    layer = nn.WeightDropout(cell, 0.4)
    before = cell.weight_hh.detach().clone()
    torch.manual_seed(7)
    outputs, _ = unrolled.unroll(layer, X)
    torch.manual_seed(7)
    masked = cells.LSTM(3, 5).double()
    masked.load_state_dict(cell.state_dict())
    torch.manual_seed(7)
    with torch.no_grad():
        masked.weight_hh.copy_(torch.nn.functional.dropout(cell.weight_hh, 0.4))
    torch.testing.assert_close(outputs, unrolled.unroll(masked, X)[0])
    assert torch.equal(cell.weight_hh, before)
    outputs.sum().backward()
    dropped = masked.weight_hh == 0
    assert 0.2 < dropped.double().mean() < 0.6
    assert (cell.weight_hh.grad[dropped] == 0).all()
    assert (cell.weight_hh.grad[~dropped] != 0).all()


@pytest.mark.parametrize("options", [{}, {"checkpoint": "every:2"}], ids=str)
@pytest.mark.parametrize("backend", ["cpu", "torch", "reference"])
def test_every_backend_has_the_gradients_of_the_reference(backend: str, options: dict) -> None:
    torch.manual_seed(1)
    layer = nn.WeightDropout(cells.GRU(3, 5).double(), 0.5)
    found = []
    for name, how in (("reference", {}), (backend, options)):
        torch.manual_seed(3)
        outputs, state = unrolled.unroll(layer, X, backend=name, **how)
        loss = outputs.square().sum() + state.h.sum()
        found.append([outputs, *torch.autograd.grad(loss, list(layer.parameters()))])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_it_does_nothing_in_evaluation() -> None:
    layer = nn.WeightDropout(cells.GRU(3, 5).double(), 0.5).eval()
    assert torch.equal(unrolled.unroll(layer, X)[0], unrolled.unroll(layer.core, X)[0])


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="recurrent matrices"):
        nn.WeightDropout(cells.MinGRU(3, 5))
    with pytest.raises(ValueError, match="rate"):
        nn.WeightDropout(cells.GRU(3, 5), 1.0)
    with pytest.raises(TypeError, match="core"):
        nn.WeightDropout(nn.Dropout(cells.GRU(3, 5)))  # type: ignore[arg-type]


@pytest.mark.parametrize("backend", backends)
def test_inputs_that_are_no_products_have_their_gradient(backend: str) -> None:
    torch.manual_seed(0)
    cell = Projected(cells.LSTM(3, 5).double())
    inputs = torch.randn(4, 6, 20, dtype=torch.float64, requires_grad=True)
    found = []
    for name in ("reference", backend):
        try:
            outputs, _ = unrolled.unroll(cell, inputs, backend=name)
        except ValueError as error:
            pytest.skip(str(error))
        found.append(torch.autograd.grad(outputs.square().sum(), inputs)[0])
    assert (found[0] != 0).double().mean() > 0.9
    torch.testing.assert_close(found[1], found[0])
