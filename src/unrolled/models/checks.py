"""What arguments of models are checked with."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np


def expect(name: str, value: Any, expected: str, holds: bool) -> None:
    """Makes sure that an argument is what it should be.

    Raises:
        ValueError: `holds` is false; the message names the argument, what was expected and what was found.
    """
    if not holds:
        raise ValueError(f"{name}: expected {expected}, found {value!r}")


def is_integer(value: Any) -> bool:
    """Whether it is an integer, of Python or NumPy."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether it is a finite number, of Python or NumPy."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and isfinite(value)
