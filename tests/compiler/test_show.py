"""`explain` shows what the compiler made."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import unrolled
from unrolled import cells
from unrolled.cells import Cell, State
from unrolled.compiler.gpu import strategy


class Untraceable(Cell):
    states = ("h",)
    gates = ("new",)

    def step(self, x: Any, r: Any, state: Any) -> Any:
        return State(h=torch.erf(x.new + r.new))


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("graph", "next c = %"),
        ("gradient", "next d c = %"),
        ("stages", "units\n"),
        ("backward stages", "store dy[0]"),
        ("ir", "define void @\"kernel\""),
        ("assembly", "kernel:"),
        ("triton", "tl.dot(factor"),
        ("triton backward", "step = longest - 1 - turn"),
    ],
)  # fmt: skip
def test_every_stage_is_printed(name: str, part: str, capsys: pytest.CaptureFixture[str]) -> None:
    explanation = unrolled.explain(cells.LSTM(3, 8), show=name)
    assert part in explanation.compiled[name]
    printed = capsys.readouterr().out
    assert explanation.compiled[name] in printed
    assert "cpu        chosen" in printed


def test_what_was_measured_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    cell, x = cells.LSTM(3, 8), torch.zeros(2, 5, 3)
    before = unrolled.explain(cell, x, show="triton").compiled["triton"]
    assert ": the likeliest, not measured yet\n" in before
    assert "# stepwise: another way\n" in before
    monkeypatch.setattr(
        strategy, "measured", lambda work, ways, device: "stepwise" if work.endswith("2 8 False") else None
    )
    after = unrolled.explain(cell, x, show="triton").compiled["triton"]
    assert after.startswith("# stepwise: the fastest, as measured\n")
    assert "tl.dot" not in after
    assert unrolled.explain(cell, x, torch.tensor([1, 5]), show="triton").compiled["triton"] == before


def test_several_at_once() -> None:
    assert list(unrolled.explain(cells.GRU(3, 8), show=["graph", "stages"]).compiled) == ["graph", "stages"]


def test_what_there_is_not_is_named() -> None:
    with pytest.raises(ValueError, match="show: expected some of graph, "):
        unrolled.explain(cells.GRU(3, 8), show="picture")
    with pytest.raises(ValueError, match=r"show: the compiler cannot take Untraceable: .*erf"):
        unrolled.explain(Untraceable(3, 8), show="graph")
