import gzip
from pathlib import Path

import numpy as np
import pytest

from unrolled.data import DataError, Sequences, read_csv, read_csv_folder

LONG = """id,label,x,y
a,up,1,2
a,up,3,4
b,"down, far",5,6
a,up,7,8
"""


def read(tmp_path: Path, text: str) -> Sequences:
    path = tmp_path / "steps.csv"
    path.write_text(text)
    return read_csv(path)


def test_long_table(tmp_path: Path) -> None:
    found = read(tmp_path, LONG)
    assert [sequence.tolist() for sequence in found.X] == [[[1, 2], [3, 4], [7, 8]], [[5, 6]]]
    assert found.y is not None
    assert found.y.tolist() == ["up", "down, far"]
    assert (found.features, found.name, found.ids) == (("x", "y"), "steps", ("a", "b"))


def test_long_table_without_labels_and_packed(tmp_path: Path) -> None:
    path = tmp_path / "steps.csv.gz"
    path.write_bytes(gzip.compress(b"id,x\r\n\r\n1,0.5\r\n2,1.5\r\n"))
    found = read_csv(path)
    assert found.y is None
    assert found.ids == ("1", "2")


def test_another_column_of_labels(tmp_path: Path) -> None:
    path = tmp_path / "steps.csv"
    path.write_text("id,x,kind\n1,0.5,a\n")
    found = read_csv(path, label="kind")
    assert found.y is not None
    assert found.y.tolist() == ["a"]
    assert found.features == ("x",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected different names of columns, found ''"),
        ("id\n1\n", "line 1: expected different names of columns, found 'id'"),
        ("id,x,x\n1,2,3\n", "line 1: expected different names of columns, found 'id,x,x'"),
        ("id,label\n1,a\n", "line 1: expected a column with a feature, found 'id,label'"),
        ("id,x\n", "has no rows after its header"),
        (LONG.replace("3,4", "3"), "line 3: expected 4 fields, found 3"),
        (LONG.replace("3,4", "3,four"), "line 3, column 'y': expected a number, found 'four'"),
        (LONG.replace("3,4", "3,nan"), "line 3, column 'y': expected a number, found 'nan'"),
        (LONG.replace("3,4", "3,"), "line 3, column 'y': expected a number, found ''"),
        (LONG.replace("a,up,7", "a,left,7"), "line 5: expected one label for sequence 'a', found 'left' after 'up'"),
        (LONG.replace('far"', "far"), "line 5: unexpected end of data"),
        ("id,x\n1," + "9" * 200_000, "line 2: field larger than field limit"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"steps\.csv.*{message}"):
        read(tmp_path, text)


def test_sequences_of_one_length_are_an_array(tmp_path: Path) -> None:
    found = read(tmp_path, "id,x\na,1\nb,2\na,3\nb,4\n")
    assert isinstance(found.X, np.ndarray)
    assert found.X.tolist() == [[[1], [3]], [[2], [4]]]


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_folder_of_classes(tmp_path: Path) -> None:
    write(tmp_path, {"run/2.csv": "x,y\n1,2\n", "run/1.csv": "x,y\n3,4\n5,6\n", "walk/a.csv": "x,y\n7,8\n"})
    write(tmp_path, {".git/a.csv": "no", "run/.hidden.csv": "no", "run/notes.txt": "no"})
    found = read_csv_folder(tmp_path)
    assert [sequence.tolist() for sequence in found.X] == [[[3, 4], [5, 6]], [[1, 2]], [[7, 8]]]
    assert found.y is not None
    assert found.y.tolist() == ["run", "run", "walk"]
    assert found.features == ("x", "y")
    assert found.ids == ("run/1.csv", "run/2.csv", "walk/a.csv")


def test_folder_without_labels_or_header(tmp_path: Path) -> None:
    write(tmp_path, {"b.csv": "1,2\n", "a.csv": "3,4\n5,6\n"})
    found = read_csv_folder(tmp_path)
    assert np.array_equal(found.X[0], [[3, 4], [5, 6]])
    assert (found.y, found.features, found.ids) == (None, (), ("a.csv", "b.csv"))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "found neither"),
        ({"a.csv": "1\n", "c/b.csv": "1\n"}, "found both"),
        ({"a.csv": ""}, r"a\.csv: has no rows of numbers"),
        ({"a.csv": "x,y\n"}, r"a\.csv: has no rows of numbers"),
        ({"a.csv": "x,y\n1,2\n3\n"}, r"a\.csv, line 3: expected 2 fields, found 1"),
        ({"a.csv": "1,2\n3,x\n"}, r"a\.csv, line 2, value 2: expected a number, found 'x'"),
        ({"a.csv": "1,x\n"}, r"a\.csv, line 1, value 2: expected a number, found 'x'"),
        ({"a.csv": "1,2\n", "b.csv": "1\n"}, r"b\.csv: expected 2 columns as in a\.csv, found 1 columns"),
        ({"a.csv": "x,y\n1,2\n", "b.csv": "y,x\n1,2\n"}, r"b\.csv: expected x, y as in a\.csv, found y, x"),
    ],
)
def test_folders_that_do_not_fit(tmp_path: Path, files: dict[str, str], message: str) -> None:
    write(tmp_path, files)
    with pytest.raises(DataError, match=message):
        read_csv_folder(tmp_path)
