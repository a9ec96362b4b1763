"""Row 24: memory over many steps."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from reliability.board import Effort, SkippedError, Verdict
from unrolled import Stream, cells
from unrolled import nn as layers
from unrolled.training import Callback, Loss, Options, train

TRAINED, STREAMED = 200_000, 1_000_000
GROWTH = 0.01
# The part of the steps after which memory is measured first.
WARM = 0.1


def memory(effort: Effort) -> Verdict:
    """Resident memory after a warm-up, and at the end."""
    torch.set_num_threads(1)
    if not Path("/proc/self/statm").exists():
        raise SkippedError("resident memory is not told by this system")
    training, streaming = _training(effort(TRAINED)), _streaming(effort(STREAMED))
    failures = []
    for name, (warm, end) in {"training": training, "streaming": streaming}.items():
        if end - warm > GROWTH * warm:
            failures.append(f"{name} grew from {warm:.1f} to {end:.1f} MiB")
    return Verdict.of(
        failures,
        f"{effort(TRAINED):,} training steps: {training[0]:.1f} to {training[1]:.1f} MiB; "
        f"{effort(STREAMED):,} streamed steps: {streaming[0]:.1f} to {streaming[1]:.1f} MiB",
    )


class Watch(Callback):
    """Notes memory after so many steps."""

    def __init__(self, after: int) -> None:
        self.left, self.warm = after, 0.0

    def on_step(self, module: Any, progress: Any) -> None:
        """Counts."""
        self.left -= 1
        if self.left == 0:
            self.warm = resident_mib()


class Net(nn.Module):
    """A layer and a number."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent, self.dense = layers.LSTM(2, 4, batch_first=True), nn.Linear(4, 1)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Sequences to numbers."""
        return self.dense(self.recurrent(x, lengths=lengths)[1][0][-1])  # type: ignore[no-any-return]


def _training(steps: int) -> tuple[float, float]:
    epochs = 20
    torch.manual_seed(0)
    watch = Watch(round(WARM * steps))
    x, lengths = torch.randn(50, 6, 2), torch.randint(1, 7, (50,))

    def loss(module: Any, batch: torch.Tensor) -> Loss:
        return Loss(module(x[batch], lengths[batch]).square().mean(), len(batch), {})

    def batches(generator: torch.Generator) -> list[torch.Tensor]:
        return list(torch.randint(0, 50, (steps // epochs, 4), generator=generator))

    train(Net(), loss, batches, Options(epochs=epochs), seed=0, callbacks=[watch])
    return watch.warm, resident_mib()


def _streaming(steps: int) -> tuple[float, float]:
    stream, inputs, warm = Stream(cells.LSTM(2, 8)), torch.randn(100, 1, 2), 0.0
    for step in range(steps):
        stream(inputs[step % 100])
        if step == round(WARM * steps):
            warm = resident_mib()
    return warm, resident_mib()


def resident_mib() -> float:
    """Memory of this process, in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
