"""Checkpoints: everything that a run needs to go on bit for bit, without pickle.

A checkpoint is a folder `step-<number>` of `tensors.safetensors` and `state.json`, which holds the other's checksum and
its own. It is written beside and renamed, so that it is whole or not there.
"""

from __future__ import annotations

import json
import re
import shutil
import time
import warnings
from pathlib import Path
from typing import Any

from torch import Tensor

from unrolled.checks import as_path, at_least_0, instance, integer
from unrolled.training.distributed import is_first
from unrolled.training.files import checksum, read_file, write_folder

FORMAT = 1
# The history of a long run takes a megabyte or two.
LARGEST_STATE = 64 * 2**20
_NAME = re.compile(r"step-(\d{9,18})")
# What a process that was killed while it saved has left.
_UNFINISHED = re.compile(r"\.step-\d+\.(new|old)-\w+")


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the folder and what is wrong."""


class Checkpoints:
    """The checkpoints of one run in a folder, which belongs to one process at a time.

    Args:
        folder: made if need be.
        identity: what a run must have in common with one that it resumes, as JSON values.
        keep: how many checkpoints stay.
        minutes: how long to go on within an epoch before the next checkpoint; one follows every epoch too.

    Raises:
        CheckpointError: another process is using the folder.
        OSError: the folder cannot be made or written to.
    """

    def __init__(self, folder: str | Path, identity: dict[str, Any], *, keep: int = 2, minutes: float = 5.0) -> None:
        from filelock import FileLock, Timeout

        self.folder = as_path("folder", folder)
        instance("identity", identity, dict, "JSON values by name")
        self.identity = json.loads(json.dumps(identity))
        self.keep, self.minutes = integer("keep", keep), at_least_0("minutes", minutes)
        self._saved = time.monotonic()
        self._lock = FileLock(self.folder / ".lock")
        if not is_first():
            # The first of several processes holds the folder for all.
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise CheckpointError(f"{self.folder}: another run is using this folder; choose another") from None
        for path in self.folder.iterdir():
            if _UNFINISHED.fullmatch(path.name):
                shutil.rmtree(path, ignore_errors=True)

    @property
    def due(self) -> bool:
        """Whether the last checkpoint is so old that a run should save within its epoch."""
        return time.monotonic() - self._saved >= 60 * self.minutes

    def close(self) -> None:
        """Lets another process have the folder."""
        self._lock.release()

    def save(self, step: int, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Writes a checkpoint, then drops the oldest beyond `keep`.

        Raises:
            OSError: it could not be written; the earlier ones are as they were.
        """
        from safetensors.torch import save

        body = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
        head = {"format": FORMAT, "identity": self.identity, "tensors": checksum(body), "state": state}
        text = json.dumps(head).encode()
        files = {
            "tensors.safetensors": body,
            "state.json": json.dumps({"sha256": checksum(text)}).encode() + b"\n" + text,
        }
        path = self.folder / f"step-{step:09d}"
        try:
            write_folder(path, files)
        except OSError as error:
            problem = f"the checkpoint cannot be written ({error.strerror or error}); earlier ones are as they were"
            raise OSError(error.errno, problem, str(path)) from error
        self._saved = time.monotonic()
        for old in self._all()[self.keep :]:
            shutil.rmtree(old, ignore_errors=True)

    def clear(self) -> None:
        """Removes every checkpoint."""
        for old in self._all():
            shutil.rmtree(old, ignore_errors=True)

    def newest(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Tensors and state of the newest whole checkpoint, None if there is no checkpoint at all.

        Where the newest is damaged a warning says so, and the one before is taken.

        Raises:
            CheckpointError: all are damaged, or the run is another one.
        """
        found = self._all()
        for path in found:
            try:
                tensors, head = _read(path)
            except CheckpointError as error:
                warnings.warn(f"{error}; going back to the checkpoint before", stacklevel=2)
                continue
            found_identity = head["identity"]
            if found_identity != self.identity:
                names = [name for name in self.identity if found_identity.get(name) != self.identity[name]]
                raise CheckpointError(f"{path}: made with other settings: {', '.join(names) or 'unknown ones'}")
            state: dict[str, Any] = head["state"]
            return tensors, state
        if found:
            raise CheckpointError(f"{self.folder}: every checkpoint is damaged")
        return None

    def _all(self) -> list[Path]:
        found = {int(match[1]): path for path in self.folder.iterdir() if (match := _NAME.fullmatch(path.name))}
        return [found[step] for step in sorted(found, reverse=True)]


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        first, text = read_file(path / "state.json", LARGEST_STATE).split(b"\n", 1)
        if json.loads(first) != {"sha256": checksum(text)}:
            raise CheckpointError(f"{path}: state.json is damaged")
        head: dict[str, Any] = json.loads(text)
        if head["format"] != FORMAT:
            raise CheckpointError(f"{path}: expected format {FORMAT}, found {head['format']!r:.50}")
        if not isinstance(head["identity"], dict) or not isinstance(head["state"], dict):
            raise CheckpointError(f"{path}: state.json: expected an identity and a state")
        body = read_file(path / "tensors.safetensors")
        if checksum(body) != head["tensors"]:
            raise CheckpointError(f"{path}: tensors.safetensors is damaged")
        return load(body), head
    except CheckpointError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read: {error}") from error
