"""Where a number that is not finite began is told by step, layer, time and row."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from reliability.planted import KINDS, check
from unrolled.cells import Cell, State, sqrt
from unrolled.nn import Recurrent
from unrolled.training import Checkpoints, Loss, NonFiniteLossError, Options, train
from unrolled.training.diagnosis import diagnose


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_what_is_planted_is_found(tmp_path: Path, kind: str, value: float) -> None:
    assert check(kind, 7, 3, 2, value, tmp_path) == ""


class Root(Cell):
    """The slope of a root is infinite at zero."""

    states = ("h",)
    gates = ("a",)

    def step(self, x, r, state):
        return State(h=sqrt(x.a * x.a) + 0 * r.a)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_gradient_that_is_not_finite_has_a_time(reverse: bool) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 2, bias=False), Recurrent([Root(2, 3, bias=False)], bidirectional=reverse))
    x = torch.rand(4, 6, 2)
    x[2, 4] = 0
    finding = diagnose(net, lambda: net(x)[0].sum())
    assert finding is not None
    assert (finding.what, finding.time, finding.row) == ("gradient of input", 4, 2)
    assert finding.layer.startswith("1.")


def test_padding_is_no_finding() -> None:
    net = Recurrent([Root(2, 3)])
    x = torch.rand(2, 5, 2)
    x[0, 3:] = float("nan")
    assert diagnose(net, lambda: net(x, torch.tensor([3, 5]))[0].square().sum() + 1) is None


def test_parameters_that_are_not_finite_are_named_and_not_saved(tmp_path: Path) -> None:
    net = nn.Linear(2, 1)

    def loss(module: nn.Module, batch: torch.Tensor) -> Loss:
        if len(list(tmp_path.glob("step-*"))) == 1:
            with torch.no_grad():
                net.weight.fill_(float("nan"))
        return Loss(torch.zeros((), requires_grad=True) + sum(p.sum() * 0 for p in [net.bias]), 1, {})

    folder = Checkpoints(tmp_path, {})
    with pytest.raises(NonFiniteLossError, match="'weight' is not finite"):
        train(net, loss, lambda generator: list(torch.arange(3)), Options(epochs=3), seed=0, checkpoints=folder)
    assert folder.newest()[1]["epoch"] == 1
    folder.close()
    assert str(diagnose(net, lambda: torch.zeros(()))).startswith("parameter of 'weight' is the first")
