"""Checkpoints: everything that a run needs to go on bit for bit, without pickle.

A checkpoint is a folder `step-<number>` of `tensors.safetensors` and `state.json`, which holds the other's checksum and
its own. It is written beside and renamed, so that it is whole or not there.
"""

from __future__ import annotations

import json
import re
import shutil
import warnings
from pathlib import Path
from typing import Any

from torch import Tensor

from unrolled.training.distributed import is_first
from unrolled.training.files import checksum, write_folder

FORMAT = 1
_NAME = re.compile(r"step-(\d{9})")


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the folder and what is wrong."""


class Checkpoints:
    """The checkpoints of one run in a folder, which belongs to one process at a time.

    Args:
        folder: made if need be.
        identity: what a run must have in common with one that it resumes, as JSON values.
        keep: how many checkpoints stay.

    Raises:
        CheckpointError: another process is using the folder.
    """

    def __init__(self, folder: str | Path, identity: dict[str, Any], *, keep: int = 2) -> None:
        from filelock import FileLock, Timeout

        self.folder = Path(folder)
        self.identity = json.loads(json.dumps(identity))
        self.keep = keep
        self._lock = FileLock(self.folder / ".lock")
        if not is_first():
            # The first of several processes holds the folder for all.
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise CheckpointError(f"{self.folder}: another run is using this folder; choose another") from None

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
        write_folder(self.folder / f"step-{step:09d}", files)
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
            if head["identity"] != self.identity:
                names = [name for name in self.identity if head["identity"].get(name) != self.identity[name]]
                raise CheckpointError(f"{path}: made with other settings: {', '.join(names) or 'unknown ones'}")
            return tensors, head["state"]
        if found:
            raise CheckpointError(f"{self.folder}: every checkpoint is damaged")
        return None

    def _all(self) -> list[Path]:
        return sorted((path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)), reverse=True)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        first, text = (path / "state.json").read_bytes().split(b"\n", 1)
        body = (path / "tensors.safetensors").read_bytes()
        if json.loads(first) != {"sha256": checksum(text)}:
            raise CheckpointError(f"{path}: state.json is damaged")
        head: dict[str, Any] = json.loads(text)
        if head["format"] != FORMAT:
            raise CheckpointError(f"{path}: expected format {FORMAT}, found {head['format']!r}")
        if checksum(body) != head["tensors"]:
            raise CheckpointError(f"{path}: tensors.safetensors is damaged")
        return load(body), head
    except CheckpointError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read: {error}") from error
