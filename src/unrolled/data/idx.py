"""The IDX format of the MNIST files: https://yann.lecun.com/exdb/mnist.

    2 bytes of zero | 1 byte: the type | 1 byte: the number of dimensions | 4 bytes a dimension | the values

All numbers are big-endian.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from unrolled.checks import as_path
from unrolled.data.errors import DataError
from unrolled.data.files import is_gzip, reading, unpacked_limit
from unrolled.data.sequences import Floats, as_float32

_types = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_most_dimensions = 8


def read_idx(path: str | Path) -> NDArray[Any]:
    """Reads an IDX file, plain or gzip.

    Args:
        path: the file.

    Returns:
        The array, in the file's shape and type (uint8, int8, int16, int32, float32 or float64), in native byte order.

    Raises:
        DataError: the file cannot be read, is not IDX, or is shorter or longer than its header says. The header is
            checked against the size of the file before memory is taken.
    """
    path = as_path("path", path)
    with reading(path) as stream:
        dtype, shape, header_size = _read_header(stream, path)
        if 0 in shape:
            raise DataError(f"{path}: expected values, found the shape {shape}")
        size = math.prod(shape) * dtype.itemsize
        promise = f"its header promises {size} bytes of values, shape {shape}"
        if is_gzip(path):
            if size > unpacked_limit(path):
                raise DataError(f"{path}: {promise}, more than a gzip of this size may hold; unpack it first")
        elif path.stat().st_size != header_size + size:
            raise DataError(f"{path}: {promise}, found {path.stat().st_size - header_size}")
        content = stream.read(size)
        if len(content) < size:
            raise DataError(f"{path}: {promise}, found {len(content)}")
        if stream.read(1):
            raise DataError(f"{path}: {promise}, found more")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def idx_sequences(array: NDArray[Any], path: str | Path) -> Floats:
    """Makes sequences of an IDX array (sequences, time, features): bytes become 0 to 1, other types stay as they are.

    Raises:
        DataError: the array does not have 3 dimensions.
    """
    if array.ndim != 3:
        raise DataError(f"{path}: expected 3 dimensions (sequences, time, features), found the shape {array.shape}")
    if array.dtype == np.uint8:
        return as_float32(array) / np.float32(255)
    return as_float32(array)


def _read_header(stream: BinaryIO, path: Path) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _types or not 0 < magic[3] <= _most_dimensions:
        raise DataError(f"{path}: expected the magic number of an IDX file, found {magic.hex() or 'an empty file'}")
    dimensions = magic[3]
    sizes = stream.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise DataError(f"{path}: ends within its header, expected the sizes of {dimensions} dimensions")
    shape = tuple(int(size) for size in np.frombuffer(sizes, ">u4"))
    return np.dtype(_types[magic[2]]), shape, 4 + len(sizes)
