"""Folders to work in, and disks of a few megabytes."""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reliability.board import SkippedError

NOBODY = 65534
_CLONE_NEWNS, _CLONE_NEWUSER, _MS_REC_PRIVATE = 0x20000, 0x10000000, 0x4000 | 1 << 18


@contextmanager
def scratch(*, in_memory: bool = False) -> Iterator[Path]:
    """A temporary folder that every user may enter; in memory, where files are many and the system has such a place."""
    shared = "/dev/shm" if in_memory and os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="reliability-", dir=shared) as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


def small_disk(folder: Path, size: int) -> None:
    """Puts a disk of so many bytes at a folder, seen by this process and its children alone.

    Raises:
        SkippedError: the system does not let this process do so.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    namespaces = _CLONE_NEWNS if os.geteuid() == 0 else _CLONE_NEWNS | _CLONE_NEWUSER
    done = libc.unshare(namespaces) == 0
    done = done and libc.mount(b"none", b"/", None, _MS_REC_PRIVATE, None) == 0
    done = done and libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, f"size={size}".encode()) == 0
    if not done:
        raise SkippedError(f"no small disk can be mounted here: {os.strerror(ctypes.get_errno())}")


def become_nobody() -> None:
    """Gives up root's rights, which no permission stops."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def strays(folder: Path) -> list[str]:
    """What an unfinished save has left in a folder."""
    return [path.name for path in folder.rglob(".*") if path.name != ".lock"]
