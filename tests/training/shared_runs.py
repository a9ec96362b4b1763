"""Training runs that are the same in one process and in several; run by `test_distributed.py`, in processes of its own.

python -m tests.training.shared_runs WHAT FOLDER, where WHAT is one of the functions below.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from unrolled.training import Callback, Checkpoints, Interrupted, Loss, Options, Processes, joined, train

Result = tuple[list[dict[str, Any]], dict[str, torch.Tensor]]


class Net(nn.Module):
    """In float64; one parameter is never used, and a buffer carries something from step to step."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first, self.last = nn.Linear(3, 5).double(), nn.Linear(5, 2).double()
        self.unused = nn.Parameter(torch.ones(3))
        self.dropout = dropout
        self.register_buffer("seen", torch.zeros((), dtype=torch.float64))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        hidden = torch.tanh(self.first(inputs))
        return self.last(nn.functional.dropout(hidden, self.dropout, self.training))


X = torch.randn(13, 3, generator=torch.Generator().manual_seed(0)).double()
Y = torch.arange(13) % 2
WEIGHTS = torch.rand(13, generator=torch.Generator().manual_seed(1)).double()


def weighted(module: Any, batch: torch.Tensor) -> Loss:
    """A mean weighted by example."""
    logits, weights = module(X[batch]), WEIGHTS[batch]
    module.seen += X[batch].sum()
    each = nn.functional.cross_entropy(logits, Y[batch], reduction="none")
    right = (logits.argmax(1) == Y[batch]).double().mean()
    return Loss((each * weights).sum() / weights.sum(), len(batch), {"right": right}, weights.sum())


def batches(generator: torch.Generator) -> list[torch.Tensor]:
    """The last batch has one example."""
    return list(torch.randperm(13, generator=generator).split(6))


def validate(module: nn.Module) -> dict[str, float]:
    return {"validation_loss": nn.functional.cross_entropy(module(X), Y).item()}


def options(**others: Any) -> Options:
    return Options(**{"epochs": 6, "lr": 0.05, "patience": 2, "average": 2, "optimizer": "adamw"} | others)


def loop() -> Result:
    module = Net(0.0)
    history = train(module, weighted, batches, options(), seed=3, validate=validate)
    return history, {name: parameter.detach() for name, parameter in module.named_parameters()}


def classifier() -> Result:
    from unrolled import SequenceClassifier

    draw = np.random.default_rng(0)
    sequences = [draw.normal(size=(draw.integers(1, 9), 2)).astype(np.float32) for _ in range(60)]
    labels = ["up" if sequence[-1, 0] > 0.5 else "down" for sequence in sequences]
    settings: dict[str, Any] = {"hidden_size": 6, "epochs": 3, "batch_size": 5, "lr": 1e-2, "class_weight": "balanced"}
    model = SequenceClassifier(**settings, label_smoothing=0.1, random_state=1).fit(sequences, labels)
    return model.history_, model.network_.state_dict()


def forecasters() -> Result:
    from unrolled import EnsembleForecaster, Forecaster

    draw = np.random.default_rng(0)
    series = [np.sin(np.arange(n) / 3) + draw.normal(0, 0.1, n) for n in (31, 40, 57)]
    series[1][5:9] = np.nan
    common: dict[str, Any] = {"hidden_size": 5, "horizon": 4, "window": 8, "random_state": 0, "epochs": 2}
    direct = Forecaster(**common, batch_size=7, windows_per_epoch=29, refit=True)
    tracks = Forecaster(**common, head="recursive", truncate=6, batch_size=3, scaling="series", patience=1)
    members = EnsembleForecaster([direct, tracks]).fit(series).members_
    parameters = [{f"{i}.{n}": p.detach() for n, p in m.model_.named_parameters()} for i, m in enumerate(members)]
    return [entry for member in members for entry in member.history_], parameters[0] | parameters[1]


def translator() -> Result:
    from unrolled import Translator

    draw = random.Random(0)
    source = [" ".join(draw.choices(["red", "blue", "cat", "dog", "runs"], k=draw.randint(1, 5))) for _ in range(60)]
    target = [line.upper() for line in source]
    settings: dict[str, Any] = {"hidden_size": 8, "embedding_size": 6, "vocabulary_size": 60, "epochs": 2}
    model = Translator(**settings, batch_tokens=40, dropout=0.0, random_state=0, validation_fraction=0.1)
    model.fit(source, target)
    return model.history_, model.network_.state_dict()


def generator() -> Result:
    from unrolled import TextGenerator

    text = "the cat sat on the mat. a dog ran after the cat, and the cat ran up a tree. " * 12
    settings: dict[str, Any] = {"level": "subword", "vocabulary_size": 270, "hidden_size": 6}
    model = TextGenerator(**settings, truncate=12, batch_size=5, epochs=2, dropout=0.0, random_state=0).fit(text)
    return model.history_, model.network_.state_dict()


RUNS: dict[str, Callable[[], Result]] = {
    "loop": loop,
    "classifier": classifier,
    "forecasters": forecasters,
    "translator": translator,
    "generator": generator,
}


def write(folder: Path, name: str, result: Result, rank: int) -> None:
    from safetensors.torch import save_file

    history, tensors = result
    numbers = [[float(value) for name, value in entry.items() if name not in ("seconds", "rate")] for entry in history]
    save_file({"history": torch.tensor(numbers, dtype=torch.float64), **tensors}, folder / f"{name}.{rank}")


def every_run(folder: Path, processes: Processes) -> None:
    for name, run in RUNS.items():
        write(folder, name, run(), processes.rank)


def stopped_and_resumed(folder: Path, processes: Processes) -> None:
    """With dropout: a run as a whole, and one that a signal to the last process stops; the two are written."""

    class Stop(Callback):
        in_every_process = True

        def on_step(self, module: nn.Module, progress: Any) -> None:
            if (progress.epoch, progress.step, processes.rank) == (2, 1, processes.count - 1):
                os.kill(os.getpid(), signal.SIGTERM)

    def run(module: nn.Module, **others: Any) -> Result:
        history = train(module, weighted, batches, options(), seed=3, validate=validate, **others)
        return history, module.state_dict()

    write(folder, "whole", run(Net(0.3)), processes.rank)
    checkpoints = Checkpoints(folder / "checkpoints", {})
    try:
        run(Net(0.3), checkpoints=checkpoints, callbacks=[Stop()])
    except Interrupted as stopped:
        (folder / f"stopped.{processes.rank}").write_text(str(stopped.signal))
    write(folder, "resumed", run(Net(0.3), checkpoints=checkpoints, resume=True), processes.rank)
    checkpoints.close()


def without_a_seed(folder: Path, processes: Processes) -> None:
    """No seed is given, and the processes' own random states differ."""
    from unrolled import SequenceClassifier

    np.random.seed(processes.rank)  # noqa: NPY002
    draw = np.random.default_rng(0)
    sequences, labels = draw.normal(size=(20, 4, 2)).astype(np.float32), [0, 1] * 10
    model = SequenceClassifier(hidden_size=3, epochs=1, batch_size=8, dropout=0.2).fit(sequences, labels)
    write(folder, "unseeded", (model.history_, model.network_.state_dict()), processes.rank)


def in_turn(folder: Path, processes: Processes) -> None:
    """All that needs no processes of its own."""
    every_run(folder, processes)
    stopped_and_resumed(folder, processes)
    without_a_seed(folder, processes)


def killed(folder: Path, processes: Processes) -> None:
    """The last process dies in the middle of a run."""

    def dying(module: Any, batch: torch.Tensor, steps: list[int]) -> Loss:
        steps.append(1)
        if len(steps) == 5 and processes.rank == processes.count - 1:
            os.kill(os.getpid(), getattr(signal, os.environ.get("BY", "SIGKILL")))
        return weighted(module, batch)

    steps: list[int] = []
    train(Net(0.0), lambda module, batch: dying(module, batch, steps), batches, options(), seed=0)


if __name__ == "__main__":
    torch.set_num_threads(1)
    with joined() as own:
        {"in_turn": in_turn, "every_run": every_run, "killed": killed}[sys.argv[1]](Path(sys.argv[2]), own)
