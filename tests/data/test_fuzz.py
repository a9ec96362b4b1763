import gzip
import io
import resource
import struct
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.mutate import mutate
from unrolled.data import DataError, Sequences, load, read_csv, read_csv_folder, read_idx, read_numpy, read_ts

IDX = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 3, 4) + bytes(range(24))
IDX_FLOATS = bytes([0, 0, 0x0D, 1]) + struct.pack(">I3f", 3, 0.5, 1e30, -1)
TS = b"""#c\n@problemName a\n@missing true\n@dimensions 2\n@equalLength false\n@classLabel true yes no
@data\n1,2,3:4,5,6:yes\n7,?:9,1e1:no\n"""
LONG = b'id,label,x,y\na,up,1,2\na,up,3,4\nb,"down, far",5,6\n'
TABLE = b"x,y\n1,2\n3,4.5\n"


def npy() -> bytes:
    out = io.BytesIO()
    np.save(out, np.arange(12, dtype=np.float64).reshape(2, 3, 2))
    return out.getvalue()


def npz(save: Callable[..., None] = np.savez) -> bytes:
    out = io.BytesIO()
    save(out, X=np.ones((2, 3, 1)), y=np.array(["a", "bü"]), lengths=np.array([3, 2]))
    return out.getvalue()


# Each format: the name of its file, its reader, and valid contents to start from. The .gz ones are damaged twice: the
# text within, which is packed again, and the packed bytes.
FORMATS: dict[str, tuple[str, Callable[[Path], object], tuple[bytes, ...]]] = {
    "idx": ("a.idx", read_idx, (IDX, IDX_FLOATS)),
    "idx.gz": ("a.gz", read_idx, (IDX,)),
    "ts": ("a.ts", read_ts, (TS,)),
    "ts.gz": ("a.ts.gz", read_ts, (TS,)),
    "csv": ("a.csv", read_csv, (LONG,)),
    "csv.gz": ("a.csv.gz", read_csv, (LONG,)),
    "folder": ("class/a.csv", lambda path: read_csv_folder(path.parent.parent), (TABLE,)),
    "npy": ("a.npy", read_numpy, (npy(),)),
    "npz": ("a.npz", read_numpy, (npz(), npz(np.savez_compressed))),
    "unknown": ("a", load, (IDX, TS, npy(), npz())),
}


def damaged(kind: str, seed: int) -> bytes:
    name, _, contents = FORMATS[kind]
    random = Random(seed)
    content = random.choice(contents)
    if not name.endswith(".gz"):
        return mutate(content, random)
    if random.random() < 0.5:
        return gzip.compress(mutate(content, random), mtime=0)
    return mutate(gzip.compress(content, mtime=0), random)


def check_read_or_refused(kind: str, folder: Path, seed: int) -> None:
    """Reads a damaged file; anything but sound data or a `DataError` that names the file is a failure."""
    name, reader, _ = FORMATS[kind]
    path = folder / name
    path.write_bytes(damaged(kind, seed))
    try:
        found: object = reader(path)
    except DataError as error:
        found = error
    if isinstance(found, DataError):
        assert str(folder) in str(found)
    elif isinstance(found, Sequences):
        assert len(found) > 0
        assert all(sequence.ndim == 2 and sequence.dtype == np.float32 for sequence in found.X)
        assert found.y is None or all(str(label).encode() is not None for label in found.y.tolist())
    else:
        assert isinstance(found, np.ndarray)
        assert found.size > 0


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**64))
def test_damaged_files(kind: str, tmp_path: Path, seed: int) -> None:
    (tmp_path / "class").mkdir(exist_ok=True)
    check_read_or_refused(kind, tmp_path, seed)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_contents_to_start_from_are_valid(kind: str, tmp_path: Path) -> None:
    name, reader, contents = FORMATS[kind]
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    for content in contents:
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        assert reader(path) is not None


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_very_many_damaged_files(kind: str, tmp_path: Path) -> None:
    (tmp_path / "class").mkdir()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(50_000):
        check_read_or_refused(kind, tmp_path, seed)
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mib < 500
