"""Files of every format that is read, sound ones to start from, and what their readers may do with damaged ones."""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from reliability.mutate import mutate
from unrolled.data import (
    DataError,
    Pairs,
    Sequences,
    SeriesSet,
    load,
    read_csv,
    read_csv_folder,
    read_idx,
    read_numpy,
    read_series,
    read_ts,
)
from unrolled.data.judgements import read_judgements
from unrolled.data.text import TextFiles
from unrolled.data.vectors import read_vectors

IDX = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 3, 4) + bytes(range(24))
IDX_FLOATS = bytes([0, 0, 0x0D, 1]) + struct.pack(">I3f", 3, 0.5, 1e30, -1)
TS = b"""#c\n@problemName a\n@missing true\n@dimensions 2\n@equalLength false\n@classLabel true yes no
@data\n1,2,3:4,5,6:yes\n7,?:9,1e1:no\n"""
LONG = b'id,label,x,y\na,up,1,2\na,up,3,4\nb,"down, far",5,6\n'
TABLE = b"x,y\n1,2\n3,4.5\n"
TIMES = b"unique_id,ds,y,price\n" + b"".join(
    f"{name},2024-01-{day:02d} 00:00:00,{day}.5,{day * 2}\n".encode() for name in "ab" for day in range(1, 12)
)
STEPS = b"unique_id,ds,y\n" + b"".join(f"{name},{step},{step}\n".encode() for name in "ab" for step in range(9))
ROWS = b"id,1,2,3,4\na,1,2,3,4\nb,5,6,7,\n"
TEXT_VECTORS = b"3 4\nthe 1 2 3 4\nof 0.5 -1 2e-3 4\nto 0 0 0 1\n"
GLOVE = b"the 1 2 3 4\nof 0.5 -1 2e-3 4\nto 0 0 0 1\n"
BINARY_VECTORS = b"3 4\n" + b"".join(word + b" " + struct.pack("<4f", 1, -2, 0.5, 3) for word in (b"the", b"of", b"to"))
SIMILARITIES = b"tiger\tcat\t7.35\nbook\tpaper\t7.46\n# c\n"
SIMLEX = b"word1\tword2\tPOS\tSimLex999\nold\tnew\tA\t1.58\n"
ANALOGIES = b": capitals\nAthens Greece Oslo Norway\n: family\nboy girl king queen\n"
PAIRS = b"a red cat\teine rote Katze\nthe dog\tder Hund\n"
TEXT = "One two, three.\nVier f\u00fcnf \u4e94\n".encode()


def npy() -> bytes:
    """An array (2, 3, 2)."""
    out = io.BytesIO()
    np.save(out, np.arange(12, dtype=np.float64).reshape(2, 3, 2))
    return out.getvalue()


def npz(save: Callable[..., None] = np.savez) -> bytes:
    """An array, labels and lengths."""
    out = io.BytesIO()
    save(out, X=np.ones((2, 3, 1)), y=np.array(["a", "bü"]), lengths=np.array([3, 2]))
    return out.getvalue()


def parquet() -> bytes:
    """A long table of two series."""
    import polars as pl

    out = io.BytesIO()
    pl.read_csv(TIMES, try_parse_dates=True).write_parquet(out)
    return out.getvalue()


def _read_pairs(path: Path) -> Iterable[Any]:
    return list(Pairs(path))


def _read_text(path: Path) -> Iterable[Any]:
    return list(TextFiles([path]))


def _read_folder(path: Path) -> Sequences:
    return read_csv_folder(path.parent.parent)


# Each format: the name of its file, its reader, and valid contents to start from. The .gz ones are damaged twice: the
# text within, which is packed again, and the packed bytes.
FORMATS: dict[str, tuple[str, Callable[[Path], object], tuple[bytes | Callable[[], bytes], ...]]] = {
    "idx": ("a.idx", read_idx, (IDX, IDX_FLOATS)),
    "idx.gz": ("a.gz", read_idx, (IDX,)),
    "ts": ("a.ts", read_ts, (TS,)),
    "ts.gz": ("a.ts.gz", read_ts, (TS,)),
    "csv": ("a.csv", read_csv, (LONG,)),
    "csv.gz": ("a.csv.gz", read_csv, (LONG,)),
    "folder": ("class/a.csv", _read_folder, (TABLE,)),
    "npy": ("a.npy", read_numpy, (npy,)),
    "npz": ("a.npz", read_numpy, (npz, partial(npz, np.savez_compressed))),
    "unknown": ("a", load, (IDX, TS, npy, npz)),
    "series": ("a.csv", read_series, (TIMES, STEPS, ROWS)),
    "series.parquet": ("a.parquet", read_series, (parquet,)),
    "vectors": ("a.txt", read_vectors, (TEXT_VECTORS, GLOVE)),
    "vectors.bin": ("a.bin", read_vectors, (BINARY_VECTORS,)),
    "judgements": ("a.txt", read_judgements, (SIMILARITIES, SIMLEX, ANALOGIES)),
    "pairs": ("a.tsv", _read_pairs, (PAIRS,)),
    "pairs.gz": ("a.tsv.gz", _read_pairs, (PAIRS,)),
    "text": ("a.txt", _read_text, (TEXT,)),
    "text.gz": ("a.txt.gz", _read_text, (TEXT,)),
}


@cache
def sound(kind: str) -> tuple[bytes, ...]:
    """The valid contents of a format; made when asked for, since polars' threads do not survive a fork."""
    return tuple(one if isinstance(one, bytes) else one() for one in FORMATS[kind][2])


def damaged(kind: str, seed: int) -> bytes:
    """What a seed makes of a sound file; minus one leaves it sound."""
    name = FORMATS[kind][0]
    random = Random(seed)
    content = random.choice(sound(kind))
    packed = name.endswith(".gz")
    if seed < 0:
        return gzip.compress(content, mtime=0) if packed else content
    if not packed:
        return mutate(content, random)
    if random.random() < 0.5:
        return gzip.compress(mutate(content, random), mtime=0)
    return mutate(gzip.compress(content, mtime=0), random)


def check_read_or_refused(kind: str, seed: int, folder: Path) -> None:
    """Reads a damaged file; anything but sound data or a `DataError` that names the file is a failure."""
    name, reader, _ = FORMATS[kind]
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(damaged(kind, seed))
    refusal, found = "", object()
    try:
        found = reader(path)
    except DataError as error:
        refusal = str(error)
    assert not refusal or str(folder) in refusal, refusal
    if isinstance(found, Sequences):
        assert len(found) > 0
        assert all(sequence.ndim == 2 and sequence.dtype == np.float32 for sequence in found.X)
        assert found.y is None or all(str(label).encode() is not None for label in found.y.tolist())
    elif isinstance(found, SeriesSet):
        assert len(found) > 0
        assert not np.isinf(found.values).any()
    elif isinstance(found, np.ndarray):
        assert found.size > 0


def checks() -> dict[str, Callable[[int, Path], None]]:
    """One for each format."""
    return {kind: partial(check_read_or_refused, kind) for kind in FORMATS}
