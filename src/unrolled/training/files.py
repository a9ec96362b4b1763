"""Writing folders so that they are there whole or not at all, and reading files that may be anything."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

# Of renameat2(2).
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


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
        if not path.exists():
            beside.replace(path)
        elif not _exchange(beside, path):
            _replace(beside, path)
        _sync(path.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def read_file(path: Path, limit: int | None = None) -> bytes:
    """The content of a file that a stranger may have put there.

    Raises:
        OSError: it cannot be read, is no regular file (a pipe would never end), or is larger than `limit` bytes.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if limit is not None and found.st_size > limit:
            raise OSError(errno.EFBIG, f"larger than the {limit} bytes that it can be", str(path))
        try:
            return file.read(found.st_size)
        except MemoryError:
            raise OSError(errno.ENOMEM, f"its {found.st_size} bytes do not fit into memory", str(path)) from None


def checksum(content: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _exchange(one: Path, other: Path) -> bool:
    """Exchanges two names at one stroke, where the system can."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    names = (os.fsencode(one), os.fsencode(other))
    return function is not None and function(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0


def _replace(beside: Path, path: Path) -> None:
    """Puts a folder in place of another in two strokes; between them there is none of that name."""
    earlier = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.old-"))
    path.replace(earlier / path.name)
    try:
        beside.replace(path)
    except OSError:
        (earlier / path.name).replace(path)
        raise
    finally:
        shutil.rmtree(earlier, ignore_errors=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
