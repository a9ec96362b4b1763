"""Series from arrays, frames and files: every form gives the same series, and bad ones are told in one line."""

import base64
import gzip
import zlib
from datetime import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unrolled.data import DataError, SeriesSet, read_series
from unrolled.data.frames import check_future, read_like, with_future
from unrolled.data.parquet import read_parquet

A, B = np.arange(6.0), np.array([3.0, np.nan, 5.0, 7.0])


def long_table(**more: object) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "unique_id": ["a"] * 6 + ["b"] * 4,
            "ds": [*pd.date_range("2024-01-01", periods=6), *pd.date_range("2024-01-03", periods=4)],
            "y": [*A, *B],
        }
    )
    return frame.assign(**more)


def as_polars(frame: pd.DataFrame) -> pl.DataFrame:
    return pl.DataFrame({str(name): frame[name].to_numpy(dtype=object).tolist() for name in frame}, strict=False)


def same(found: SeriesSet, *expected: np.ndarray) -> bool:
    return len(found) == len(expected) and all(
        np.array_equal(found.history(i)[:, 0], one, equal_nan=True) for i, one in enumerate(expected)
    )


@pytest.mark.parametrize("form", ["array", "list", "column", "nested", "tensor", "pandas series", "polars series"])
def test_one_series_in_any_form(form: str) -> None:
    import torch

    forms = {
        "array": B,
        "list": [3.0, None, 5.0, 7.0],
        "column": B[:, None],
        "nested": [B],
        "tensor": torch.tensor(B),
        "pandas series": pd.Series(B),
        "polars series": pl.Series("y", [3.0, None, 5.0, 7.0]),
    }
    assert same(read_series(forms[form]), B)


@pytest.mark.parametrize("form", ["pandas", "polars", "csv", "parquet", "list", "shuffled"])
def test_many_series_in_any_form(form: str, tmp_path) -> None:
    frame = long_table()
    if form == "list":
        found = read_series([A, B])
    elif form == "pandas":
        found = read_series(frame)
    elif form == "shuffled":
        found = read_series(frame.iloc[[7, 0, 3, 9, 1, 8, 2, 6, 5, 4]])
        assert found.ids == ("b", "a")
        assert same(found, B, A)
        return
    elif form == "polars":
        found = read_series(as_polars(frame))
    else:
        path = tmp_path / f"table.{form}"
        as_polars(frame).write_csv(path) if form == "csv" else as_polars(frame).write_parquet(path)
        found = read_series(path)
    assert same(found, A, B)
    if form != "list":
        assert found.ids == ("a", "b")
        assert found.frequency.name == "D"
        assert str(found.times(1, 4, 5)[0])[:10] == "2024-01-07"


def test_the_airline_passengers_by_name_and_by_file() -> None:
    found = read_series("airline")
    assert (len(found), found.lengths[0], found.frequency.name) == (1, 144, "MS")
    assert found.columns.targets == ("Passengers",)
    assert found.history(0)[[0, -1], 0].tolist() == [112.0, 432.0]
    assert str(found.times(0, 144, 145)[0])[:7] == "1961-01"


def test_columns_side_by_side_are_one_series_of_many_targets(tmp_path) -> None:
    path = tmp_path / "ett.csv"
    path.write_text(
        "date,HUFL,OT\n2016-07-01 00:00:00,5.8,30.5\n2016-07-01 01:00:00,5.6,\n2016-07-01 02:00:00,5.1,27.7\n"
    )
    found = read_series(path)
    assert (len(found), found.columns.targets, found.frequency.name) == (1, ("HUFL", "OT"), "h")
    assert np.array_equal(found.history(0)[:, 1], [30.5, np.nan, 27.7], equal_nan=True)
    assert read_series(path, target="OT").columns.targets == ("OT",)


def test_a_series_a_row_ends_with_its_last_value(tmp_path) -> None:
    path = tmp_path / "m4.csv"
    path.write_text('"V1","V2","V3","V4","V5"\n"H1",605,586,,559\n"H2",3124,2990,,\n')
    found = read_series(path)
    assert found.ids == ("H1", "H2")
    assert same(found, np.array([605, 586, np.nan, 559]), np.array([3124.0, 2990]))
    assert read_series(path, frequency="h").frequency.name == "h"


def test_a_gap_in_time_is_missing_values() -> None:
    found = read_series(long_table().drop(index=[2, 3]))
    assert same(found, np.array([0, 1, np.nan, np.nan, 4, 5]), B)


def test_covariates() -> None:
    frame = long_table(price=np.arange(10.0), shop=["x"] * 6 + ["z"] * 4, size=[1.0] * 6 + [2.0] * 4)
    found = read_series(frame, past="price", static=["shop", "size"])
    assert found.columns.static == ("shop=x", "shop=z", "size")
    assert found.static.tolist() == [[1, 0, 1], [0, 1, 2]]
    assert found.past[:, 0].tolist() == list(range(10))
    # Without a word, further columns are what is known up to now.
    assert read_series(frame[["unique_id", "ds", "y", "price"]]).columns.past == ("price",)


def test_rows_without_a_target_are_the_future_if_something_is_known_of_it() -> None:
    frame = long_table(price=np.arange(10.0))
    frame.loc[[4, 5, 9], "y"] = np.nan
    found = read_series(frame, future="price")
    assert found.lengths.tolist() == [4, 3]
    assert found.ahead.tolist() == [2, 1]
    assert found.future[:, 0].tolist() == list(range(10))
    check_future(found, 1)
    with pytest.raises(DataError, match=r"'price' of series 'b' is missing at 2024-01-07.*step 2 of 2"):
        check_future(found, 2)
    more = pl.DataFrame(
        {
            "unique_id": ["a", "b", "a", "b"],
            "ds": ["2024-01-06", "2024-01-06", "2024-01-05", "2024-01-07"],
            "price": [2, 3, 1, 4],
        }
    )
    longer = with_future(found, more)
    check_future(longer, 2)
    assert longer.future[:, 0].tolist() == [0, 1, 2, 3, 1, 2, 6, 7, 8, 3, 4]


def test_parts_of_a_set() -> None:
    found = read_series(long_table(price=np.arange(10.0)), future="price")
    cut = found.until(np.array([2, 3]))
    assert same(cut, A[:2], B[:3])
    assert cut.ahead.tolist() == [4, 1]
    assert cut.future[:, 0].tolist() == list(range(10))
    end = found.tail(2)
    assert same(end, A[4:], B[2:])
    assert (end.times(1, 0, 2) == found.times(1, 2, 4)).all()
    assert same(found.take([1]), B)


def test_time_zones_come_back() -> None:
    times = pd.date_range("2024-03-30", periods=72, freq="h", tz="Europe/Berlin")
    found = read_series(pd.DataFrame({"ds": times, "y": np.arange(72.0)}))
    assert found.frequency.name == "h"
    assert found.columns.zone == "Europe/Berlin"
    assert found.lengths[0] == 72


@pytest.mark.parametrize("kind", [pl.Int8, pl.UInt64, pl.Int128, pl.Float64])
def test_whole_numbers_of_any_width_are_times(kind: type[pl.DataType], tmp_path) -> None:
    frame = pl.DataFrame({"ds": pl.Series([3, 4, 5], dtype=kind), "y": pl.Series([1, 2, 3], dtype=kind)})
    frame.write_parquet(tmp_path / "whole.parquet")
    for source in (frame, tmp_path / "whole.parquet"):
        found = read_series(source)
        assert found.values[:, 0].tolist() == [1, 2, 3]
        assert found.times(0, 0, 3).tolist() == [3, 4, 5]


@pytest.mark.parametrize("wrong", [2**62, 2**63, -(2**100), 0.5, float("inf")])
def test_times_that_fit_no_whole_number_are_refused(wrong: float) -> None:
    kind = pl.Float64 if isinstance(wrong, float) else pl.Int128
    frame = pl.DataFrame({"ds": pl.Series([1, 2, wrong], dtype=kind), "y": [1.0, 2.0, 3.0]})
    with pytest.raises(DataError, match=r"column 'ds', row 2: expected a time or a whole number"):
        read_series(frame)


@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=5),
    missing=st.sets(st.integers(0, 59)),
    seed=st.integers(0, 99),
)
def test_frames_and_arrays_agree(lengths: list[int], missing: set[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    series = [random.normal(size=n) for n in lengths]
    rows = []
    for number, values in enumerate(series):
        for step in range(len(values)):
            if step + 12 * number in missing and 0 < step < len(values) - 1:
                values[step] = np.nan
                continue
            rows.append((number, step, values[step]))
    random.shuffle(rows)
    found = read_series(pl.DataFrame(rows, schema=["unique_id", "ds", "y"], orient="row"))
    order = [found.ids.index(i) for i in range(len(series))]
    assert same(found.take(order), *series)


BAD = {
    "a time twice": (lambda f: pd.concat([f, f.iloc[[3]]]), {}, r"series 'a' has the time 2024-01-04 twice"),
    "off the steps": (
        lambda f: f.assign(ds=f["ds"].where(f.index != 2, pd.Timestamp("2024-01-03 11:00"))),
        {},
        r"row 2.*series 'a'.*11:00.*no whole number of steps \(D\)",
    ),
    "mixed frequencies": (
        lambda f: f.assign(ds=[*f["ds"][:6], *pd.date_range("2024-01-01", periods=4, freq="h")]),
        {},
        "mixed frequencies: series 'a' has steps of D, series 'b' of h",
    ),
    "text": (lambda f: f.assign(y=[*A, 3, "five", 5, 7]), {}, r"column 'y', row 7: expected a number, found 'five'"),
    "infinite": (lambda f: f.assign(y=[*A, 3, np.inf, 5, 7]), {}, r"column 'y', row 7.*finite.*inf"),
    "no id": (lambda f: f.assign(unique_id=["a", None, *["b"] * 8]), {}, r"column 'unique_id', row 1"),
    "no time": (lambda f: f.assign(ds=f["ds"].where(f.index != 4)), {}, r"column 'ds', row 4: expected a time"),
    "a time that is none": (lambda f: f.assign(ds=["2024-13-01"] * 10), {}, r"column 'ds', row 0.*'2024-13-01'"),
    "no such column": (lambda f: f, {"target": "sales"}, "target: no column 'sales'; the columns are unique_id"),
    "a column twice": (lambda f: f.assign(p=1.0), {"past": "p", "future": "p"}, "column 'p' is past already"),
    "static that varies": (
        lambda f: f.assign(shop=["x", "z", *["x"] * 8]),
        {"static": "shop"},
        r"column 'shop', row 1.*series 'a' has another value",
    ),
    "a text covariate": (lambda f: f.assign(shop="x"), {}, "column 'shop', row 0: expected a number"),
    "no rows": (lambda f: f.iloc[:0], {}, "expected rows, found none"),
    "a long gap": (
        lambda f: f.assign(ds=f["ds"].where(f.index != 5, pd.Timestamp("2124-01-01"))),
        {},
        "row 5.*gap from 2024-01-05 to 2124-01-01",
    ),
    "a layout that is none": (lambda f: f, {"layout": "wide"}, "layout: expected one of long, columns, rows"),
}


@pytest.mark.parametrize("kind", ["pandas", "polars"])
@pytest.mark.parametrize("name", BAD)
def test_bad_frames_are_told(name: str, kind: str) -> None:
    change, roles, told = BAD[name]
    frame = change(long_table()).reset_index(drop=True)
    if kind == "polars":
        if name in ("text", "no rows", "no time", "no id"):
            pytest.skip("a polars column is of one kind, and knows what is missing; files cover it")
        frame = as_polars(frame)
    with pytest.raises(DataError, match=told):
        read_series(frame, **roles)


# One byte of a table of three numbers is changed, and polars asks for 2^61 bytes.
ABORTS = (
    "UEFSMRUAFSwVLCwVBxUAFQYVBgAAAgAAAAMFAAAAAAAA+D8AAAAAAAAEQBUKGSUABhkYAXkVABYGFk4WTiYIABkcFggVThYAAAAVAhksSARyb290FQIA"
    "FQolAhgBeQAWBhkcGRwmVhwVChklAAYZGAF5FQAWBhZOFk4mCAAWgAEVFAAWThYGJggWThQAABkcGAxBUlJPVzpzY2hlbWEYoAEvLy8vLzI0QUFBQUVB"
    "QUFBOHYvLy94UUFBQUFFQUFFQUFBQUtBQXNBQ0FBS0FBUUErUC8vL3d3QUFBQUlBQWdBQUFBRUFBRUFBQUFFQUFBQTdQLy8vekFBQUFBZ0FBQUFHQUFB"
    "QUFFREFBQVFBQklBQkFBUUFCRUFDQUFBQUF3QUFBQUFBUHIvLy84Q0FBWUFCZ0FFQUFFQUFBQjVBQT09ABhOUG9sYXJzIChweXRob24pIHZlcnNpb24g"
    "Mi4xLjAgKGJ1aWxkIDdmOTAyYmQzZmZkMjdmZjgyZDE0Mjc4YTA5YTI5NWZmMmY3YWVkOTIpGRwcAAAATgEAAFBBUjE="
)


def test_a_parquet_file_that_breaks_its_reader_is_refused(tmp_path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(base64.b64decode(ABORTS))
    with pytest.raises(DataError, match=r"a\.parquet: cannot be read as \.parquet: "):
        read_series(path)
    path.write_bytes(b"this is no table")
    with pytest.raises(DataError, match="must end with PAR1"):
        read_series(path)


def test_all_types_come_out_of_a_parquet_file(tmp_path) -> None:
    frame = pl.DataFrame(
        {
            "text": ["a", None, "ü"],
            "category": pl.Series(["u", "v", "u"], dtype=pl.Categorical),
            "time": pl.Series([datetime(2024, 1, day) for day in (1, 2, 3)]).dt.replace_time_zone("Europe/Berlin"),
            "number": [1.5, None, float("nan")],
            "wide": pl.Series([1, 2, 3], dtype=pl.Int128),
            "nothing": [None, None, None],
        }
    )
    frame.write_parquet(tmp_path / "a.parquet")
    found = read_parquet(tmp_path / "a.parquet")
    assert found.equals(frame)
    assert found.schema == frame.schema


def test_a_packed_table_is_read_within_bounds(tmp_path) -> None:
    path = tmp_path / "a.csv.gz"
    table = b"ds,y\n2024-01-01,1\n2024-01-02,2\n2024-01-03,4\n"
    path.write_bytes(gzip.compress(table))
    assert same(read_series(path), np.array([1.0, 2.0, 4.0]))
    for packed in (zlib.compress(table), zlib.compress(table, 0), gzip.compress(gzip.compress(table))):
        path.write_bytes(packed)
        with pytest.raises(DataError, match="packed in another way"):
            read_series(path)
    path.write_bytes(gzip.compress(table + b"\n" * 10_000_000))
    with pytest.raises(DataError, match="unpacks to more than"):
        read_series(path)


def test_a_file_is_told_by_its_lines(tmp_path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("ds,y\n2024-01-01,1\n2024-01-02,2\n2024-01-03,x7\n")
    with pytest.raises(DataError, match=r"bad.csv, column 'y', line 4: expected a number, found 'x7'"):
        read_series(path)


@pytest.mark.parametrize(
    ("series", "more", "told"),
    [
        (np.zeros((2, 2, 2, 2)), {}, "series: expected numbers"),
        ([], {}, "expected numbers"),
        ("/no/such/file.csv", {}, "no such file or data set"),
        ("airlin", {}, "did you mean airline"),
        ("mnist", {}, "holds sequences, not time series"),
        ([A, np.stack([A, A], 1)], {}, r"series\[1\]: expected 1 targets"),
        (np.array([1, np.inf]), {}, "row 1: expected a finite number"),
        (["a", "b"], {}, "expected numbers"),
        (A, {"past": np.zeros(5)}, r"past\[0\]: expected 6 steps"),
        (A, {"future": np.zeros(5)}, r"future\[0\]: expected 6 or more steps"),
        ([A, B], {"static": np.zeros((3, 1))}, "static: expected a row for each of 2 series, found 3"),
        (A, {"frequency": "x"}, "frequency: expected"),
    ],
)
def test_bad_arrays_are_told(series: object, more: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_series(series, **more)


def test_series_to_forecast_are_read_as_those_trained_on() -> None:
    known = read_series(long_table(shop=["x"] * 6 + ["z"] * 4), static="shop")
    other = long_table(shop="x")
    assert read_like(other, known).static.tolist() == [[1, 0], [1, 0]]
    with pytest.raises(DataError, match="expected the frequency D, as in training, found h"):
        read_like(
            other.assign(ds=[*pd.date_range("2024", periods=6, freq="h"), *pd.date_range("2024", periods=4, freq="h")]),
            known,
        )
    with pytest.raises(DataError, match="expected 1 targets"):
        read_like(np.zeros((5, 2)), read_series(A))
