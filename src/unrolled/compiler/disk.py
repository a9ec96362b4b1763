"""Machine code kept on disk between processes: a cache that may be damaged, shared, read-only or full, harmlessly.

A file is named by the hash of all that the code depends on, and begins with the hash of its own content and that name,
so that a damaged, truncated or exchanged file is never taken for code. Writing is to a file of its own, renamed when
whole; whatever goes wrong, the code in memory is used. Code that another user may have put there is not run. Of more
than `MOST` files those that were used longest ago are removed.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

MAGIC = b"unrolled kernel 1\n"
# Files of some 20 KiB each.
MOST = 4096
# What they are called, and while they are written; the folder may hold other things, which are left alone.
OWN = re.compile(r"[0-9a-f]{64}|\.kernel-.*")


def folder() -> Path:
    """Where the cache is: UNROLLED_CACHE, or the user's cache folder."""
    named = os.environ.get("UNROLLED_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "unrolled" / "kernels"


def read(key: str) -> bytes | None:
    """The code under this key; None if there is none, it is not whole, or another user may have written it."""
    try:
        handle = os.open(folder() / key, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(handle, "rb") as file:
            if not _is_own(os.fstat(handle)):
                return None
            content = file.read()
        with suppress(OSError):
            os.utime(folder() / key)
    except OSError:
        return None
    head, check, code = content[: len(MAGIC)], content[len(MAGIC) : len(MAGIC) + 32], content[len(MAGIC) + 32 :]
    return code if head == MAGIC and check == _check(key, code) else None


def write(key: str, code: bytes) -> None:
    """Keeps the code under this key, if that can be done."""
    temporary = None
    try:
        folder().mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=folder(), prefix=".kernel-")
        with os.fdopen(handle, "wb") as file:
            file.write(MAGIC + _check(key, code) + code)
        Path(temporary).replace(folder() / key)
        _trim()
    except OSError:
        if temporary is not None:
            with suppress(OSError):
                Path(temporary).unlink()


def _trim() -> None:
    """Removes what was used longest ago, a quarter of what may be there, if there is more."""
    with os.scandir(folder()) as found:
        own = [entry for entry in found if OWN.fullmatch(entry.name)]
    if len(own) <= MOST:
        return
    used = {}
    for entry in own:
        # Another process may be doing the same.
        with suppress(OSError):
            used[entry.path] = entry.stat(follow_symlinks=False).st_mtime_ns
    for path in sorted(used, key=lambda one: used[one])[: len(own) - MOST * 3 // 4]:
        with suppress(OSError):
            Path(path).unlink()


def _is_own(found: os.stat_result) -> bool:
    own = not hasattr(os, "geteuid") or found.st_uid in (0, os.geteuid())
    return own and stat.S_ISREG(found.st_mode) and not found.st_mode & stat.S_IWOTH


def _check(key: str, code: bytes) -> bytes:
    return hashlib.sha256(key.encode() + code).digest()
