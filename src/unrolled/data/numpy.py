"""Sequences in NumPy's .npy and .npz files.

The header of a .npy file is a Python literal. It is matched, never evaluated, and objects (pickles) are refused.
"""

from __future__ import annotations

import math
import re
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from unrolled.checks import as_path
from unrolled.data.errors import DataError
from unrolled.data.files import reading, unpacked_limit
from unrolled.data.sequences import Floats, Sequences, as_float32

_magic = b"\x93NUMPY"
_header = re.compile(
    rb"\{\s*'descr':\s*'([<>|=]?[biufU]\d{1,9})',\s*'fortran_order':\s*(True|False),"
    rb"\s*'shape':\s*\(([\d,\s]{0,200})\),?\s*\}\s*"
)
_longest_header = 10_000
_surrogates = 0xD800 >> 11


def read_numpy(path: str | Path) -> Sequences:
    """Reads sequences from a .npy or .npz file.

    Args:
        path: a .npy file with an array (sequences, time, features); or a .npz file with such an array X, and if there
            are any, labels y (sequences,) and lengths (sequences,), integers: the steps of X before the padding.

    Returns:
        The sequences; X a list where the file has lengths.

    Raises:
        DataError: the file cannot be read, holds objects, or does not hold what its header says. Headers are checked
            against the size of the file before memory is taken.
    """
    path = as_path("path", path)
    with reading(path) as stream:
        if stream.read(2) == b"PK":
            arrays = _read_npz(path)
        else:
            stream.seek(0)
            arrays = {"X": _read_array(stream, path.stat().st_size, str(path))}
    X = _sequences(arrays, path)
    y = arrays.get("y")
    if y is not None and y.shape != (len(X),):
        raise DataError(f"{path}: y must have the shape {(len(X),)}, one label a sequence, found {y.shape}")
    return Sequences(X, y, name=path.name.split(".")[0])


def _sequences(arrays: dict[str, NDArray[Any]], path: Path) -> Floats | list[Floats]:
    X = arrays["X"]
    if X.ndim != 3 or X.dtype.kind not in "biuf":
        raise DataError(f"{path}: X must be numbers (sequences, time, features), found {X.dtype} of shape {X.shape}")
    values = as_float32(X)
    lengths = arrays.get("lengths")
    if lengths is None:
        return values
    if lengths.shape != (len(X),) or lengths.dtype.kind not in "iu":
        raise DataError(
            f"{path}: lengths must be integers of shape {(len(X),)}, found {lengths.dtype} of shape {lengths.shape}"
        )
    if lengths.min() < 1 or lengths.max() > X.shape[1]:
        raise DataError(f"{path}: lengths must be 1 to {X.shape[1]}, found {lengths.min()} to {lengths.max()}")
    return [values[i, :length] for i, length in enumerate(lengths.tolist())]


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    left = unpacked_limit(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename: member for member in archive.infolist()}
            if "X.npy" not in members:
                raise DataError(f"{path}: expected an array X, found {', '.join(members)[:80] or 'nothing'}")
            for name in ("X", "y", "lengths"):
                if (member := members.get(f"{name}.npy")) is None:
                    continue
                left -= member.file_size
                if left < 0:
                    raise DataError(
                        f"{path}: its arrays unpack to more than {unpacked_limit(path)} bytes; save it with np.savez"
                    )
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise DataError(f"{path}: {name} is packed in a way that NumPy does not use")
                with archive.open(member) as stream:
                    arrays[name] = _read_array(cast(BinaryIO, stream), member.file_size, f"{path}, array {name}")
    except DataError:
        raise
    except (zipfile.BadZipFile, struct.error, RuntimeError, ValueError, OverflowError) as error:
        raise DataError(f"{path}: damaged: {error}") from error
    return arrays


def _read_array(stream: BinaryIO, size: int, place: str) -> NDArray[Any]:
    """Reads one array in .npy format, which takes all of `size` bytes."""
    start = stream.read(8)
    if len(start) < 8 or start[:6] != _magic or start[6] not in (1, 2):
        raise DataError(f"{place}: expected the beginning of a .npy file, found {start!r}")
    width = 2 if start[6] == 1 else 4
    header_size = int.from_bytes(stream.read(width), "little")
    if header_size > min(_longest_header, size):
        raise DataError(f"{place}: expected a header of at most {_longest_header} bytes, found {header_size}")
    header = stream.read(header_size)
    match = _header.fullmatch(header)
    if match is None:
        raise DataError(f"{place}: expected the header of an array of numbers or strings, found {header[:80]!r}")
    dtype = _dtype(match[1].decode(), place)
    try:
        shape = tuple(int(part) for part in match[3].split(b",") if part.strip())
    except ValueError:
        raise DataError(f"{place}: expected a shape, found {match[3]!r}") from None
    if len(shape) > 3 or 0 in (*shape, dtype.itemsize):
        raise DataError(f"{place}: expected values in at most 3 dimensions, found {dtype} of shape {shape}")
    found = size - 8 - width - header_size
    if math.prod(shape) * dtype.itemsize != found:
        raise DataError(f"{place}: its header promises {dtype} of shape {shape}, found {found} bytes of values")
    content = stream.read(found)
    if len(content) != found or stream.read(1):
        raise DataError(f"{place}: expected {found} bytes of values, found {len(content)}")
    array = np.frombuffer(content, dtype).reshape(shape, order="F" if match[2] == b"True" else "C")
    if dtype.kind == "U":
        _check_text(content, dtype.byteorder, place)
    return array.astype(dtype.newbyteorder("="))


def _dtype(text: str, place: str) -> np.dtype[Any]:
    try:
        return np.dtype(text)
    except (TypeError, ValueError) as error:
        raise DataError(f"{place}: expected a type of numbers or strings, found {text!r}") from error


def _check_text(content: bytes, byteorder: str, place: str) -> None:
    """NumPy keeps text as UTF-32 and does not look at what it reads; Python cannot print all of that."""
    codes = np.frombuffer(content, np.dtype(f"{byteorder}u4"))
    if (codes > sys.maxunicode).any() or (codes >> 11 == _surrogates).any():
        raise DataError(f"{place}: expected text, found numbers that are no characters")
