"""Checks that every room needs: what is wrong with an argument is said in one form."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch


def expect(name: str, value: Any, expected: str, holds: bool) -> None:
    """Raises unless it holds.

    Raises:
        ValueError: it does not; the message names the argument, what was found and what was expected.
    """
    if not holds:
        raise ValueError(f"{name}: expected {expected}, found {value!r:.100}")


def one_of(name: str, value: Any, known: Iterable[str]) -> None:
    """Makes sure that a value is one of these words.

    Raises:
        ValueError: it is not.
    """
    words = list(known)
    expect(name, value, f"one of {', '.join(words)}", is_one_of(value, words))


def is_one_of(value: Any, known: Iterable[str]) -> bool:
    """Whether a value is one of these words; arrays are not compared with them element by element."""
    return isinstance(value, str) and value in known


def is_integer(value: Any) -> bool:
    """Whether it is an integer, of Python or NumPy."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether it is a finite number, of Python or NumPy."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool) and isfinite(value)


def truth(name: str, value: Any) -> None:
    """Makes sure that a value is True or False.

    Raises:
        TypeError: it is something else, which may mean something else.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name}: expected True or False, found {type(value).__name__}")


def instance(name: str, value: Any, kind: type | tuple[type, ...], expected: str) -> None:
    """Makes sure that a value is of a type.

    Raises:
        TypeError: it is of another.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name}: expected {expected}, found {type(value).__name__}")


def check_device(value: Any, name: str = "device") -> None:
    """Makes sure that torch knows a device.

    Raises:
        ValueError: it does not.
    """
    try:
        known = value is None or isinstance(value, torch.device) or torch.device(value) is not None
    except (RuntimeError, TypeError, ValueError):
        known = False
    expect(name, value, "a torch device", known)


def as_path(name: str, value: Any) -> Path:
    """A path.

    Raises:
        TypeError: it is neither text nor a path.
    """
    instance(name, value, (str, Path), "a path")
    return Path(value)
