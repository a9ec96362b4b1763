"""Reading a data file, plain or gzip, within bounds: whatever is wrong with it becomes a `DataError`."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import BinaryIO, cast

from unrolled.data.errors import DataError

# A compressed file may hold this much, or this many times its own size. Real data is far below, a bomb is far above.
# Text may hold less, since it grows up to fifty-fold when sequences are made of it.
UNPACKED_BYTES = 32 * 2**20
UNPACKED_RATIO = 50
UNPACKED_TEXT_BYTES = 8 * 2**20
UNPACKED_TEXT_RATIO = 20
# How files of zlib, zstd and gzip (of what is packed twice) begin, which some readers unpack unasked and without bound.
OTHER_PACKINGS = (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda", b"\x28\xb5\x2f\xfd", b"\x1f\x8b")


@contextmanager
def reading(path: Path) -> Iterator[BinaryIO]:
    """Opens a file, unpacking gzip on the way; errors met in the block are raised as `DataError` naming the file."""
    try:
        if not path.is_file():
            raise DataError(f"{path}: no such file" if not path.exists() else f"{path}: not a regular file")
        with path.open("rb") as file:
            if not is_gzip(path):
                yield file
                return
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield cast(BinaryIO, unpacked)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (EOFError, zlib.error, MemoryError) as error:
        raise DataError(f"{path}: damaged: {error}") from error


def is_gzip(path: Path) -> bool:
    """Whether a file begins as gzip files do."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def unpacked_limit(path: Path) -> int:
    """The most bytes that a compressed file of arrays may hold."""
    return max(UNPACKED_BYTES, UNPACKED_RATIO * path.stat().st_size)


def _text_limit(path: Path) -> int:
    size = path.stat().st_size
    return max(UNPACKED_TEXT_BYTES, UNPACKED_TEXT_RATIO * size) if is_gzip(path) else size


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a UTF-8 text file, plain or gzip, each with its number from 1 and its line ending.

    Raises:
        DataError: the file cannot be read, is not UTF-8, or unpacks to more than its limit.
    """
    with reading(path) as stream:
        limit = left = _text_limit(path)
        for number in count(1):
            line = stream.readline(left + 1)
            if not line:
                return
            left -= len(line)
            if left < 0:
                raise DataError(f"{path}, line {number}: unpacks to more than {limit} bytes; unpack it first")
            try:
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise DataError(f"{path}, line {number}: expected UTF-8 text, found {error.reason}") from error


def plain_text(path: Path) -> Path | bytes:
    """What a reader of text may be given that would unpack by itself: the path of a plain file, else its contents.

    Raises:
        DataError: the file cannot be read, unpacks to more than its limit, or is packed with zlib, zstd or twice.
    """
    packed = path.is_file() and is_gzip(path)
    limit = _text_limit(path) if packed else 8
    with reading(path) as stream:
        content = stream.read(limit + 1)
    if content.startswith(OTHER_PACKINGS):
        raise DataError(f"{path}: expected text, plain or in gzip, found it packed in another way; unpack it first")
    if not packed:
        return path
    if len(content) > limit:
        raise DataError(f"{path}: unpacks to more than {limit} bytes; unpack it first")
    return content
