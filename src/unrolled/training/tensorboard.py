"""Curves for TensorBoard; needs the extra `unrolled[tensorboard]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from unrolled.training.callbacks import Callback, Progress


class TensorBoard(Callback):
    """Writes every number of the history, epoch by epoch.

    Args:
        folder: where event files go.

    Raises:
        ImportError: tensorboard is not installed (when training starts).
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = folder
        self._writer: Any = None

    def on_start(self, module: nn.Module, progress: Progress) -> None:
        """Opens the event file."""
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError as error:
            raise ImportError(
                "TensorBoard needs the package tensorboard: pip install 'unrolled[tensorboard]'"
            ) from error
        self._writer = SummaryWriter(str(self.folder))

    def on_epoch(self, module: nn.Module, progress: Progress) -> None:
        """Writes the epoch's numbers."""
        for name, value in progress.history[-1].items():
            if name != "epoch":
                self._writer.add_scalar(name, value, progress.history[-1]["epoch"])

    def on_end(self, module: nn.Module, progress: Progress) -> None:
        """Closes the event file."""
        if self._writer is not None:
            self._writer.close()
