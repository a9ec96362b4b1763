"""The progress bar on the terminal."""

from __future__ import annotations

from typing import Any

from torch import nn

from unrolled.training.callbacks import Callback, Progress


class ProgressBar(Callback):
    """Shows epoch, loss, accuracy, rate and time left; nothing where there is no terminal."""

    def __init__(self) -> None:
        self._bar: Any = None

    def on_start(self, module: nn.Module, progress: Progress) -> None:
        """Draws the bar."""
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
        times = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
        self._bar = Bar(*columns, *times, console=Console(stderr=True), transient=False)
        self._task = self._bar.add_task(
            "training", total=progress.epochs * progress.steps, completed=progress.epoch * progress.steps, told=""
        )
        self._began = (self._bar.get_time(), 0)
        self._examples = 0
        self._bar.start()

    def on_step(self, module: nn.Module, progress: Progress) -> None:
        """Moves the bar."""
        metrics = {"loss": progress.metrics.get("loss", progress.loss)} | progress.metrics
        if progress.history:
            last = progress.history[-1]
            metrics |= {name: last[name] for name in ("validation_accuracy",) if name in last}
        told = "  ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in metrics.items())
        seconds, before = self._bar.get_time() - self._began[0], self._began[1]
        if progress.step == 1:
            self._began = (self._bar.get_time(), progress.examples)
        elif seconds > 0:
            told += f"  {(progress.examples - before) / seconds:,.0f}/s"
        self._bar.update(
            self._task,
            completed=progress.epoch * progress.steps + progress.step,
            description=f"epoch {progress.epoch + 1}/{progress.epochs}",
            told=told,
        )

    def on_end(self, module: nn.Module, progress: Progress) -> None:
        """Leaves the bar as it stands."""
        if self._bar is not None:
            self._bar.stop()
