"""The series of a saved forecaster: names as JSON, numbers as tensors; read as if they came from a stranger."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unrolled.data.frequency import Frequency
from unrolled.data.series import Columns, SeriesSet
from unrolled.models.forecasting.network import Shape

# Steps of a window or a horizon.
LONGEST = 10**7
ARRAYS = ("values", "lengths", "past", "future", "ahead", "static")


def written(data: SeriesSet, scales: NDArray[np.float64] | None) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Series as JSON values and tensors.

    Raises:
        ValueError: the name of a series is neither text nor a number.
    """
    for name in data.ids:
        if not isinstance(name, (str, int, float)):
            raise ValueError(f"series: expected names that are text or numbers to save, found {type(name).__name__}")
    tensors = {f"series.{name}": torch.from_numpy(np.ascontiguousarray(getattr(data, name))) for name in ARRAYS}
    dated = data.starts.dtype.kind == "M"
    tensors["series.starts"] = torch.from_numpy(
        data.starts.astype("datetime64[us]" if dated else np.int64).astype(np.int64)
    )
    if scales is not None:
        tensors["series.scales"] = torch.from_numpy(scales)
    columns = asdict(data.columns)
    return {"ids": list(data.ids), "frequency": asdict(data.frequency), "dated": dated, "columns": columns}, tensors


def read(kept: dict[str, Any], tensors: dict[str, Tensor]) -> tuple[SeriesSet, NDArray[np.float64] | None]:
    """What `written` wrote.

    Raises:
        KeyError, TypeError, ValueError: it did not write this.
    """
    ids = tuple(kept["ids"])
    if not ids or not all(isinstance(name, str | int | float) for name in ids):
        raise ValueError("series: expected names that are text or numbers")
    columns = Columns(
        **{
            field.name: _as(kept["columns"][field.name], type(getattr(Columns(), field.name)))
            for field in fields(Columns)
        }
    )
    frequency = Frequency(
        _as(kept["frequency"]["unit"], str),
        natural("frequency", kept["frequency"]["count"]),
        _as(kept["frequency"]["month_end"], bool),
    )
    arrays = {name: tensors[f"series.{name}"].numpy() for name in ARRAYS}
    starts = tensors["series.starts"].numpy()
    lengths, ahead = arrays["lengths"], arrays["ahead"]
    steps, known = int(lengths.sum()), int(lengths.sum() + ahead.sum())
    expected = {
        "values": (steps, len(columns.targets)),
        "lengths": (len(ids),),
        "past": (steps, len(columns.past)),
        "future": (known, len(columns.future)),
        "ahead": (len(ids),),
        "static": (len(ids), len(columns.static)),
    }
    for name, shape in expected.items():
        kind = np.int64 if name in ("lengths", "ahead") else np.float64
        if arrays[name].shape != shape or arrays[name].dtype != kind:
            raise ValueError(f"series.{name}: expected shape {shape}, found {arrays[name].shape}")
    if starts.shape != (len(ids),) or starts.dtype != np.int64 or (lengths < 1).any() or (ahead < 0).any():
        raise ValueError("series.starts, series.lengths or series.ahead: expected one whole number a series")
    scales = tensors["series.scales"].numpy() if "series.scales" in tensors else None
    if scales is not None and (scales.shape != (len(ids), 2, len(columns.targets)) or scales.dtype != np.float64):
        raise ValueError(f"series.scales: expected a center and a spread of each target, found shape {scales.shape}")
    dated = _as(kept["dated"], bool)
    if dated == (frequency.unit == "number"):
        raise ValueError("frequency: does not fit the times")
    made = SeriesSet(
        ids=ids,
        starts=starts.astype("datetime64[us]") if dated else starts,
        frequency=frequency,
        columns=columns,
        **arrays,
    )
    made.times(0, 0, int(lengths[0]))
    return made, scales


def natural(name: str, value: Any) -> int:
    """A whole number of at least 0.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name}: expected a whole number, found {value!r}")
    return value


def check_plausible(shape: Shape, numbers: int) -> None:
    """Refuses sizes that forecasts would take far more memory for than so many numbers of weights have.

    Raises:
        ValueError: they would; what the weights themselves take is another matter.
    """
    if max(shape.window, shape.horizon) > LONGEST or shape.horizon * shape.targets > 100 * numbers:
        raise ValueError("the sizes in the config are far larger than the weights")


def _as(value: Any, kind: type) -> Any:
    value = tuple(value) if kind is tuple and isinstance(value, list) else value
    if not isinstance(value, kind):
        raise ValueError(f"expected {kind.__name__}, found {value!r:.50}")
    if isinstance(value, tuple) and not all(isinstance(one, str) for one in value):
        raise ValueError(f"expected names, found {value!r:.50}")
    return value
