"""Checks that every room needs: what is wrong with an argument is said in one form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import torch

# The largest size: more steps, rows or units fit in no index of 32 bits.
LARGEST = 2**31 - 1
# The most layers on top of each other.
MOST_LAYERS = 1000
# How pictures end.
PICTURES = (".png", ".pdf", ".svg")
LARGEST_FLOAT = float(np.finfo(np.float64).max)


class WrongTypeError(TypeError, ValueError):
    """A value of a wrong type; a ValueError as well, as all is that can be wrong with an argument."""


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
    """Whether it is a finite number that a float can hold, of Python or NumPy."""
    if is_integer(value):
        return bool(abs(value) <= LARGEST_FLOAT)
    return isinstance(value, (float, np.floating)) and isfinite(value)


def is_count(value: Any) -> bool:
    """Whether it is a positive integer, and no more than anything here can be many."""
    return is_integer(value) and 1 <= value <= LARGEST


def is_part(value: Any) -> bool:
    """Whether it is a number from 0 to below 1."""
    return is_number(value) and bool(0 <= value < 1)


def is_truth(value: Any) -> bool:
    """Whether it is True or False, of Python or NumPy."""
    return isinstance(value, (bool, np.bool_))


def is_iterable(value: Any) -> bool:
    """Whether it has items to go through, which tensors and arrays of no dimension have not."""
    return isinstance(value, Iterable) and getattr(value, "ndim", 1) != 0


def integer(name: str, value: Any, *, least: int = 1, most: int = LARGEST, otherwise: str = "") -> int:
    """The integer that a value is.

    Args:
        name: of the argument.
        value: what it is.
        least, most: bounds.
        otherwise: what else it may be, for the message.

    Raises:
        ValueError: it is no integer, of Python or NumPy, or beyond the bounds.
    """
    expected = "a positive integer" if least == 1 else f"an integer of at least {least}"
    expect(name, value, expected + otherwise, is_integer(value) and value >= least)
    expect(name, value, f"at most {most}", value <= most)
    return int(value)


def integer_or_none(name: str, value: Any, *, least: int = 1) -> int | None:
    """As `integer`, or None.

    Raises:
        ValueError: it is neither.
    """
    return None if value is None else integer(name, value, least=least, otherwise=" or None")


def fraction(name: str, value: Any) -> float:
    """The number from 0 to below 1 that a value is, of Python or NumPy.

    Raises:
        ValueError: it is none.
    """
    expect(name, value, "a number from 0 to below 1", is_part(value))
    return float(value)


def at_least_0(name: str, value: Any) -> float:
    """The number of at least 0 that a value is, of Python or NumPy.

    Raises:
        ValueError: it is none.
    """
    expect(name, value, "a number of at least 0", is_number(value) and value >= 0)
    return float(value)


def truth(name: str, value: Any) -> None:
    """Makes sure that a value is True or False, of Python or NumPy.

    Raises:
        WrongTypeError: it is something else, which may mean something else.
    """
    if not is_truth(value):
        raise WrongTypeError(f"{name}: expected True or False, found {type(value).__name__}")


def instance(name: str, value: Any, kind: type | tuple[type, ...], expected: str) -> None:
    """Makes sure that a value is of a type.

    Raises:
        WrongTypeError: it is of another.
    """
    if not isinstance(value, kind):
        raise WrongTypeError(f"{name}: expected {expected}, found {type(value).__name__}")


def as_device(value: Any, expected: str = "a torch device") -> torch.device:
    """The device that the argument `device` names.

    Args:
        value: what torch takes for a device.
        expected: in words.

    Raises:
        ValueError: torch knows no such device, or has none here.
    """
    try:
        device = torch.device(value)
    except (RuntimeError, TypeError, ValueError):
        raise ValueError(f"device: expected {expected}, found {value!r:.100}") from None
    count = torch.cuda.device_count() if device.type == "cuda" else 0
    if device.type == "cuda" and (device.index or 0) >= count:
        has = f"{count} GPUs that torch can use" if count else "no GPU that torch can use; see `unrolled doctor`"
        raise ValueError(f"device: expected a device of this machine, found {value!r}, but this machine has {has}")
    try:
        torch.empty(0, device=device)
    except (AssertionError, ImportError, RuntimeError) as error:
        why = str(error).split("\n")[0]
        raise ValueError(f"device: expected a device of this machine, found {value!r}: {why:.100}") from error
    return device


def check_device(value: Any) -> None:
    """Makes sure that the argument `device` is None or names a device that torch has here.

    Raises:
        ValueError: it does not.
    """
    if value is not None:
        as_device(value)


@contextmanager
def within(name: str) -> Iterator[None]:
    """Makes errors in the block say that what is wrong is in this argument."""
    try:
        yield
    except (TypeError, ValueError) as error:
        error.args = (f"{name}: {error}",)
        raise


def as_path(name: str, value: Any) -> Path:
    """A path.

    Raises:
        WrongTypeError: it is neither text nor a path.
    """
    instance(name, value, (str, Path), "a path")
    return Path(value)


def as_new_file(name: str, value: Any, endings: Sequence[str]) -> Path:
    """The path of a file to write, or to write anew.

    Args:
        name: of the argument.
        value: what it is.
        endings: those that the file may have, in small letters with their dots.

    Raises:
        WrongTypeError: it is neither text nor a path.
        ValueError: it has another ending, or there is no such folder.
    """
    path = as_path(name, value)
    expect(name, path.name, f"a {', '.join(endings)} file", path.suffix.lower() in endings)
    if not path.parent.is_dir():
        raise ValueError(f"{name}: no such folder: {path.parent}")
    return path
