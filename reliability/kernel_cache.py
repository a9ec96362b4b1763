"""Rows 12 and 13: the cache of kernels on disk, damaged and shared."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace

import torch

from reliability.board import Effort, Verdict
from reliability.child import Child
from reliability.scratch import scratch
from unrolled import cells, unroll
from unrolled.compiler import disk, jit, target

NAMES = ("gru", "peephole-lstm")
PROCESSES = 16


def damaged(effort: Effort) -> Verdict:
    """Every truncation and flipped bit of every file, files exchanged, and those that another processor's bear."""
    failures, tried = list[str](), 0
    with scratch() as folder:
        os.environ["UNROLLED_CACHE"] = str(folder)
        sums = Child(_sums).wait().value
        keys = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
        step = max(1, round(1 / effort.part))
        for key in keys:
            content = (folder / key).read_bytes()
            cuts = ((f"cut to {size}", content[:size]) for size in range(0, len(content), step))
            bits = range(0, 8 * len(content), 8 * step if effort.part < 1 else 1)
            flips = ((f"bit {bit} flipped", _flipped(content, bit)) for bit in bits)
            others = ((f"exchanged with {other[:8]}", (folder / other).read_bytes()) for other in keys if other != key)
            for versions in (cuts, flips, others):
                for what, version in versions:
                    (folder / key).write_bytes(version)
                    tried += 1
                    if disk.read(key) is not None:
                        failures.append(f"{key[:8]} {what}: taken for code")
                    (folder / key).write_bytes(content)
        whole = {key: (folder / key).read_bytes() for key in keys}
        for harm in (lambda content: content[: len(content) // 2], lambda content: _flipped(content, 4 * len(content))):
            for key in keys:
                (folder / key).write_bytes(harm(whole[key]))
            ending = Child(_sums).wait()
            tried += 1
            if ending.value != sums:
                failures.append(f"a process with a damaged cache: {ending.error or 'other numbers'}")
            if {key: (folder / key).read_bytes() for key in keys} != whole:
                failures.append("the cache was not made good again")
    failures += _another_processor()
    return Verdict.of(failures, f"{tried + 1 - len(failures)} of {tried + 1} damages noticed, {len(keys)} files")


def _another_processor() -> list[str]:
    """Code for another processor has another key, so that it is never looked at."""
    here = target.host()
    asked: list[str] = []

    def noted(key: str) -> bytes | None:
        asked.append(key)
        raise LookupError

    read, disk.read = disk.read, noted
    for machine in (here, replace(here, cpu="another"), replace(here, features=here.features + ",+another")):
        with suppress(LookupError):
            jit.compiled("a kernel", lambda: "", machine)
    disk.read = read
    return [] if len(set(asked)) == 3 else ["code made for another processor has the same key"]


def shared(effort: Effort) -> Verdict:
    """16 processes that find an empty cache, all at once."""
    failures, trials, entries = list[str](), effort(10), 0
    for trial in range(trials):
        with scratch() as folder:
            os.environ["UNROLLED_CACHE"] = str(folder)
            children = [Child(_sums) for _ in range(PROCESSES)]
            endings = [child.wait(600) for child in children]
            files = [path.name for path in folder.iterdir()]
            entries = len(files)
            alone = Child(_sums).wait()
            wrong = [ending.error or "other numbers" for ending in endings if ending.value != alone.value]
            if wrong:
                failures.append(f"trial {trial}: {wrong[0]}")
            if any(name.startswith(".") or disk.read(name) is None for name in files):
                failures.append(f"trial {trial}: a file in the cache is not whole")
            if sorted(files) != sorted(path.name for path in folder.iterdir()):
                failures.append(f"trial {trial}: one process more made other entries")
    return Verdict.of(failures, f"{trials} times {PROCESSES} processes, {entries} entries, one a kernel")


def _sums() -> list[float]:
    torch.set_num_threads(1)
    found = []
    for name in NAMES:
        torch.manual_seed(0)
        cell = cells.make(name, 2, 3)
        x = torch.randn(2, 4, 2, requires_grad=True)
        outputs, _ = unroll(cell, x, backend="cpu")
        (gradient,) = torch.autograd.grad(outputs.sum(), x)
        found += [float(outputs.detach().sum()), float(gradient.sum())]
    return found


def _flipped(content: bytes, bit: int) -> bytes:
    return content[: bit // 8] + bytes([content[bit // 8] ^ 1 << bit % 8]) + content[bit // 8 + 1 :]
