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

import math
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unrolled.data.errors import DataError
from unrolled.data.files import lines
from unrolled.data.number import parse_number
from unrolled.data.sequences import Floats, Sequences


@dataclass(frozen=True)
class _Header:
    name: str
    dimensions: int | None = None
    series_length: int | None = None
    equal_length: bool = False
    labels: tuple[str, ...] | None = None  # () where any label will do
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
    path = Path(path)
    content = ((number, line) for number, line in _content(path) if not line.startswith("#"))
    header = _read_header(content, path)
    X: list[Floats] = []
    labels: list[str] = []
    for number, line in content:
        place = f"{path}, line {number}"
        fields = line.split(":")
        if header.labels is not None or header.target:
            labels.append(_label(fields.pop().strip(), header, place))
        X.append(_case(fields, header, X, place))
    if not X:
        raise DataError(f"{path}: has no cases after @data")
    equal = all(len(sequence) == len(X[0]) for sequence in X)
    return Sequences(np.stack(X) if equal else X, _labels(labels, header), name=header.name)


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
                found["labels"] = tuple(values[1:]) if _truth(values, key, place) else None
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


def _label(label: str, header: _Header, place: str) -> str:
    if header.target:
        try:
            parse_number(label)
        except ValueError:
            raise DataError(f"{place}: expected a target value after the last colon, found {label[:40]!r}") from None
    elif not label or (header.labels and label not in header.labels):
        known = ", ".join(header.labels or ()) or "a class label"
        raise DataError(f"{place}: expected one of {known[:200]} after the last colon, found {label[:40]!r}")
    return label


def _labels(labels: list[str], header: _Header) -> NDArray[Any] | None:
    if header.target:
        return np.array(labels, dtype=np.float64)
    return None if header.labels is None else np.array(labels)


def _case(fields: list[str], header: _Header, earlier: list[Floats], place: str) -> Floats:
    """One case as (time, features)."""
    dimensions = header.dimensions or (earlier[0].shape[1] if earlier else len(fields))
    if len(fields) != dimensions or not dimensions:
        raise DataError(f"{place}: expected {dimensions or 'one or more'} dimensions, found {len(fields)}")
    columns = [_dimension(field, f"{place}, dimension {i}") for i, field in enumerate(fields, 1)]
    length = len(columns[0])
    for i, column in enumerate(columns, 1):
        if len(column) != length:
            raise DataError(f"{place}: dimension {i} has {len(column)} values, but dimension 1 has {length}")
    expected = (header.series_length or (len(earlier[0]) if earlier else length)) if header.equal_length else length
    if length != expected:
        raise DataError(f"{place}: expected {expected} values a dimension (@equalLength), found {length}")
    return np.array(columns, dtype=np.float32).T.copy()


def _dimension(field: str, place: str) -> array[float]:
    try:
        return array("f", map(_value, field.split(",")))
    except ValueError:
        for i, value in enumerate(field.split(","), 1):
            try:
                _value(value)
            except ValueError:
                raise DataError(f"{place}, value {i}: expected a number or ?, found {value[:40]!r}") from None
        raise


def _value(text: str) -> float:
    stripped = text.strip()
    return math.nan if stripped == "?" or stripped.lower() == "nan" else parse_number(stripped)
