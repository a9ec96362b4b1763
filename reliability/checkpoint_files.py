"""Rows 5 and 6: checkpoints that are damaged, and a folder that two runs want."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import torch

from reliability import jobs
from reliability.board import Effort, Verdict
from reliability.child import Child
from reliability.scratch import scratch
from unrolled.training import Checkpoints


def damaged(effort: Effort) -> Verdict:
    """The newest of two checkpoints with a byte flipped, or cut."""
    torch.set_num_threads(1)
    draw, failures, tried = effort.random(), list[str](), 0
    with scratch() as folder:
        jobs.run(jobs.JOBS["classifier"], folder)
        identity = json.loads(next(folder.rglob("state.json")).read_bytes().split(b"\n", 1)[1])["identity"]
        checkpoints = Checkpoints(folder, identity)
        newest = max(folder.glob("step-*"))
        before = _newest(checkpoints)
        header = {"state.json": None, "tensors.safetensors": 8 + _header_size(newest / "tensors.safetensors")}
        for name, size in header.items():
            content = (newest / name).read_bytes()
            head = len(content) if size is None else size
            places = [*range(0, head, max(1, round(1 / effort.part)))]
            body = [draw.randrange(head, len(content)) for _ in range(effort(1000))] if head < len(content) else []
            versions = [
                (f"byte {at} of {name} flipped", _flipped(content, at, draw.randrange(1, 256)))
                for at in (*places, *body)
            ]
            versions += [(f"{name} cut to {length}", content[:length]) for length in places]
            for what, version in versions:
                (newest / name).write_bytes(version)
                tried += 1
                found = _newest(checkpoints)
                if found[0] == before[0] or found[0] is None or "going back" not in found[1]:
                    failures.append(f"{what}: {found[1] or 'not noticed'}")
            (newest / name).write_bytes(content)
        if _newest(checkpoints) != before:
            failures.append("the checkpoint as it was is not the newest again")
        checkpoints.close()
    return Verdict.of(failures, f"{tried - len(failures)} of {tried} damages noticed, and the checkpoint before taken")


def shared(effort: Effort) -> Verdict:
    """Two runs started together in one folder."""
    torch.set_num_threads(1)
    failures, trials = list[str](), 0
    for name, job in jobs.JOBS.items():
        whole = jobs.run(job)
        for trial in range(effort(25, 1)):
            trials += 1
            with scratch() as folder:
                both = [Child(jobs.run, job, folder) for _ in range(2)]
                endings = [child.wait(120) for child in both]
            right = sum(ending.value == whole for ending in endings)
            refused = sum("another run is using this folder" in ending.error for ending in endings)
            # Where the first was done before the second began, the second resumes from its end.
            if right + refused != 2 or right == 0:
                failures.append(f"{name}, trial {trial}: {[ending.error or ending.value for ending in endings]}")
    return Verdict.of(failures, f"{trials - len(failures)} of {trials} pairs: one run went on, the other was refused")


def _newest(checkpoints: Checkpoints) -> tuple[Any, str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = checkpoints.newest()
        except Exception as error:
            return None, f"{type(error).__name__}: {error}"
    return None if found is None else jobs.digest(found[0]), " ".join(str(one.message) for one in caught)


def _header_size(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[:8], "little")


def _flipped(content: bytes, at: int, bits: int) -> bytes:
    return content[:at] + bytes([content[at] ^ bits]) + content[at + 1 :]
