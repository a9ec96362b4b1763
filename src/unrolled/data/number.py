"""A number as data files write it."""

from __future__ import annotations

import numpy as np

_largest = float(np.finfo(np.float32).max)


def parse_number(text: str) -> float:
    """The finite number that a field of a text file holds.

    Raises:
        ValueError: the field is not a number, or not one that float32 can hold.
    """
    value = float(text)
    if not abs(value) <= _largest or "_" in text:
        raise ValueError(f"{text!r} is not a finite float32")
    return value
