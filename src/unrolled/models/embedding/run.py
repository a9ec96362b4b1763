"""A training run: chunks dealt to threads, the learning rate, progress, and stopping in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import pairwise
from time import perf_counter
from typing import Any

from torch import nn

from unrolled.models.embedding.chunk_trainer import ChunkTrainer
from unrolled.models.embedding.processes import Agreement
from unrolled.training import Callback, NonFiniteLossError, Processes
from unrolled.training.callbacks import Progress
from unrolled.training.interruption import Request

# Points of the loss curve in an epoch, at most.
POINTS = 100
# Times that several processes agree in an epoch.
AGREEMENTS = 10
# How often the main thread looks whether a signal has come.
SECONDS = 0.2


@dataclass
class State:
    """How far a run is.

    Attributes:
        done: chunks trained on, over all epochs.
        history: an entry for each epoch.
        curve: words trained on, and loss a pair, at points along the way.
        seconds: spent on training.
    """

    done: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    curve: list[tuple[int, float]] = field(default_factory=list)
    seconds: float = 0.0


class Run:
    """Trains all epochs.

    Args:
        trainer: does the chunks.
        workers: threads.
        processes: this one, or several.
        callbacks: look on.
        request: whether a signal has come.
    """

    def __init__(
        self,
        trainer: ChunkTrainer,
        workers: int,
        processes: Processes,
        callbacks: Sequence[Callback],
        request: Request,
    ) -> None:
        self.trainer, self.workers, self.processes = trainer, workers, processes
        self.callbacks, self.request = callbacks, request
        self.chunks = trainer.corpus.chunks
        self.settings = trainer.settings
        self.words_a_chunk = trainer.corpus.words / max(1, self.chunks) / processes.count
        # Callbacks expect a module to look at; there is none here.
        self._module = nn.Module()
        self._every = max(1, self.chunks // POINTS)

    def train(self, state: State, after_epoch: Callable[[State], None]) -> bool:
        """Trains from where the state is; gives whether all was done, and not stopped by a signal.

        Raises:
            NonFiniteLossError: training diverged.
        """
        tables = [self.trainer.parameters.inputs, self.trainer.parameters.outputs, self.trainer.parameters.biases]
        agreement = Agreement(self.processes, tables)
        progress = Progress(
            state.done // self.chunks,
            self.settings.epochs,
            state.done % self.chunks,
            self.chunks,
            history=state.history,
        )
        for callback in self.callbacks:
            callback.on_start(self._module, progress)
        try:
            for epoch in range(progress.epoch, self.settings.epochs):
                progress.epoch, progress.examples = epoch, 0
                if not self._epoch(epoch, state, progress, agreement):
                    return False
                after_epoch(state)
                for callback in self.callbacks:
                    callback.on_epoch(self._module, progress)
            return True
        finally:
            for callback in self.callbacks:
                callback.on_end(self._module, progress)

    def _epoch(self, epoch: int, state: State, progress: Progress, agreement: Agreement) -> bool:
        first = state.done % self.chunks
        # Alone a process need not pause; several pause together, each after the same part of its chunks.
        parts = 1 if self.processes.count == 1 else AGREEMENTS
        borders = [self.chunks * part // parts for part in range(parts + 1)]
        began, loss, pairs, starting = perf_counter(), 0.0, 0, state.done
        for start, end in pairwise(borders):
            added = self._chunks(epoch, max(first, start), end, state, progress)
            loss, pairs = loss + added[0], pairs + added[1]
            agreement.reach()
            if self.processes.largest(self.request.number or 0):
                state.seconds += perf_counter() - began
                return False
        seconds = perf_counter() - began
        state.seconds += seconds
        words = (state.done - starting) * self.words_a_chunk
        entry = {"epoch": epoch + 1, "loss": loss / max(1, pairs), "lr": self._lr(state.done), "seconds": seconds}
        entry["words_per_second"] = words / seconds if seconds > 0 else 0.0
        state.history.append(entry)
        return True

    def _chunks(self, epoch: int, first: int, last: int, state: State, progress: Progress) -> tuple[float, int]:
        """Trains on chunks in turn, some at a time; those begun are always finished, and are a run without gaps."""
        running: dict[Future[tuple[float, int]], int] = {}
        following, loss, pairs, group = first, 0.0, 0, [0.0, 0]
        with ThreadPoolExecutor(self.workers) as pool:
            while running or following < last:
                while len(running) < self.workers + 1 and following < last and self.request.number is None:
                    lr = self._lr(epoch * self.chunks + following)
                    running[pool.submit(self.trainer.train, epoch, following, lr, self.processes.rank)] = following
                    following += 1
                if not running:
                    break
                finished, _ = wait(running, SECONDS, FIRST_COMPLETED)
                for future in sorted(finished, key=running.__getitem__):
                    own, count = future.result()
                    index = running.pop(future)
                    if not abs(own) < float("inf"):
                        raise NonFiniteLossError(
                            f"the loss became {own} in epoch {epoch + 1}, chunk {index + 1}; a lower lr may help"
                        )
                    loss, pairs, state.done = loss + own, pairs + count, state.done + 1
                    group = [group[0] + own, group[1] + count]
                    if state.done % self._every == 0 and group[1]:
                        mean = group[0] / group[1]
                        state.curve.append((round(state.done * self.words_a_chunk), mean))
                        group = [0.0, 0]
                    self._tell(state, progress, own / max(1, count), loss / max(1, pairs))
        return loss, pairs

    def _lr(self, done: int) -> float:
        part = done / (self.settings.epochs * self.chunks)
        return max(self.settings.min_lr, self.settings.lr * (1 - part))

    def _tell(self, state: State, progress: Progress, last: float, mean: float) -> None:
        progress.step = state.done - progress.epoch * self.chunks
        progress.loss = last
        progress.metrics = {"loss": mean, "learning_rate": self._lr(state.done)}
        progress.examples += round(self.words_a_chunk)
        for callback in self.callbacks:
            callback.on_step(self._module, progress)
