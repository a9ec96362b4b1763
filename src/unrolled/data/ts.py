"""The .ts format of the UEA and UCR archives.

Bagnall et al. 2018, "The UEA multivariate time series classification archive"; the format as sktime and aeon write it:

    # a comment
    @problemName JapaneseVowels
    @dimensions 2
    @classLabel true 1 2 3
    @data
    1.5,2.5,?:0.1,0.2,0.3:1

A case is a line: its dimensions divided by colons, their values in time by commas, its label last; ? is missing.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.checks import as_path
from unrolled.data.errors import DataError
from unrolled.data.files import lines
from unrolled.data.growing import label_array, split_rows
from unrolled.data.number import parse_into, parse_number, parse_number_or_missing
from unrolled.data.sequences import Floats, Sequences

MOST_DIMENSIONS = 2**16


@dataclass(frozen=True)
class _Header:
    name: str
    dimensions: int | None = None
    series_length: int | None = None
    equal_length: bool = False
    labels: frozenset[str] | None = None  # empty where any label will do
    target: bool = False


def read_ts(path: str | Path) -> Sequences:
    """Reads a .ts file, plain or gzip: univariate or not, of equal or different lengths, with labels or without.

    Args:
        path: the file.

    Returns:
        The cases: X an array where all lengths are equal, else a list; NaN where the file has ?. y holds class labels
        as strings, or the target values as float64 (@targetlabel), or is None.

    Raises:
        DataError: the file cannot be read or is not what its header says; with the line.
    """
    path = as_path("path", path)
    content = ((number, line) for number, line in _content(path) if not line.startswith("#"))
    header = _read_header(content, path)
    values = array("f")
    lengths = array("q")
    dimensions = header.dimensions
    labels: list[str] = []
    for number, line in content:
        place = f"{path}, line {number}"
        line, label = _split_label(line, header, place)
        labels.append(label)
        case = _case(line, dimensions, place)
        expected = header.series_length or (lengths[0] if lengths else len(case))
        if header.equal_length and len(case) != expected:
            raise DataError(f"{place}: expected {expected} values a dimension (@equalLength), found {len(case)}")
        dimensions = case.shape[1]
        values.frombytes(case.tobytes())
        lengths.append(len(case))
    if not lengths or not dimensions:
        raise DataError(f"{path}: has no cases after @data")
    rows = np.array(values, dtype=np.float32).reshape(-1, dimensions)
    X = split_rows(rows, np.array(lengths, dtype=np.int64))
    return Sequences(X, _labels(labels, header, path), name=header.name)


def _content(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in lines(path):
        if stripped := line.strip():
            yield number, stripped


def _read_header(content: Iterator[tuple[int, str]], path: Path) -> _Header:
    found: dict[str, Any] = {"name": path.name.split(".")[0]}
    for number, line in content:
        place = f"{path}, line {number}"
        if not line.startswith("@"):
            raise DataError(f"{place}: expected a line with @ before @data, found {line[:40]!r}")
        key, *values = line.split()
        match key.lower():
            case "@data":
                return _Header(**found)
            case "@problemname" if values:
                found["name"] = values[0]
            case "@dimension" | "@dimensions":
                found["dimensions"] = _count(values, key, place)
            case "@serieslength":
                found["series_length"] = _count(values, key, place)
            case "@univariate" if _truth(values, key, place):
                found["dimensions"] = 1
            case "@equallength":
                found["equal_length"] = _truth(values, key, place)
            case "@timestamps" if _truth(values, key, place):
                raise DataError(f"{place}: time stamps cannot be read, expected values alone (@timestamps false)")
            case "@classlabel":
                found["labels"] = frozenset(values[1:]) if _truth(values, key, place) else None
            case "@targetlabel":
                found["target"] = _truth(values, key, place)
    raise DataError(f"{path}: expected a line @data, found the end of the file")


def _count(values: list[str], key: str, place: str) -> int:
    if len(values) != 1 or not re.fullmatch("[1-9][0-9]{0,8}", values[0]):
        raise DataError(f"{place}: {key} needs one positive integer, found {' '.join(values)[:40]!r}")
    return int(values[0])


def _truth(values: list[str], key: str, place: str) -> bool:
    if not values or values[0].lower() not in ("true", "false"):
        raise DataError(f"{place}: {key} needs true or false, found {' '.join(values)[:40]!r}")
    return values[0].lower() == "true"


def _split_label(line: str, header: _Header, place: str) -> tuple[str, str]:
    """A case without its label, and the label, "" if the file has none."""
    if header.labels is None and not header.target:
        return line, ""
    values, colon, label = line.rpartition(":")
    label = label.strip()
    if not colon:
        raise DataError(f"{place}: expected values, a colon and a label, found {line[:40]!r}")
    if header.target:
        try:
            parse_number(label)
        except ValueError:
            raise DataError(f"{place}: expected a target value after the last colon, found {label[:40]!r}") from None
    elif not label or (header.labels and label not in header.labels):
        known = ", ".join(sorted(header.labels or ())) or "a class label"
        raise DataError(f"{place}: expected one of {known[:200]} after the last colon, found {label[:40]!r}")
    return values, label


def _labels(labels: list[str], header: _Header, path: Path) -> NDArray[Any] | None:
    if header.target:
        return np.array([float(label) for label in labels])
    return None if header.labels is None else label_array(labels, str(path))


def _case(line: str, dimensions: int | None, place: str) -> Floats:
    """One case as (time, features)."""
    found = line.count(":") + 1
    if found != (dimensions or found) or found > MOST_DIMENSIONS:
        raise DataError(f"{place}: expected {dimensions or f'at most {MOST_DIMENSIONS}'} dimensions, found {found}")
    values = array("f")
    length = line.partition(":")[0].count(",") + 1
    for i, field in enumerate(line.split(":"), 1):
        column = field.split(",")
        if len(column) != length:
            raise DataError(f"{place}: dimension {i} has {len(column)} values, but dimension 1 has {length}")
        parse_into(values, column, f"{place}, dimension {i}", parse=parse_number_or_missing)
    return np.array(values, dtype=np.float32).reshape(found, length).T
