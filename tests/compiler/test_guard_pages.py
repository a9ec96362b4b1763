"""Kernels touch no byte outside of their buffers: every buffer ends, or begins, at a page that must not be touched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

# Memory between two forbidden pages, flush with the second one ("end") or the first ("start").
GUARDED = """
import ctypes, mmap, os, sys
from math import prod
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
"""
RUN = """
executable.borrow = call.borrow = guarded
names = sys.argv[2].split(",")
for name in names:
    for double in (False, True):
        for bf16 in (False, True):
            dtype = torch.float64 if double else torch.float32
            torch.manual_seed(0)
            cell = cells.make(name, 5, 19, dtype=dtype)
            for parameter in cell.parameters():
                parameter.data = moved(parameter.data)
            for rows, steps, ragged in ((1, 3, False), (7, 4, True), (13, 2, False)):
                for reverse in (False, True):
                    x = moved(torch.randn(rows, steps, 5, dtype=dtype)).requires_grad_()
                    lengths = torch.randint(0, steps + 1, (rows,)) if ragged else None
                    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
                        outputs, end = unrolled.unroll(cell, x, lengths, reverse=reverse)
                    d_out = moved(torch.ones_like(outputs).contiguous())
                    outputs.backward(d_out)
                    assert outputs.isfinite().all() and x.grad.isfinite().all()
                    kept.clear()
print("clean")
"""
TOUCH = """
import ctypes
made = guarded((100,), torch.float32)
ctypes.c_char.from_address(made.data_ptr() + (400 if SIDE == "end" else -1)).value
"""
CELLS = ["lstm,gru", "gru-reset-before,layer-norm-lstm", "peephole-lstm,projected-lstm", "slstm,min-lstm,ind-rnn,rnn"]


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)


@pytest.mark.skipif(sys.platform != "linux", reason="protects pages as Linux does")
@pytest.mark.parametrize("side", ["start", "end"])
class TestGuardPages:
    @pytest.mark.parametrize("names", CELLS)
    def test_kernels_stay_inside(self, side: str, names: str) -> None:
        done = run(GUARDED + RUN, side, names)
        assert done.stdout.strip() == "clean", (done.returncode, done.stderr[-2000:])

    def test_a_touch_is_noticed(self, side: str) -> None:
        assert run(GUARDED + TOUCH, side).returncode in (-signal.SIGSEGV, -signal.SIGBUS)
