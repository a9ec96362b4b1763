"""Frequencies are found from time stamps, and continue them as pandas does."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unrolled.data.frequency import Frequency, infer

NAMES = ["s", "30s", "min", "15min", "h", "6h", "D", "B", "W", "2W", "MS", "ME", "2MS", "QS", "QE", "YS", "YE"]


def stamps(name: str, count: int, start: str = "2020-01-31") -> np.ndarray:
    return pd.date_range(start, periods=count, freq=name).to_numpy().astype("datetime64[us]")


@pytest.mark.parametrize("name", NAMES)
def test_found_and_continued(name: str) -> None:
    times = stamps(name, 40)
    found = infer(times[:30])
    assert found is not None
    assert found.name == name
    assert (found.positions(times) == np.arange(40)).all()
    assert (found.times(times[:1], np.arange(40)) == times).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_read_back(name: str) -> None:
    assert Frequency.parse(name).name == name


@given(
    name=st.sampled_from(["15min", "h", "D", "B", "W", "MS", "ME", "QS"]),
    kept=st.sets(st.integers(0, 59), min_size=40),
    start=st.dates(pd.Timestamp("1950-01-01").date(), pd.Timestamp("2100-01-01").date()),
)
def test_gaps_do_not_hide_the_frequency(name: str, kept: set[int], start) -> None:
    times = stamps(name, 60, str(start))[sorted(kept)]
    found = infer(times)
    assert found is not None
    assert found.name == name
    assert (found.positions(times) == np.array(sorted(kept)) - min(kept)).all()


def test_a_day_that_a_month_has_not_is_its_last() -> None:
    monthly = Frequency.parse("MS")
    times = monthly.times(np.array(["2021-01-31"], "datetime64[us]"), np.arange(3))
    assert [str(time)[:10] for time in times] == ["2021-01-31", "2021-02-28", "2021-03-31"]


def test_integers() -> None:
    found = infer(np.array([10, 20, 30, 50]))
    assert found == Frequency("number", 10)
    assert found.positions(np.array([10, 20, 25, 50])).tolist() == [0, 1, -1, 4]


@pytest.mark.parametrize("name", ["H", "0h", "fortnight", "2B", "-1D"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="frequency: expected"):
        Frequency.parse(name)


def test_one_time_tells_nothing() -> None:
    assert infer(stamps("D", 1)) is None
