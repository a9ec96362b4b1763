"""Folders: the cache of kernels, and where data sets are looked for."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from unrolled.doctor.finding import Finding

FEW_BYTES = 500_000_000


def kernel_cache() -> Iterator[Finding]:
    """Whether kernels can be kept, and whether those that are there are whole."""
    from unrolled.compiler import disk

    folder = disk.folder()
    names = [path.name for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
    damaged = [name for name in names if (folder / name).is_file() and disk.read(name) is None]
    size = sum((folder / name).stat().st_size for name in names)
    told = f"{folder}: {len(names)} entries, {size / 1e6:.1f} MB"
    if not _writable(folder):
        advice = "kernels are compiled afresh in every process; let UNROLLED_CACHE name a folder that can be written"
        yield Finding("kernel cache", "problem", f"{told}, cannot be written", advice)
    elif damaged:
        advice = f"they are never run; to be rid of them: rm -r {folder}"
        yield Finding("kernel cache", "note", f"{told}, {len(damaged)} of them not whole", advice)
    else:
        yield Finding("kernel cache", "ok", told)


def data_folders() -> Iterator[Finding]:
    """Where data sets are looked for, and where they would be put."""
    from unrolled.data import datasets
    from unrolled.data.fetch import cache_folder, whereabouts

    here = [name for name in datasets if whereabouts(name) is not None]
    folder = cache_folder()
    told = f"{len(here)} of {len(datasets)} data sets are here; others go to {folder}"
    named = os.environ.get("UNROLLED_DATA")
    if named and not Path(named).is_dir():
        yield Finding("data", "problem", f"UNROLLED_DATA names {named}, which is no folder", "correct it, or unset it")
    elif not _writable(folder):
        yield Finding("data", "note", f"{told}, which cannot be written", "let UNROLLED_DATA name a folder with them")
    else:
        yield Finding("data", "ok", told)
    free = shutil.disk_usage(_existing(folder)).free
    if free < FEW_BYTES:
        yield Finding("disk", "note", f"{free / 1e6:.0f} MB free at {folder}", "make room before fetching or saving")


def _existing(folder: Path) -> Path:
    """The nearest folder above that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _writable(folder: Path) -> bool:
    """Whether files can be made there; asked by making one, since permissions do not tell all."""
    try:
        with tempfile.TemporaryFile(dir=_existing(folder)):
            return True
    except OSError:
        return False
