"""Writing folders so that they are there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Writes a folder of files, in place of one of the same name if there is one.

    The files are written beside it, forced to disk and renamed; until then the earlier folder is untouched.

    Raises:
        OSError: it could not be written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.new-"))
    try:
        for name, content in files.items():
            with (beside / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        _sync(beside)
        beside.chmod(0o755)
        if path.exists():
            earlier = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old-"))
            path.replace(earlier / path.name)
            try:
                beside.replace(path)
            except OSError:
                (earlier / path.name).replace(path)
                raise
            finally:
                shutil.rmtree(earlier, ignore_errors=True)
        else:
            beside.replace(path)
        _sync(path.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def checksum(content: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
