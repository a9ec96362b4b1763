"""What is measured: a layer, a batch, and the peers that can do the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import unrolled
from unrolled import cells, nn

Forward = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Workload:
    """One line of the table.

    Attributes:
        name: what is run, on which batch.
        peer: the name of what it is measured against.
        inputs: (batch, time, features).
        ours, theirs: the forward passes, outputs (batch, time, units).
        ours_module, theirs_module: their parameters.
        operations: floating-point operations of the forward pass, products only.
    """

    name: str
    peer: str
    inputs: Tensor
    ours: Forward
    theirs: Forward
    ours_module: torch.nn.Module
    theirs_module: torch.nn.Module
    operations: float


GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def layer(kind: str, batch: int, steps: int, features: int, units: int, **options: Any) -> Workload:
    """A layer of torch.nn beside ours of the same name, on whole rows."""
    theirs = getattr(torch.nn, kind)(features, units, batch_first=True, **options)
    ours = getattr(nn, kind)(features, units, batch_first=True, **options)
    ours.load_state_dict(theirs.state_dict())
    shown = " ".join(f"{name}={value}" for name, value in options.items())
    return Workload(
        f"{kind}({units}) {shown} {batch}x{steps}x{features}".replace("  ", " "),
        "torch.nn",
        torch.randn(batch, steps, features),
        lambda x: ours(x)[0],
        lambda x: theirs(x)[0],
        ours,
        theirs,
        _operations(kind, batch * steps, features, units, options),
    )


def ragged(batch: int, steps: int, features: int, units: int, **options: Any) -> Workload:
    """An LSTM on rows of lengths between a fifth and all of the steps, beside torch.nn on packed sequences."""
    whole = layer("LSTM", batch, steps, features, units, **options)
    lengths = torch.randint(steps // 5, steps + 1, (batch,))
    lengths[0] = steps

    def theirs(x: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(whole.theirs_module(packed)[0], batch_first=True)[0]

    return Workload(
        f"ragged {whole.name}",
        "torch.nn packed",
        whole.inputs,
        lambda x: whole.ours_module(x, lengths=lengths)[0],
        theirs,
        whole.ours_module,
        whole.theirs_module,
        _operations("LSTM", int(lengths.sum()), features, units, options),
    )


def eager(name: str, batch: int = 64, steps: int = 50, features: int = 32, units: int = 128) -> Workload:
    """A cell that torch.nn has not, beside an eager loop over the same torch operations."""
    cell = cells.make(name, features, units)
    gates = cell.weight_ih.shape[0] // units
    return Workload(
        f"{name}({units}) {batch}x{steps}x{features}",
        "eager loop",
        torch.randn(batch, steps, features),
        lambda x: unrolled.unroll(cell, x, backend="cpu")[0],
        lambda x: unrolled.unroll(cell, x, backend="reference")[0],
        cell,
        cell,
        2.0 * batch * steps * gates * units * (units + features),
    )


def _operations(kind: str, rows: int, features: int, units: int, options: dict[str, Any]) -> float:
    directions = 2 if options.get("bidirectional") else 1
    total, width = 0.0, features
    for _ in range(options.get("num_layers", 1)):
        total += 2.0 * directions * rows * GATES[kind] * units * (units + width)
        width = directions * units
    return total


WORKLOADS: list[Callable[[], Workload]] = [
    lambda: layer("RNN", 50, 20, 1, 100, nonlinearity="relu"),
    lambda: layer("RNN", 150, 28, 28, 150),
    lambda: layer("GRU", 150, 28, 28, 150),
    lambda: layer("LSTM", 150, 28, 28, 150),
    lambda: layer("LSTM", 150, 28, 28, 150, num_layers=3),
    lambda: layer("LSTM", 64, 100, 512, 512),
    lambda: ragged(64, 120, 40, 128),
    lambda: ragged(48, 90, 64, 192, bidirectional=True),
    lambda: eager("peephole-lstm"),
    lambda: eager("layer-norm-lstm"),
    lambda: eager("gru-reset-before"),
]
