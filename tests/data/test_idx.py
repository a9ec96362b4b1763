import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unrolled.data import DataError, read_idx
from unrolled.data.files import UNPACKED_BYTES
from unrolled.data.idx import idx_sequences

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(array: np.ndarray) -> bytes:
    code = CODES[array.dtype.str[1:]]
    shape = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, code, array.ndim]) + shape + array.astype(array.dtype.newbyteorder(">")).tobytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hnp.arrays(st.sampled_from(list(CODES)), hnp.array_shapes(max_dims=4)), st.booleans())
def test_every_type_comes_back(tmp_path: Path, array: np.ndarray, packed: bool) -> None:
    path = tmp_path / "a.idx"
    path.write_bytes(gzip.compress(idx_bytes(array)) if packed else idx_bytes(array))
    found = read_idx(path)
    assert found.dtype == array.dtype
    assert found.dtype.isnative
    assert np.array_equal(found, array, equal_nan=array.dtype.kind == "f")


VALID = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected the magic number of an IDX file, found an empty file"),
        (VALID[:3], "expected the magic number"),
        (b"\1" + VALID[1:], "expected the magic number of an IDX file, found 01000803"),
        (b"\0\0\x0a\3" + VALID[4:], "expected the magic number"),
        (b"\0\0\x08\0", "expected the magic number"),
        (VALID[:10], "ends within its header, expected the sizes of 3 dimensions"),
        (VALID[:-1], r"promises 24 bytes of values, shape \(2, 3, 4\), found 23"),
        (VALID + b"\0", "promises 24 bytes of values, shape .* found 25"),
        (b"\0\0\x0e\3" + b"\xff" * 12, "promises .* found 0"),
        (b"\0\0\x08\2" + struct.pack(">2I", 0, 2**32 - 1), r"expected values, found the shape \(0, 4294967295\)"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.idx"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as failure:
        read_idx(path)
    assert str(path) in str(failure.value)


@pytest.mark.parametrize("content", [VALID[:-1], VALID + b"\0"])
def test_gzip_of_another_size(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match="promises 24 bytes of values"):
        read_idx(path)


def test_gzip_that_promises_more_than_it_can_hold(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\2" + struct.pack(">2I", 2**20, 2**20)))
    with pytest.raises(DataError, match="more than a gzip of this size may hold"):
        read_idx(path)


def test_gzip_bomb_behind_a_small_header(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(VALID + b"\0" * UNPACKED_BYTES))
    with pytest.raises(DataError, match=r"promises 24 bytes of values, .* found more"):
        read_idx(path)


def test_bytes_become_0_to_1_and_other_types_stay() -> None:
    assert idx_sequences(np.array([[[0, 51, 255]]], dtype=np.uint8), "a").tolist() == [[[0.0, np.float32(0.2), 1.0]]]
    assert idx_sequences(np.array([[[0, 51, 255]]], dtype=np.int16), "a").tolist() == [[[0.0, 51.0, 255.0]]]
    with pytest.raises(DataError, match=r"a: expected 3 dimensions .* found the shape \(2, 2\)"):
        idx_sequences(np.zeros((2, 2)), "a")
