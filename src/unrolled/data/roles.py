"""What the columns of a table of series are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from unrolled.checks import is_iterable
from unrolled.data.errors import DataError
from unrolled.data.frequency import Frequency
from unrolled.data.series import Columns

LAYOUTS = ("long", "columns", "rows")


@dataclass(frozen=True)
class Roles:
    """What `unrolled.data.read_series` was told about the columns."""

    layout: str | None = None
    id: str | None = None
    time: str | None = None
    target: Any = None
    past: Any = None
    future: Any = None
    static: Any = None
    frequency: str | None = None

    @classmethod
    def of(cls, columns: Columns, frequency: Frequency) -> Roles:
        """Those of series that were read already, to read more of the kind."""
        static = dict.fromkeys(name.split("=")[0] for name in columns.static)
        return cls(
            columns.layout,
            columns.id or None,
            columns.time or None,
            columns.targets,
            columns.past,
            columns.future,
            tuple(static),
            frequency.name,
        )


def column_names(given: Any, role: str) -> tuple[str, ...]:
    """Names of columns: one, several or, for None, none.

    Raises:
        DataError: it is something else.
    """
    names = () if given is None else (given,) if isinstance(given, str) or not is_iterable(given) else tuple(given)
    if not all(isinstance(name, str) for name in names):
        raise DataError(f"{role}: expected names of columns, found {given!r:.80}")
    return names
