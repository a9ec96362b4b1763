"""What plain cells forget and gated cells keep: the copying task, the adding task, and gradients over the lag.

Copying (Hochreiter, Schmidhuber 1997; Arjovsky, Shah, Bengio 2016): a few symbols, then blanks, then a signal, after
which the symbols have to be said. Adding (Hochreiter, Schmidhuber 1997): of the numbers of a sequence two are marked,
the first of them at its beginning; at its end their sum has to be said. Lags differ from row to row of a batch, so that
nothing but keeping helps. Afterwards: how much the output at the end still depends on the input so many steps before.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unrolled import cells, plots
from unrolled.nn import Projection, Recurrent

SYMBOLS, SAID = 8, 2  # how many there are, and how many have to be kept
BLANK, SIGNAL = SYMBOLS, SYMBOLS + 1
CELLS = {"RNN": cells.RNN, "GRU": cells.GRU, "LSTM": cells.LSTM}
Curve = tuple[list[int], list[float]]
Task = Callable[[Tensor], tuple[Tensor, Tensor, Tensor, Tensor]]


def copying(lags: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs (batch, time, 10), lengths (batch,), what is to be said (batch, 2), and at which steps (batch, 2)."""
    rows = len(lags)
    said = torch.randint(SYMBOLS, (rows, SAID))
    at = SAID + lags[:, None] + torch.arange(SAID)
    tokens = torch.full((rows, int(at.max()) + 1), BLANK)
    tokens[:, :SAID] = said
    tokens[torch.arange(rows), at[:, 0]] = SIGNAL
    return F.one_hot(tokens, SYMBOLS + 2).float(), at[:, -1] + 1, said, at


def adding(lags: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs (batch, time, 2), lengths (batch,), sums (batch, 1), and the steps to say them at (batch, 1)."""
    rows = len(lags)
    numbers = torch.rand(rows, int(lags.max()) + 1)
    marks = torch.zeros_like(numbers)
    second = 1 + (torch.rand(rows) * lags).long().clamp(max=lags - 1)
    marks[:, 0] = marks[torch.arange(rows), second] = 1.0
    sums = numbers[:, :1] + numbers[torch.arange(rows), second][:, None]
    return torch.stack([numbers, marks], -1), lags + 1, sums, lags[:, None]


def said(model: Recurrent, inputs: Tensor, lengths: Tensor, at: Tensor) -> Tensor:
    """The model's outputs at some steps of every row, (batch, steps, features)."""
    outputs, _ = model(inputs, lengths)
    return outputs[torch.arange(len(at))[:, None], at]


def loss(task: Task, told: Tensor, target: Tensor) -> Tensor:
    """What is to be minimised: cross-entropy, or the squared error."""
    return (
        F.cross_entropy(told.flatten(0, 1), target.flatten()) if task is copying else F.mse_loss(told[..., 0], target)
    )


def train(model: Recurrent, task: Task, longest: int, iterations: int) -> None:
    """Trains with Adam on rows of lags 1 to `longest`."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, iterations)
    for _ in range(iterations):
        inputs, lengths, target, at = task(torch.randint(1, longest + 1, (64,)))
        optimizer.zero_grad()
        loss(task, said(model, inputs, lengths, at), target).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()


@torch.no_grad()
def measured(model: Recurrent, task: Task, lags: list[int]) -> list[float]:
    """For every lag the part of symbols that are right, or the mean squared error of sums."""
    found = []
    for lag in lags:
        inputs, lengths, target, at = task(torch.full((200,), lag))
        told = said(model, inputs, lengths, at)
        right = (told.argmax(-1) == target).float() if task is copying else (told[..., 0] - target).square()
        found.append(float(right.mean()))
    return found


def gradient(model: Recurrent, task: Task, longest: int) -> Curve:
    """The norm of d output(T) / d input(T - lag) for every lag, a mean over rows.

    The output is what is said at the end of rows of the longest lag, its largest feature.
    """
    inputs, lengths, _, at = task(torch.full((256,), longest))
    inputs.requires_grad_()
    output = said(model, inputs, lengths, at[:, :1]).amax(-1).sum()
    (by_input,) = torch.autograd.grad(output, inputs)
    last = int(at[0, 0])
    norms = by_input[:, : last + 1].norm(dim=-1).mean(0).flip(0)
    return list(range(last + 1)), norms.tolist()


def main(longest: int = 60, iterations: int = 800, units: int = 64, folder: str | None = None) -> dict[str, dict]:
    """For each task and cell: accuracies or errors by lag, and the gradients of trained models.

    Args:
        longest: steps of the longest lag.
        iterations: of training, each with 64 rows.
        units: of each cell.
        folder: where pictures go.
    """
    torch.manual_seed(0)
    lags = [lag for lag in (1, 2, 5, 10, 15, 20, 30, 40, 50, 60, 80, 100, 150, 200) if lag <= longest]
    found: dict[str, dict[str, Curve]] = {"copying": {}, "adding": {}, "gradient, copying": {}, "gradient, adding": {}}
    for task, features, outputs in ((copying, SYMBOLS + 2, SYMBOLS), (adding, 2, 1)):
        for name, kind in CELLS.items():
            model = Recurrent(Projection(kind(features, units), outputs))
            train(model, task, longest, iterations)
            found[task.__name__][name] = (lags, measured(model, task, lags))
            found[f"gradient, {task.__name__}"][name] = gradient(model, task, longest)
    if folder is not None:
        draw(found, Path(folder))
    return found


def draw(found: dict[str, dict[str, Curve]], folder: Path) -> None:
    """Writes four pictures."""
    kept = plots.against_lag(
        found["copying"], "part of symbols right", title=f"copying {SAID} symbols of {SYMBOLS}", chance=1 / SYMBOLS
    )
    # The variance of the sum of two numbers from 0 to 1.
    added = plots.against_lag(
        found["adding"], "mean squared error", title="adding two numbers from 0 to 1", chance=1 / 6, log=True
    )
    kept.savefig(folder / "copying.png", dpi=120)
    added.savefig(folder / "adding.png", dpi=120)
    for task in ("copying", "adding"):
        figure = plots.against_lag(
            found[f"gradient, {task}"],
            "norm of d output(T) / d input(T - lag)",
            title=f"gradients after learning: {task}",
            log=True,
        )
        figure.savefig(folder / f"gradient_{task}.png", dpi=120)


if __name__ == "__main__":
    result = main(folder=".")
    for task in ("copying", "adding"):
        for name, (lags, values) in result[task].items():
            print(
                f"{task:>8} {name:>5}",
                "  ".join(f"{lag}: {value:.3f}" for lag, value in zip(lags, values, strict=True)),
            )
