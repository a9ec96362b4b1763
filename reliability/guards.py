"""Row 14: kernels touch no byte outside of their buffers, and read none that was not written.

Every buffer ends, or begins, at a page that must not be touched, and holds NaN at first. A touch ends the process, so
the calls are made by programs of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys

from reliability.board import Effort, SkippedError, Verdict
from unrolled import cells

# Memory between two forbidden pages, flush with the second one ("end") or the first ("start").
GUARDED = """
import ctypes, mmap, sys
from math import prod
from random import Random
import numpy as np
import torch
import unrolled
from unrolled import cells
from unrolled.compiler import call, executable

PAGE = mmap.PAGESIZE
libc = ctypes.CDLL(None, use_errno=True)
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
SIDE = sys.argv[1]
kept = []

def guarded(shape, dtype):
    size = prod(shape) * dtype.itemsize
    pages = -(-size // PAGE)
    area = mmap.mmap(-1, (pages + 2) * PAGE)
    whole = np.frombuffer(area, np.uint8)
    base = whole.ctypes.data
    for page in (base, base + (pages + 1) * PAGE):
        assert libc.mprotect(page, PAGE, 0) == 0
    kept.append(area)
    first = PAGE if SIDE == "start" else (pages + 1) * PAGE - size
    part = torch.from_numpy(whole[first : first + size]).view(dtype).view(shape)
    return part.fill_(float("nan")) if size else part

def moved(tensor):
    made = guarded(tuple(tensor.shape), tensor.dtype)
    made.copy_(tensor)
    return made

def run(cell, x, lengths, reverse, time_major=False):
    outputs, end = unrolled.unroll(cell, x, lengths, reverse=reverse, time_major=time_major)
    d_out = moved(torch.ones_like(outputs).contiguous())
    outputs.backward(d_out)
    assert outputs.isfinite().all() and x.grad.isfinite().all()
    assert all(parameter.grad.isfinite().all() for parameter in cell.parameters())
    kept.clear()
"""
# Some sizes that are off the tiles' edges, in every precision.
FIXED = """
executable.borrow = call.borrow = guarded
for name in sys.argv[2].split(","):
    for double in (False, True):
        for bf16 in (False, True):
            dtype = torch.float64 if double else torch.float32
            torch.manual_seed(0)
            cell = cells.make(name, 5, 19, dtype=dtype)
            for parameter in cell.parameters():
                parameter.data = moved(parameter.data)
            own, kept[:] = [*kept], []
            for rows, steps, ragged in ((1, 3, False), (7, 4, True), (13, 2, False)):
                for reverse in (False, True):
                    x = moved(torch.randn(rows, steps, 5, dtype=dtype)).requires_grad_()
                    lengths = torch.randint(0, steps + 1, (rows,)) if ragged else None
                    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                        run(cell, x, lengths, reverse)
print("clean")
"""
# Random sizes, layouts, strides and lengths; what a stride steps over is NaN.
RANDOM = """
executable.borrow = call.borrow = guarded
names, count, draw = sys.argv[2].split(","), int(sys.argv[3]), Random(int(sys.argv[4]))
torch.manual_seed(draw.randrange(2**32))
for name, group in [(name, group) for name in names for group in range(count // 20 or 1)]:
    print(name, file=sys.stderr)
    features, units = draw.choice((1, 2, 5, 16, 33, 130)), draw.choice((2, 7, 16, 19, 33, 65))
    dtype = draw.choice((torch.float32, torch.float64))
    cell = cells.make(name, features, units, dtype=dtype, bias=draw.random() < 0.7)
    for parameter in cell.parameters():
        parameter.data = moved(parameter.data)
    own, kept[:] = [*kept], []
    for _ in range(min(count, 20)):
        rows, steps, gap = draw.randint(1, 24), draw.randint(0, 9), draw.choice((1, 1, 2))
        major, skip = draw.random() < 0.5, draw.choice((0, 0, 3))
        size = (steps, rows) if major else (rows, steps)
        whole = guarded((size[0] * gap, size[1], features + skip), dtype)
        x = whole[::gap, :, :features]
        x.copy_(torch.randn(*size, features, dtype=dtype))
        x.requires_grad_()
        lengths = torch.tensor([draw.randint(0, steps) for _ in range(rows)]) if draw.random() < 0.6 else None
        for parameter in cell.parameters():
            parameter.grad = None
        with torch.autocast("cpu", torch.bfloat16, enabled=draw.random() < 0.3):
            run(cell, x, lengths, draw.random() < 0.5, major)
print("clean")
"""
TOUCH = """
made = guarded((100,), torch.float32)
ctypes.c_char.from_address(made.data_ptr() + (400 if SIDE == "end" else -1)).value
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a program after `GUARDED`."""
    command = [sys.executable, "-c", GUARDED + code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)


def guarded(effort: Effort) -> Verdict:
    """Every cell, in random shapes, strides and lengths, on both sides of a forbidden page."""
    if sys.platform != "linux":
        raise SkippedError("pages are protected as Linux does")
    failures, shapes = list[str](), effort(2000, 20)
    if run(TOUCH, "end").returncode >= 0 or run(TOUCH, "start").returncode >= 0:
        failures.append("a touch of a forbidden page is not noticed")
    for side, seed in (("start", 1), ("end", 2)):
        done = run(RANDOM, side, ",".join(cells.by_name), str(shapes // 2), str(effort.seed * 2 + seed))
        if done.stdout.strip() != "clean":
            failures.append(f"{side}: code {done.returncode} after {done.stderr[-200:].strip()}")
    return Verdict.of(failures, f"{len(cells.by_name)} cells x {shapes} random shapes between forbidden pages")
