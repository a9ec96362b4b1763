"""Sequences with labels, and the one check that every model puts its input through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unrolled.checks import truth

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences, and what is known about them.

    Args:
        X: float32 array (sequences, time, features), or a list of arrays (time_i, features). NaN where a file
            says that a value is missing.
        y: labels (sequences,) of any type, or None.
        features: names of the features, or ().
        name: what the data set is called.
        ids: names of the sequences where they have them (rows of a CSV, files of a folder), or ().

    Raises:
        ValueError: X, y, features and ids do not belong together.
    """

    X: Floats | list[Floats]
    y: NDArray[Any] | None = None
    features: tuple[str, ...] = ()
    name: str = ""
    ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.y is not None and len(self.y) != len(self.X):
            raise ValueError(f"y has {len(self.y)} labels, but X has {len(self.X)} sequences")
        if self.ids and len(self.ids) != len(self.X):
            raise ValueError(f"ids has {len(self.ids)} names, but X has {len(self.X)} sequences")
        if self.features and len(self.X) and len(self.features) != self.X[0].shape[1]:
            raise ValueError(f"features has {len(self.features)} names, but X has {self.X[0].shape[1]} features")

    def __len__(self) -> int:
        return len(self.X)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Steps of each sequence, (sequences,)."""
        return _lengths(self.X)


def check_sequences(
    X: Any, name: str = "X", *, allow_empty: bool = False
) -> tuple[Floats | list[Floats], NDArray[np.int64], int]:
    """Makes float32 sequences of what a caller passed, or says what is wrong with it.

    Args:
        X: an array or tensor (sequences, time, features); or a list of arrays, tensors or lists, each
            (time_i, features), or (time_i,) for one feature.
        name: the argument's name, for messages.
        allow_empty: whether a sequence may have no steps.

    Returns:
        The sequences, an array if X was one and else a list; their lengths (sequences,); the number of features.
        Data that is float32 already is not copied.

    Raises:
        ValueError: X is empty, of other dimensions, not of real finite numbers, or its feature counts differ.
    """
    truth("allow_empty", allow_empty)
    checked: Floats | list[Floats]
    if isinstance(X, list | tuple):
        checked = [_check_sequence(sequence, f"{name}[{i}]") for i, sequence in enumerate(X)]
    else:
        checked = _check_array(X, name)
    if len(checked) == 0:
        raise ValueError(f"{name} is empty: expected at least one sequence")
    features = checked[0].shape[1]
    if isinstance(checked, list):
        for i, sequence in enumerate(checked):
            if sequence.shape[1] != features:
                raise ValueError(f"{name}[{i}] has {sequence.shape[1]} features, but {name}[0] has {features}")
    if features == 0:
        raise ValueError(f"{name} has 0 features, expected at least one")
    lengths = _lengths(checked)
    if not allow_empty and lengths.min() == 0:
        raise ValueError(f"{name}[{lengths.argmin()}] has no steps, expected at least one")
    return checked, lengths, features


def as_float32(array: NDArray[Any]) -> Floats:
    """The array as contiguous float32; what float32 cannot hold becomes infinite, without a warning."""
    with np.errstate(all="ignore"):
        return np.ascontiguousarray(array, dtype=np.float32)


def _check_array(X: Any, name: str) -> Floats:
    numbers = real_numbers(X, name)
    if numbers.ndim != 3:
        hint = f"; for one feature, reshape it to {(*numbers.shape, 1)}" if numbers.ndim == 2 else ""
        raise ValueError(
            f"{name} must be an array (sequences, time, features) or a list of arrays (time, features), "
            f"found an array of shape {numbers.shape}{hint}"
        )
    array = as_float32(numbers)
    if not np.isfinite(array).all():
        sequence, step, feature = np.argwhere(~np.isfinite(array))[0]
        raise _not_finite(f"{name}[{sequence}]", step, feature, numbers[sequence, step, feature])
    return array


def _check_sequence(sequence: Any, name: str) -> Floats:
    numbers = real_numbers(sequence, name)
    if numbers.ndim == 1:
        numbers = numbers[:, None]
    if numbers.ndim != 2:
        raise ValueError(f"{name} must have the shape (time, features) or (time,), found {numbers.shape}")
    array = as_float32(numbers)
    if not np.isfinite(array).all():
        step, feature = np.argwhere(~np.isfinite(array))[0]
        raise _not_finite(name, step, feature, numbers[step, feature])
    return array


def real_numbers(value: Any, name: str) -> NDArray[Any]:
    """The value of the argument `name` as an array of real numbers.

    Raises:
        ValueError: it holds something else.
    """
    if isinstance(value, torch.Tensor):
        # NumPy knows no bfloat16; float32 holds all of its values.
        value = value.detach().to("cpu", torch.float32 if value.dtype == torch.bfloat16 else value.dtype)
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{name} cannot be made an array of numbers: {error}") from error
    if array.dtype.kind not in "biuf":
        hint = "; pass sequences of different lengths as a list of arrays" if array.dtype == object else ""
        raise ValueError(f"{name} must hold real numbers, found {_kind(value)} of {array.dtype}{hint}")
    return array


def _kind(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")


def _not_finite(name: str, step: int, feature: int, value: Any) -> ValueError:
    if np.isnan(value):
        found = "NaN"
    elif np.isinf(value):
        found = "infinity"
    else:
        found = f"{value}, too large for float32,"
    return ValueError(f"{name} has {found} at step {step}, feature {feature}; expected finite numbers")


def _lengths(X: Floats | list[Floats]) -> NDArray[np.int64]:
    if isinstance(X, list):
        return np.array([len(sequence) for sequence in X], dtype=np.int64)
    return np.full(len(X), X.shape[1], dtype=np.int64)
