"""Unpacking zip archives that may be hostile."""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from unrolled.data.errors import DataError

_block = 2**20


def unpack(archive: Path, folder: Path, members: Mapping[str, int]) -> None:
    """Unpacks the members named, each of exactly the size named, into a folder.

    Each file is written beside its place and then renamed, so that a file in its place is whole.

    Args:
        archive: a zip file.
        folder: where the members go; it exists.
        members: their names, and how many bytes each has.

    Raises:
        DataError: the archive cannot be read, has a member that is a link or would lie outside the folder, or does
            not have the members named in the sizes named. Of the member that fails nothing is left.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            found = {info.filename: info for info in file.infolist()}
            for info in found.values():
                _refuse_escape(info, archive)
            for name, size in members.items():
                if name not in found or found[name].file_size != size:
                    there = f"{found[name].file_size} bytes" if name in found else ", ".join(found)[:80] or "nothing"
                    raise DataError(f"{archive}: expected {name} of {size} bytes, found {there}")
            for name, size in members.items():
                _unpack_member(file, found[name], folder / name, size)
    except DataError:
        raise
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, ValueError, OverflowError) as error:
        raise DataError(f"{archive}: cannot be unpacked: {error}") from error


def _refuse_escape(info: zipfile.ZipInfo, archive: Path) -> None:
    parts = PurePosixPath(info.filename.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or ":" in info.filename:
        raise DataError(f"{archive}: member {info.filename!r} would lie outside the folder")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise DataError(f"{archive}: member {info.filename!r} is a link or a device, expected files alone")


def _unpack_member(file: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, size: int) -> None:
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with file.open(info) as source, part.open("wb") as copy:
            while block := source.read(_block):
                copy.write(block)
            if copy.tell() != size:
                raise DataError(f"{file.filename}: {info.filename} holds {copy.tell()} bytes, expected {size}")
            copy.flush()
            os.fsync(copy.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
