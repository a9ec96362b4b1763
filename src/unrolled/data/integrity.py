"""Whether a file holds what it should."""

from __future__ import annotations

import hashlib
from pathlib import Path

from unrolled.data.dataset import File
from unrolled.data.errors import DataError
from unrolled.data.files import reading

_block = 2**20


def verify(path: Path, file: File) -> None:
    """Checks a file's content against its size and hash, unpacking gzip on the way, and never beyond the size.

    Raises:
        DataError: the file cannot be read, or holds something else.
    """
    digest = hashlib.sha256()
    left = file.size
    with reading(path) as stream:
        while block := stream.read(min(_block, left + 1)):
            left -= len(block)
            if left < 0:
                raise DataError(f"{path}: holds more than the {file.size} bytes expected of {file.name}")
            digest.update(block)
    if left:
        raise DataError(f"{path}: holds {file.size - left} bytes, expected {file.size} of {file.name}")
    if digest.hexdigest() != file.sha256:
        raise DataError(f"{path}: its content has the sha256 {digest.hexdigest()}, expected {file.sha256}")


def holds(path: Path, file: File) -> bool:
    """Whether a file is there and holds what it should."""
    try:
        verify(path, file)
    except DataError:
        return False
    return True
