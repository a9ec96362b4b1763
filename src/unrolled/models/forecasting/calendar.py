"""What the calendar says of a time stamp, as numbers that a net can take, and how long a season is."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.datetime64]

# Units as pandas and polars write them; case tells minutes (m) from months (M), milliseconds (ms) from months (MS).
UNITS = {
    "nanosecond": ("ns", "N"),
    "microsecond": ("us", "U"),
    "millisecond": ("ms", "L"),
    "second": ("s", "S"),
    "minute": ("m", "min", "T"),
    "hour": ("h", "H"),
    "day": ("d", "D"),
    "business day": ("B", "C"),
    "week": ("w", "W"),
    "half month": ("SM", "SME", "SMS"),
    "month": ("mo", "M", "ME", "MS", "BM", "BME", "BMS"),
    "quarter": ("q", "Q", "QE", "QS", "BQ", "BQE", "BQS"),
    "year": ("y", "Y", "A", "YE", "YS", "AS", "BY", "BYE", "BYS"),
}
UNIT_OF = {alias: unit for unit, aliases in UNITS.items() for alias in aliases}

# How many steps of each unit make one season: an hour, a day, a week or a year.
SEASONS = {
    "second": 3600,
    "minute": 1440,
    "hour": 24,
    "day": 7,
    "business day": 5,
    "week": 52,
    "half month": 24,
    "month": 12,
    "quarter": 4,
}

SUBDAILY = ("nanosecond", "microsecond", "millisecond", "second", "minute", "hour")
DAILY = ("day_of_week", "day_of_month", "day_of_year")
FEATURES = {
    **dict.fromkeys(SUBDAILY[:4], ("second_of_minute", "minute_of_hour", "hour_of_day", *DAILY)),
    "minute": ("minute_of_hour", "hour_of_day", *DAILY),
    "hour": ("hour_of_day", *DAILY),
    "day": DAILY,
    "business day": DAILY,
    "week": ("day_of_month", "week_of_year"),
    "half month": ("day_of_month", "month_of_year"),
    "month": ("month_of_year",),
    "quarter": ("month_of_year",),
    "year": (),
}


def features(times: Times, frequency: str) -> tuple[NDArray[np.float32], list[str]]:
    """Where each time lies within its minute, hour, day, week, month and year, so far as the frequency tells apart.

    Args:
        times: datetime64 (times,), in any unit, in any order.
        frequency: as pandas ("h", "15min", "MS", "W-SUN") or polars ("1h", "15m", "1mo", "1w") write it.

    Returns:
        float32 (times, features), each from -0.5 at the first place of its cycle to 0.5 at the last, and the
        features' names; no feature for years.

    Raises:
        ValueError: times are not datetime64 or one is missing, or the frequency is not known.
    """
    _, unit = parse(frequency)
    times = np.asarray(times)
    if times.dtype.kind != "M" or times.ndim != 1:
        raise ValueError(f"times: expected datetime64 (times,), found {times.dtype} of shape {times.shape}")
    missing = np.flatnonzero(np.isnat(times))
    if len(missing):
        raise ValueError(f"times: expected no missing time stamp, found one at index {missing[0]}")
    names = [] if unit is None else list(FEATURES[unit])
    made = np.empty((len(times), len(names)), np.float32)
    for column, name in enumerate(names):
        place, last = _place(times, name)
        made[:, column] = place / last - 0.5
    return made, names


def season_length(frequency: str) -> int:
    """How many steps make a season: 24 hours, 7 days, 52 weeks, 12 months, 4 quarters; a day of minutes.

    Args:
        frequency: as `features`'s; multiples divide the season (4 for "6h"). A number alone is steps without a unit.

    Returns:
        The steps; 1 where there is no season, or it is not a whole number of steps.

    Raises:
        ValueError: the frequency is not known.
    """
    multiple, unit = parse(frequency)
    season = SEASONS.get(unit or "", 1)
    return season // multiple if season % multiple == 0 else 1


def parse(frequency: str) -> tuple[int, str | None]:
    """How many of which unit; no unit for a number alone.

    Raises:
        ValueError: the frequency is not known.
    """
    match = re.fullmatch(r"(\d*)([A-Za-z]*)(-[A-Z]{3})?", frequency) if isinstance(frequency, str) else None
    multiple, unit, _ = match.groups() if match else ("", "", None)
    if (not multiple and not unit) or (unit and unit not in UNIT_OF) or int(multiple or 1) == 0:
        raise ValueError(
            "frequency: expected a positive number and a unit as pandas or polars write them, such as 'h', '15min', "
            f"'D', 'W', 'MS', '1mo', found {frequency!r}"
        )
    return int(multiple or 1), UNIT_OF[unit] if unit else None


def _place(times: Times, name: str) -> tuple[NDArray[Any], int]:
    """Each time's place in the cycle, from 0, and the last place that the cycle can have."""
    days = times.astype("datetime64[D]")
    weekday = (days.astype(np.int64) + 3) % 7  # The epoch, 1970-01-01, was a Thursday; 0 is Monday.
    if name == "second_of_minute":
        return times.astype("datetime64[s]").astype(np.int64) % 60, 59
    if name == "minute_of_hour":
        return times.astype("datetime64[m]").astype(np.int64) % 60, 59
    if name == "hour_of_day":
        return times.astype("datetime64[h]").astype(np.int64) % 24, 23
    if name == "day_of_week":
        return weekday, 6
    if name == "day_of_month":
        return (days - days.astype("datetime64[M]")).astype(np.int64), 30
    if name == "day_of_year":
        return (days - days.astype("datetime64[Y]")).astype(np.int64), 365
    if name == "month_of_year":
        return days.astype("datetime64[M]").astype(np.int64) % 12, 11
    # A week belongs to the year that its Thursday lies in (ISO 8601).
    thursday = days + (3 - weekday).astype("timedelta64[D]")
    return (thursday - thursday.astype("datetime64[Y]")).astype(np.int64) // 7, 52
