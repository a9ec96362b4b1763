import gzip
from pathlib import Path

import numpy as np
import pytest

from unrolled.data import DataError, Sequences, check_sequences, read_ts

RAGGED = """# a comment
@problemName Vowels
@timeStamps false
@missing true
@univariate false
@dimensions 2
@equalLength false
@classLabel true yes no

@data
1,2,3:4,5,6:yes
# another
7, ?:9,1e1:no
"""


def read(tmp_path: Path, text: str) -> Sequences:
    path = tmp_path / "case.ts"
    path.write_text(text)
    return read_ts(path)


def test_ragged_multivariate_with_missing_values(tmp_path: Path) -> None:
    found = read(tmp_path, RAGGED)
    assert found.name == "Vowels"
    assert isinstance(found.X, list)
    assert found.X[0].tolist() == [[1, 4], [2, 5], [3, 6]]
    assert np.array_equal(found.X[1], [[7, 9], [np.nan, 10]], equal_nan=True)
    assert found.X[0].dtype == np.float32
    assert found.y is not None
    assert found.y.tolist() == ["yes", "no"]
    with pytest.raises(ValueError, match=r"X\[1\] has NaN at step 1, feature 0"):
        check_sequences(found.X)


def test_univariate_of_equal_lengths(tmp_path: Path) -> None:
    found = read(tmp_path, "@UNIVARIATE TRUE\n@equallength true\n@serieslength 2\n@classlabel false\n@DATA\n1,2\n3,4\n")
    assert isinstance(found.X, np.ndarray)
    assert found.X.tolist() == [[[1], [2]], [[3], [4]]]
    assert found.y is None
    assert found.name == "case"


def test_targets(tmp_path: Path) -> None:
    found = read(tmp_path, "@targetlabel true\n@data\n1,2:0.5\n3,4:-1\n")
    assert found.y is not None
    assert found.y.dtype == np.float64
    assert found.y.tolist() == [0.5, -1.0]


def test_any_label_where_none_are_listed(tmp_path: Path) -> None:
    found = read(tmp_path, "@classLabel true\n@data\n1:a b\n2:c\n")
    assert found.y is not None
    assert found.y.tolist() == ["a b", "c"]


def test_gzip_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "Case_TRAIN.ts.gz"
    path.write_bytes(gzip.compress(RAGGED.replace("\n", "\r\n").encode()))
    assert len(read_ts(path)) == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("@data", "@date", "line 11: expected a line with @ before @data, found '1,2,3:4,5,6:yes'"),
        ("@dimensions 2", "@dimensions 3", "line 11: expected 3 dimensions, found 2"),
        ("@dimensions 2", "@dimensions two", "line 6: @dimensions needs one positive integer, found 'two'"),
        ("@dimensions 2", "@dimensions", "line 6: @dimensions needs one positive integer, found ''"),
        ("@dimensions 2", "@dimensions 0", "line 6: @dimensions needs one positive integer"),
        (
            "@equalLength false",
            "@equalLength true",
            r"line 13: expected 3 values a dimension \(@equalLength\), found 2",
        ),
        ("@equalLength false", "@equalLength maybe", "line 7: @equalLength needs true or false, found 'maybe'"),
        ("@timeStamps false", "@timeStamps true", "line 3: time stamps cannot be read"),
        ("@univariate false", "@univariate", "line 5: @univariate needs true or false, found ''"),
        ("4,5,6", "4,5", "line 11: dimension 2 has 2 values, but dimension 1 has 3"),
        ("4,5,6", "4,five,6", "line 11, dimension 2, value 2: expected a number, found 'five'"),
        ("4,5,6", "4,,6", "line 11, dimension 2, value 2: expected a number, found ''"),
        ("4,5,6", "4,1e99,6", "line 11, dimension 2, value 2: expected a number, found '1e99'"),
        ("4,5,6:yes", "4,5,6:maybe", "line 11: expected one of no, yes after the last colon, found 'maybe'"),
        ("7, ?:9,1e1:no", "7:9:8:no", "line 13: expected 2 dimensions, found 3"),
        ("7, ?:9,1e1:no", ":no", "line 13: expected 2 dimensions, found 1"),
        ("7, ?:9,1e1:no", "no", "line 13: expected values, a colon and a label, found 'no'"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in RAGGED
    with pytest.raises(DataError, match=message):
        read(tmp_path, RAGGED.replace(old, new))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a line @data, found the end of the file"),
        ("@data\n", "has no cases after @data"),
        ("@targetlabel true\n@data\n1:high\n", "line 3: expected a target value after the last colon, found 'high'"),
    ],
)
def test_files_without_cases_or_targets(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_more_dimensions_than_anything_has(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 2: expected at most 65536 dimensions, found 100000"):
        read(tmp_path, "@data\n" + "1:" * 99_999 + "1\n")
