"""Row 21: numbers that are made NaN or infinite on purpose, at a known step, layer, time and row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reliability.board import Effort, Verdict
from reliability.scratch import scratch
from unrolled import nn as layers
from unrolled.training import Checkpoints, Loss, NonFiniteLossError, Options, train

ROWS, STEPS, FEATURES, BATCHES, EPOCHS = 8, 7, 3, 5, 3
KINDS = ("input", "between", "gradient", "recurrent", "loss")


class Plant(nn.Module):
    """Passes sequences on; in one of its calls it spoils a number, or the gradient of one."""

    calls: Tensor

    def __init__(self, kind: str, call: int, time: int, row: int, value: float) -> None:
        super().__init__()
        self.kind, self.call, self.place, self.value = kind, call, (row, time), value
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, features) to the same."""
        self.calls += 1
        if int(self.calls) != self.call or self.kind not in ("between", "gradient"):
            return x
        spoil = torch.zeros_like(x)
        spoil[self.place] = self.value
        if self.kind == "between":
            return x + spoil
        passed = x * 1
        passed.register_hook(lambda gradient: gradient + spoil)  # type: ignore[no-untyped-call]
        return passed


class Net(nn.Module):
    """Two recurrent layers with a plant between them."""

    def __init__(self, plant: Plant) -> None:
        super().__init__()
        self.below = layers.LSTM(FEATURES, 5, batch_first=True)
        self.plant = plant
        self.above = layers.GRU(5, 4, batch_first=True)
        self.dropout, self.dense = nn.Dropout(0.3), nn.Linear(4, 1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Sequences to numbers."""
        below, _ = self.below(x, lengths=lengths)
        if self.plant.kind == "recurrent" and int(self.plant.calls) + 1 == self.plant.call:
            # A candidate of one unit that float32 cannot hold.
            below = below * torch.where(torch.arange(STEPS) == self.plant.place[1], self.plant.value, 1.0).view(
                1, -1, 1
            )
        _, h = self.above(self.plant(below), lengths=lengths)
        return self.dense(self.dropout(h[-1]))  # type: ignore[no-any-return]


def found(effort: Effort) -> Verdict:
    """Plants, trains, and compares what the error says with what was planted."""
    torch.set_num_threads(1)
    draw, failures, tried = effort.random(), list[str](), effort(250, 10)
    for number in range(tried):
        kind = KINDS[number % len(KINDS)]
        step, time, row = draw.randint(1, BATCHES * EPOCHS), draw.randrange(STEPS), draw.randrange(ROWS)
        value = draw.choice((float("nan"), float("inf")))
        with scratch() as folder:
            problem = check(kind, step, time, row, value, folder)
        if problem:
            failures.append(f"{kind}, step {step}, time {time}, row {row}: {problem}")
    return Verdict.of(
        failures, f"{tried - len(failures)} of {tried} found with step, layer, time and row; checkpoint kept"
    )


def check(kind: str, step: int, time: int, row: int, value: float, folder: Path) -> str:
    """What is wrong with the error that a planted number leads to; "" if nothing is."""
    torch.manual_seed(0)
    net = Net(Plant(kind, step, time, row, value))
    x, lengths = torch.randn(BATCHES, ROWS, STEPS, FEATURES), torch.full((ROWS,), STEPS)
    seen = 0

    def batches(generator: torch.Generator) -> list[Tensor]:
        return list(torch.arange(BATCHES))

    def loss(module: Any, batch: Tensor) -> Loss:
        inputs = x[int(batch)].clone()
        if kind == "input" and int(net.plant.calls) + 1 == step:
            inputs[row, time] = value
        mean = module(inputs, lengths).square().mean()
        if kind == "loss" and int(net.plant.calls) == step:
            mean = mean * value
        return Loss(mean, ROWS, {})

    checkpoints = Checkpoints(folder, {})
    try:
        train(
            net,
            loss,
            batches,
            Options(epochs=EPOCHS),
            seed=0,
            checkpoints=checkpoints,
        )
        return "was not noticed"
    except NonFiniteLossError as error:
        seen = (error.epoch or 0) * BATCHES - BATCHES + (error.step or 0)
        finding, text = error.finding, str(error)
    newest = checkpoints.newest()
    checkpoints.close()
    kept = 0 if newest is None else newest[1]["epoch"]
    if seen != step or kept != (step - 1) // BATCHES:
        return f"told step {seen}, kept a checkpoint after {kept} epochs"
    if newest is not None and not all(tensor.isfinite().all() for tensor in newest[0].values()):
        return "the checkpoint is not finite"
    if kind == "loss":
        return "" if finding is None else f"found {finding}"
    if finding is None:
        return f"found nothing: {text}"
    where = (finding.what, finding.layer, finding.time, finding.row)
    expected: dict[str, tuple[Any, ...]] = {
        "input": ("input", "below", time, row),
        "between": ("output", "plant", None, row),
        "gradient": ("gradient of output", "plant", None, row),
    }
    if kind == "recurrent":
        # Infinity in the input of the layer above, or NaN in its step: in each row from this time on.
        return "" if where[2:] in ((time, 0), (None, 0)) and finding.layer in ("plant", "above") else str(finding)
    return "" if where == expected[kind] else f"found {finding}"
