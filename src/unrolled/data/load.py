"""Labelled sequences from a name, a file or a folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from unrolled.checks import as_path, instance
from unrolled.data.csv import read_csv, read_csv_folder
from unrolled.data.errors import DataError
from unrolled.data.fetch import fetch
from unrolled.data.files import reading
from unrolled.data.idx import idx_sequences, read_idx
from unrolled.data.numpy import read_numpy
from unrolled.data.registry import datasets, suggestion
from unrolled.data.sequences import Sequences
from unrolled.data.ts import read_ts

Loader = Callable[[], Sequences]

_idx_name = re.compile(r"(train|test|t10k)-(images|labels)[-.]idx\d-(?:ubyte|float)(?:\.gz)?")
_split_name = re.compile(r"(?:.*_)?(train|test)(?:\.(?:ts|csv|npy|npz))?(?:\.gz)?", re.IGNORECASE)


def load(source: str | Path, split: str | None = None) -> Sequences:
    """Loads sequences, with their labels where there are any.

    Args:
        source: one of
            - a registered name, fetched first if need be; a file or folder of the same name is meant by "./name";
            - a file: .ts, .csv (a long table), .npy, .npz or IDX, plain or (but for NumPy's) gzip;
            - a folder of parts, which are files or folders themselves: `train` and `test`, with a suffix of those or
              a prefix that ends in `_` ("BasicMotions_TRAIN.ts"); or IDX files with the names of MNIST's;
            - a folder of CSV files, or of one folder of CSV files for each class.
        split: "train" or "test" where the source is split; None for all of it, training data first.

    Returns:
        The sequences. IDX bytes, such as MNIST's grey levels, become 0 to 1.

    Raises:
        DataError: the source is not known, cannot be read, or has no such split.
    """
    instance("split", split, (str, type(None)), "a name or None")
    parts = _parts(source)
    if split is None:
        return _join([read() for read in parts.values()])
    if split not in parts:
        known = " and ".join(map(repr, filter(None, parts))) or "none"
        raise DataError(f"{source}: has no split {split!r}; its splits: {known}")
    return parts[split]()


def splits(source: str | Path) -> tuple[str, ...]:
    """The splits of a source: ("train", "test"), one of them, or ().

    Raises:
        DataError: the source is not known.
    """
    return tuple(filter(None, _parts(source)))


def _parts(source: str | Path) -> dict[str, Loader]:
    """How to read each split of a source; one split without a name if it has none."""
    path = as_path("source", source)
    if source in datasets:
        dataset = datasets[str(source)]
        if dataset.kind != "sequences":
            raise DataError(f"{source} holds {dataset.kind}, not labelled sequences; fetch({source!r}) gives its files")
        folder = fetch(dataset.name)
        return _in_order(_splits_of((folder / file.name for file in dataset.files), dataset.name))
    if path.is_dir():
        return _in_order(_splits_of(sorted(path.iterdir()), path.name)) or {"": lambda: read_csv_folder(path)}
    if path.exists():
        return {"": lambda: _read_file(path)}
    raise DataError(f"{source}: no such file, folder or data set; {suggestion(str(source))}")


def _splits_of(paths: Iterable[Path], name: str) -> dict[str, Loader]:
    found: dict[str, Loader] = {}
    labels: dict[str, Path] = {}
    images: dict[str, Path] = {}
    for path in paths:
        if match := _idx_name.fullmatch(path.name):
            kind = images if match[2] == "images" else labels
            kind["train" if match[1] == "train" else "test"] = path
        elif match := _split_name.fullmatch(path.name):
            split = match[1].lower()
            if split in found:
                raise DataError(f"{path}: another file or folder is named as the {split} split too")
            found[split] = _reader(path)
    for split, path in images.items():
        found[split] = _idx_reader(path, labels.get(split), name)
    return found


def _in_order(parts: dict[str, Loader]) -> dict[str, Loader]:
    return {split: parts[split] for split in ("train", "test") if split in parts}


def _reader(path: Path) -> Loader:
    return lambda: read_csv_folder(path) if path.is_dir() else _read_file(path)


def _idx_reader(images: Path, labels: Path | None, name: str) -> Loader:
    def read() -> Sequences:
        X = idx_sequences(read_idx(images), images)
        if labels is None:
            return Sequences(X, name=name)
        y = read_idx(labels)
        if y.shape != (len(X),):
            raise DataError(f"{labels}: expected {len(X)} labels, as {images.name} has images, found shape {y.shape}")
        return Sequences(X, y.astype(np.int64) if y.dtype.kind in "iu" else y, name=name)

    return read


def _read_file(path: Path) -> Sequences:
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".ts"):
        return read_ts(path)
    if name.endswith(".csv"):
        return read_csv(path)
    if name.endswith((".npy", ".npz")):
        return read_numpy(path)
    return _sniff(path)(path)


def _sniff(path: Path) -> Callable[[Path], Sequences]:
    """The reader for a file whose name does not tell, by its first bytes."""
    with reading(path) as stream:
        start = stream.read(6)
    if start[:2] == b"PK" or start == b"\x93NUMPY":
        return read_numpy
    if start[:2] == b"\0\0":
        return lambda path: Sequences(idx_sequences(read_idx(path), path), name=path.name)
    if start[:1] in (b"@", b"#"):
        return read_ts
    raise DataError(f"{path}: expected a .ts, .csv, .npy, .npz or IDX file, found {start!r}")


def _join(parts: list[Sequences]) -> Sequences:
    """All sequences of some parts of one data set."""
    first = parts[0]
    if len(parts) == 1:
        return first
    for part in parts[1:]:
        if part.features != first.features or part.X[0].shape[1] != first.X[0].shape[1]:
            raise DataError(f"{first.name}: its splits have different features")
        if (part.y is None) != (first.y is None):
            raise DataError(f"{first.name}: one of its splits has labels, another has none")
    arrays = [part.X for part in parts]
    equal = not any(isinstance(X, list) for X in arrays) and len({X[0].shape for X in arrays}) == 1
    return Sequences(
        X=np.concatenate(arrays) if equal else [sequence for X in arrays for sequence in X],
        y=None if first.y is None else np.concatenate([part.y for part in parts if part.y is not None]),
        features=first.features,
        name=first.name,
        ids=tuple(name for part in parts for name in part.ids),
    )
