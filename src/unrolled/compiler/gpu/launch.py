"""The kernel of a segment, or of a step's last and the next step's first, for the step-wise strategy."""

from __future__ import annotations

from unrolled.compiler.gpu.segment import Segment
from unrolled.compiler.gpu.tiles import HEAD, Text, padded

# Numbers of the widest tile that a program holds.
TILE = 1024


class Launch:
    """One kernel.

    No product lies between a step's last segment and the next step's first, and a row needs nothing of other rows, so
    one kernel can do both.

    Args:
        segment: of the step.
        following: the first segment of the step after it, if that is this kernel's to do as well.
        ascending: steps run from first to last.

    Attributes:
        depth: of the segment.
        streams, vectors: what it is told of, in order; its arguments are otherwise those of `Segment.arguments`.
        module: the text.
        rows, warps: of a program.
    """

    def __init__(self, segment: Segment, following: Segment | None = None, *, ascending: bool = True) -> None:
        self.segment, self.depth, self.vectors = segment, segment.depth, segment.vectors
        parts = [segment] if following is None else [segment, following]
        self.streams = tuple(dict.fromkeys(stream for part in parts for stream in part.streams))
        widest = max(padded(op.width) for op in segment.ops)
        self.rows = max(1, TILE // widest)
        self.warps = max(1, min(16, self.rows * widest // 256))
        text = Text()
        arguments = segment.arguments_with(self.streams)
        text.function('@triton.jit(do_not_specialize=["batch", "step", "steps"])', "kernel", arguments)
        text.line(segment.call({}))
        if following is not None:
            # What one step leaves in memory the other reads, by other threads of the program.
            text.line("tl.debug_barrier()")
            text.line(following.call(_next_step(len(segment.states), ascending=ascending)))
        self.module = HEAD + "\n\n".join([*(part.function for part in parts), str(text)])


def _next_step(states: int, *, ascending: bool) -> dict[str, str]:
    """What the next step takes for its arguments: the states are where this one left them."""
    renamed = {"step": "step + 1" if ascending else "step - 1"}
    for i in range(states):
        renamed |= {f"before{i}": f"after{i}", f"after{i}": f"before{i}"}
    return renamed
