"""Ctrl-C and SIGTERM while training: the step under way is finished first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """Training was asked to stop, and saved where it was.

    Attributes:
        signal: which signal asked.
        folder: where the checkpoint is.
    """

    def __init__(self, number: int, folder: Path) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; the checkpoint in {folder} resumes the run")
        self.signal = number
        self.folder = folder


class Request:
    """Whether a signal has come; `number` is None until then."""

    number: int | None = None


@contextmanager
def noticing_signals() -> Iterator[Request]:
    """Notes SIGINT and SIGTERM instead of stopping; a second one stops at once.

    Only the main thread can be asked; elsewhere nothing is noticed.
    """
    request = Request()

    def note(number: int, frame: FrameType | None) -> None:
        if request.number is not None:
            raise KeyboardInterrupt
        request.number = number

    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
