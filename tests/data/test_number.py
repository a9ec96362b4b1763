import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unrolled.data.number import parse_number


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_floats_come_back(value: float) -> None:
    assert parse_number(f" {value!r} ") == value


@pytest.mark.parametrize("text", ["", " ", "nan", "inf", "-Infinity", "1e39", "1_000", "0x10", "1,5", "1 2", "1e", "?"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a finite float32|could not convert"):
        parse_number(text)


def test_the_largest_float32() -> None:
    assert math.isclose(parse_number("3.4028234e38"), 3.4028234e38)
