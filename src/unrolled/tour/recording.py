"""What a chapter shows while it runs, and the three functions that chapters use.

In a notebook or as a script of its own a chapter shows the same: then nothing is recorded.
"""

from __future__ import annotations

import io
import os
import sys
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from threading import get_ident
from typing import Any, TypeVar

T = TypeVar("T")

# Dots an inch of a picture: sharp on a screen that has two for each of the page's.
DPI = 144


@dataclass(frozen=True)
class Output:
    """Something that a cell showed.

    Attributes:
        line: of the chapter, that was running.
        kind: "text", "picture", "figure" (a number beside the guide's) or "error".
        data: text; a picture's PNG bytes; or (what, ours, guide).
        caption: of a picture.
    """

    line: int
    kind: str
    data: Any
    caption: str = ""


@dataclass
class Recording:
    """The outputs of one run of a chapter.

    Args:
        path: the chapter's file, by which the running line is known.
        full: whether it is run at full length.
        outputs: what was shown so far.
        thread: that runs the chapter.
    """

    path: str
    full: bool = False
    outputs: list[Output] = field(default_factory=list)
    thread: int = field(default_factory=get_ident)

    def add(self, kind: str, data: Any, caption: str = "") -> None:
        """Notes an output of the line that is running."""
        self.outputs.append(Output(self._running(), kind, data, caption))

    def _running(self) -> int:
        # Of the chapter's own thread, whichever is asking: threads speak for the line that waits for them.
        frame: Any = sys._current_frames().get(self.thread)
        while frame is not None:
            if frame.f_code.co_filename == self.path and frame.f_code.co_name == "<module>":
                return int(frame.f_lineno)
            frame = frame.f_back
        return 0


current: ContextVar[Recording | None] = ContextVar("current", default=None)


class Words(io.TextIOBase):
    """A stream into a recording, in place of standard output."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    def write(self, text: str) -> int:
        """Notes the text."""
        self.recording.add("text", text)
        return len(text)

    def writable(self) -> bool:
        """It is."""
        return True


def choose(quick: T, full: T) -> T:
    """The first for minutes, the second in `unrolled tour --full`.

    In a notebook the first, unless the environment has UNROLLED_TOUR=full.
    """
    recording = current.get()
    return full if (recording.full if recording else os.environ.get("UNROLLED_TOUR") == "full") else quick


def show(figure: Any, caption: str) -> None:
    """Shows a matplotlib figure, here or in a notebook; in a script it is saved to the working folder."""
    recording = current.get()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    if recording is not None:
        recording.add("picture", buffer.getvalue(), caption)
    elif "IPython" in sys.modules:
        display: Any = sys.modules["IPython"].display
        display.display(display.Image(buffer.getvalue(), width=int(figure.get_size_inches()[0] * DPI / 2)))
        print(caption)
    else:
        number = next(n for n in range(1, 1000) if not Path(f"picture-{n}.png").exists())
        Path(f"picture-{number}.png").write_bytes(buffer.getvalue())
        print(f"picture-{number}.png: {caption}")


def compare(what: str, ours: str, guide: str = "") -> None:
    """Shows a figure of this run beside the field guide's, if the guide has one."""
    recording = current.get()
    if recording is not None:
        recording.add("figure", (what, ours, guide))
    else:
        print(f"{what}: {ours}" + (f" (the guide: {guide})" if guide else ""))
