"""Numbers as data files write them."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence

import numpy as np

from unrolled.data.errors import DataError

_largest = float(np.finfo(np.float32).max)
_missing = frozenset(("?", "nan", "NaN", "NAN"))


def parse_number(text: str) -> float:
    """The finite number that a field of a text file holds.

    Raises:
        ValueError: the field is not a number, or not one that float32 can hold.
    """
    value = float(text)
    if not abs(value) <= _largest or "_" in text:
        raise ValueError(f"{text!r} is not a finite float32")
    return value


def parse_number_or_missing(text: str) -> float:
    """As `parse_number`, but NaN for ? and NaN."""
    text = text.strip()
    return math.nan if text in _missing else parse_number(text)


def parse_into(
    values: array[float],
    fields: Sequence[str],
    place: str,
    names: Sequence[str] = (),
    parse: Callable[[str], float] = parse_number,
) -> None:
    """Appends the numbers in some fields to `values`.

    Args:
        values: what to append to.
        fields: the fields of one row or column.
        place: where they are, for messages.
        names: what the fields are called, if they have names.
        parse: makes a number of a field.

    Raises:
        DataError: a field is not a number.
    """
    try:
        values.extend(map(parse, fields))
    except ValueError:
        for i, field in enumerate(fields):
            try:
                parse(field)
            except ValueError:
                name = f"column {names[i][:40]!r}" if names else f"value {i + 1}"
                raise DataError(f"{place}, {name}: expected a number, found {field[:40]!r}") from None
        raise
