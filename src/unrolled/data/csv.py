"""Sequences in CSV files: one long table, or one file a sequence."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from unrolled.checks import as_path, instance
from unrolled.data.errors import DataError
from unrolled.data.files import lines
from unrolled.data.growing import label_array, split_rows
from unrolled.data.number import parse_into
from unrolled.data.sequences import Floats, Sequences


def read_csv(path: str | Path, label: str = "label") -> Sequences:
    """Reads a long table, one row a step: sequence, [label,] feature, feature, ...

    The first line names the columns. The first column says to which sequence a row belongs; rows of one sequence are
    its steps in the order of the file. All other columns but the label's are features.

    Args:
        path: the file, plain or gzip.
        label: the column of the labels, if there is one; a sequence has the same label in all of its rows.

    Returns:
        The sequences in order of their first rows, an array if all are of one length and else a list; labels and ids
        as strings.

    Raises:
        DataError: the file cannot be read, or a row does not fit; with the line.
    """
    path = as_path("path", path)
    instance("label", label, str, "the name of a column")
    content = _rows(path)
    _, header = next(content, (0, []))
    names = [name.strip() for name in header]
    if len(names) < 2 or len(set(names)) < len(names) or "" in names[1:]:
        raise DataError(f"{path}, line 1: expected different names of columns, found {','.join(names)[:80]!r}")
    label_column = names.index(label) if label in names[1:] else None
    columns = [i for i in range(1, len(names)) if i != label_column]
    if not columns:
        raise DataError(f"{path}, line 1: expected a column with a feature, found {','.join(names)[:80]!r}")
    features = [names[i] for i in columns]
    values = array("f")
    owners = array("q")  # the sequence of each row
    numbers: dict[str, int] = {}
    labels: list[str] = []
    for line, row in content:
        place = f"{path}, line {line}"
        if len(row) != len(names):
            raise DataError(f"{place}: expected {len(names)} fields, found {len(row)}")
        own_label = "" if label_column is None else row[label_column]
        owner = numbers.setdefault(row[0], len(numbers))
        if owner == len(labels):
            labels.append(own_label)
        elif labels[owner] != own_label:
            found = f"{own_label[:40]!r} after {labels[owner][:40]!r}"
            raise DataError(f"{place}: expected one label for sequence {row[0][:40]!r}, found {found}")
        owners.append(owner)
        parse_into(values, [row[i] for i in columns], place, features)
    if not owners:
        raise DataError(f"{path}: has no rows after its header")
    rows = np.array(values, dtype=np.float32).reshape(-1, len(columns))
    return Sequences(
        X=split_rows(rows[np.argsort(owners, kind="stable")], np.bincount(owners)),
        y=None if label_column is None else label_array(labels, str(path)),
        features=tuple(features),
        name=path.name.split(".")[0],
        ids=tuple(numbers),
    )


def read_csv_folder(path: str | Path) -> Sequences:
    """Reads a folder of CSV files, one a sequence: rows are steps, columns are features.

    The files lie in one folder for each class, whose name is the label; or all in the folder itself, without labels.
    A first row without any number names the features.

    Args:
        path: the folder. Names that begin with a dot are passed over.

    Returns:
        The sequences in order of their classes' and files' names; ids are the files' paths within the folder.

    Raises:
        DataError: the folder has no CSV files, or some of each kind; a file cannot be read or does not fit the others.
    """
    path = as_path("path", path)
    if not path.is_dir():
        raise DataError(f"{path}: no such folder" if not path.exists() else f"{path}: not a folder")
    flat = _csv_files(path)
    by_class = [file for folder in sorted(path.iterdir()) if folder.is_dir() for file in _csv_files(folder)]
    if bool(flat) == bool(by_class):
        found = "both" if flat else "neither"
        raise DataError(f"{path}: expected CSV files, or one folder of CSV files for each class; found {found}")
    files = flat or by_class
    X: list[Floats] = []
    names: tuple[str, ...] = ()
    for file in files:
        sequence, columns = _read_sequence(file)
        if X and (sequence.shape[1] != X[0].shape[1] or columns != names):
            found = ", ".join(columns) or f"{sequence.shape[1]} columns"
            expected = ", ".join(names) or f"{X[0].shape[1]} columns"
            raise DataError(f"{file}: expected {expected[:80]} as in {files[0].name}, found {found[:80]}")
        X.append(sequence)
        names = columns
    return Sequences(
        X=X,
        y=np.array([file.parent.name for file in files]) if by_class else None,
        features=names,
        name=path.name,
        ids=tuple(file.relative_to(path).as_posix() for file in files),
    )


def _csv_files(folder: Path) -> list[Path]:
    if folder.name.startswith("."):
        return []
    return sorted(file for file in folder.iterdir() if _is_csv(file.name) and file.is_file())


def _is_csv(name: str) -> bool:
    return not name.startswith(".") and name.lower().removesuffix(".gz").endswith(".csv")


def _read_sequence(path: Path) -> tuple[Floats, tuple[str, ...]]:
    """One file as (time, features), and the names of the features if it has them."""
    names: tuple[str, ...] = ()
    width = None
    values = array("f")
    for number, row in _rows(path):
        if width is None:
            width = len(row)
            if not any(map(_is_number, row)):
                names = tuple(name.strip() for name in row)
                continue
        if len(row) != width:
            raise DataError(f"{path}, line {number}: expected {width} fields, found {len(row)}")
        parse_into(values, row, f"{path}, line {number}", names)
    if not width or not values:
        raise DataError(f"{path}: has no rows of numbers")
    return np.array(values, dtype=np.float32).reshape(-1, width), names


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows of a CSV file that are not blank, with their line numbers."""
    reader = csv.reader((line for _, line in lines(path)), strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}") from error


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
