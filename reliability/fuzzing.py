"""Rows 8 and 9: damaged and hostile files, and what reading them costs."""

from __future__ import annotations

import mmap
import resource
import signal
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from reliability import data_files, model_folders
from reliability.board import Effort, Verdict
from reliability.child import Child
from reliability.scratch import scratch

# Reading no damaged file takes as long, in seconds, or as much more memory than reading a sound one.
HANG = 20
MIB = 500
# Where memory is not measured but refused, so that a machine is not brought down.
BACKSTOP = 8 * 2**30
# Parts of the others' counts, of what takes a process for each file.
SHARES = {"series.parquet": 0.1}
# Reads what a seed makes of a sound file; raises unless it is read or refused as documented.
Check = Callable[[int, Path], None]


def models(effort: Effort) -> Verdict:
    """Folders of every model, and checkpoints: bytes, JSON values and tensors changed, with checksums made to fit."""
    with scratch() as folder:
        return _fuzzed(model_folders.checks(folder), effort(200_000), effort.seed)


def data(effort: Effort) -> Verdict:
    """Files of every format."""
    return _fuzzed(data_files.checks(), effort(500_000), effort.seed)


def _fuzzed(checks: Mapping[str, Check], total: int, seed: int) -> Verdict:
    failures, tried, worst = list[str](), 0, 0.0
    each = total / sum(SHARES.get(name, 1.0) for name in checks)
    for name, check in checks.items():
        count = max(1, round(each * SHARES.get(name, 1.0)))
        tried += count
        with scratch(in_memory=True) as folder:
            ending, found, grown = _series(check, folder, seed * 1_000_003, count)
        worst = max(worst, grown)
        failures += [f"{name}: {one}" for one in found]
        if ending:
            failures.append(f"{name}: {ending}")
        if grown > MIB:
            failures.append(f"{name}: takes {grown:.0f} MiB")
    crashed = len({failure.split(", input")[0] for failure in failures})
    figure = f"{tried:,} inputs to {len(checks)} readers, {len(failures)} failures in {crashed} readers, "
    return Verdict.of(failures, figure + f"at most {worst:.0f} MiB above the baseline")


def _series(check: Check, folder: Path, first: int, count: int) -> tuple[str, list[str], float]:
    """How a process that reads so many inputs ends, what failed in it, and the memory that it took."""
    at = mmap.mmap(-1, 8)

    def work() -> list[object]:
        resource.setrlimit(resource.RLIMIT_AS, (_address_space() + BACKSTOP,) * 2)
        signal.signal(signal.SIGALRM, _too_long)
        warnings.simplefilter("ignore")
        # What a sound file needs is no fault of a damaged one.
        check(-1, folder)
        baseline, failed = _peak_mib(), []
        for seed in range(first, first + count):
            at[:8] = seed.to_bytes(8, "little")
            signal.alarm(HANG)
            try:
                check(seed, folder)
            except BaseException as error:
                failed.append(f"input {seed}: {type(error).__name__}: {str(error)[:150]}")
            signal.alarm(0)
            if len(failed) == 5:
                break
        return [failed, _peak_mib() - baseline]

    ending = Child(work).wait()
    if ending.value is None:
        why = ending.error or f"ended with code {ending.code}"
        return f"input {int.from_bytes(at[:8], 'little')}: {why}", [], 0.0
    return "", ending.value[0], ending.value[1]


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TimeoutError(f"took more than {HANG} s")


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
