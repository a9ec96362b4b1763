import io
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unrolled.data import DataError, read_numpy
from unrolled.data.files import UNPACKED_BYTES


def npy(array: np.ndarray, allow_pickle: bool = False, version: tuple[int, int] = (1, 0)) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.lib.format.write_array(out, array, version=version, allow_pickle=allow_pickle)
    return out.getvalue()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    hnp.arrays(st.sampled_from(["<f4", ">f8", "f2", "i8", ">u2", "?"]), hnp.array_shapes(min_dims=3, max_dims=3)),
    st.sampled_from([(1, 0), (2, 0)]),
    st.booleans(),
)
def test_npy_comes_back(tmp_path: Path, array: np.ndarray, version: tuple[int, int], fortran: bool) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(npy(np.asfortranarray(array) if fortran else array, version=version))
    with np.errstate(all="ignore"):
        expected = array.astype(np.float32)
    assert np.array_equal(read_numpy(path).X, expected, equal_nan=True)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("y", [["a", "bö"], [1, 2], [0.5, 1.5], [True, False]])
def test_npz_with_labels_of_any_type(tmp_path: Path, save: object, y: list[object]) -> None:
    path = tmp_path / "set.npz"
    save(path, X=np.ones((2, 3, 1)), y=np.array(y))  # type: ignore[operator]
    found = read_numpy(path)
    assert isinstance(found.X, np.ndarray)
    assert found.X.shape == (2, 3, 1)
    assert found.y is not None
    assert found.y.tolist() == y
    assert found.name == "set"


def test_npz_with_lengths(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, X=np.arange(12).reshape(2, 3, 2), lengths=np.array([3, 1]))
    found = read_numpy(path)
    assert isinstance(found.X, list)
    assert [sequence.tolist() for sequence in found.X] == [[[0, 1], [2, 3], [4, 5]], [[6, 7]]]
    assert found.y is None


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"Z": np.ones(1)}, r"expected an array X, found Z\.npy"),
        ({"X": np.ones((2, 3))}, r"X must be numbers \(sequences, time, features\), found float64 of shape \(2, 3\)"),
        ({"X": np.array([[["a"]]])}, "X must be numbers .* found <U1"),
        ({"X": np.ones((2, 3, 1)), "y": np.ones(3)}, r"y must have the shape \(2,\), .* found \(3,\)"),
        ({"X": np.ones((2, 3, 1)), "lengths": np.ones(2)}, "lengths must be integers of shape .* found float64"),
        ({"X": np.ones((2, 3, 1)), "lengths": np.array([1])}, r"lengths must be integers of shape \(2,\)"),
        ({"X": np.ones((2, 3, 1)), "lengths": np.array([1, 4])}, "lengths must be 1 to 3, found 1 to 4"),
        ({"X": np.ones((2, 3, 1)), "lengths": np.array([0, 3])}, "lengths must be 1 to 3, found 0 to 3"),
    ],
)
def test_arrays_that_do_not_fit(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, **arrays)
    with pytest.raises(DataError, match=message):
        read_numpy(path)


VALID = npy(np.arange(24, dtype="<i4").reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected the beginning of a .npy file"),
        (b"\x93NUMPY\x03\0" + VALID[8:], "expected the beginning of a .npy file"),
        (VALID[:-1], r"promises int32 of shape \(2, 3, 4\), found 95 bytes"),
        (VALID + b"\0", r"promises int32 of shape \(2, 3, 4\), found 97 bytes"),
        (VALID.replace(b"(2, 3, 4)", b"(9, 9, 9)"), r"promises int32 of shape \(9, 9, 9\)"),
        (VALID.replace(b"(2, 3, 4)", b"(2, -3, 4"), "expected the header of an array"),
        (VALID.replace(b"(2, 3, 4)", b"(2 3, 4 )"), r"expected a shape, found b'2 3, 4 '"),
        (VALID.replace(b"(2, 3, 4)", b"(0, 3, 4)"), r"expected values in at most 3 dimensions, found int32 of shape"),
        (VALID.replace(b"'<i4'", b"'<i3'"), "expected a type of numbers or strings, found '<i3'"),
        (VALID.replace(b"'<i4'", b"'|O4'"), "expected the header of an array of numbers or strings"),
        (b"\x93NUMPY\x02\0\xff\xff\xff\xff", "expected a header of at most 10000 bytes, found 4294967295"),
        (npy(np.array([{}], dtype=object), allow_pickle=True), "expected the header of an array of numbers or strings"),
        (npy(np.zeros(2, dtype=[("a", "f4")])), "expected the header of an array of numbers or strings"),
        (b"\x93NUMPY\x01\0\x01\0" + VALID[10:], "expected the header of an array"),
        (b"PK\x03\x04", "damaged: File is not a zip file"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as failure:
        read_numpy(path)
    assert str(path) in str(failure.value)


def write_npz(path: Path, member: bytes, method: int = zipfile.ZIP_DEFLATED) -> None:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("X.npy", member)


def test_zip_bomb(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_npz(path, npy(np.zeros((1, UNPACKED_BYTES, 1), dtype=np.uint8)))
    with pytest.raises(DataError, match="its arrays unpack to more than"):
        read_numpy(path)


def test_packings_that_numpy_does_not_write(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_npz(path, VALID, zipfile.ZIP_LZMA)
    with pytest.raises(DataError, match="X is packed in a way that NumPy does not use"):
        read_numpy(path)


def test_damaged_member(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_npz(path, VALID, zipfile.ZIP_STORED)
    content = path.read_bytes()
    path.write_bytes(content.replace(VALID[-4:], b"\1\2\3\4"))
    with pytest.raises(DataError, match="damaged: Bad CRC-32"):
        read_numpy(path)


def test_strings_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    labels = npy(np.array(["a", "b"])).replace("b".encode("utf-32-le"), b"\xff\xff\xff\x7f")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", npy(np.ones((2, 1, 1))))
        archive.writestr("y.npy", labels)
    with pytest.raises(DataError, match="array y: expected text, found"):
        read_numpy(path)
