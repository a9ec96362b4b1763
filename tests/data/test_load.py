import gzip
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.data.test_fetch import SHARED_DATA
from tests.data.test_idx import idx_bytes
from tests.data.test_numpy import npy
from unrolled.data import DataError, fetch, load, splits

IMAGES = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
LABELS = np.array([3, 1, 2, 1, 0], dtype=np.uint8)


@pytest.fixture
def mnist_like(tmp_path: Path) -> Path:
    folder = tmp_path / "mnist_like"
    folder.mkdir()
    for prefix, rows in (("train", slice(0, 3)), ("t10k", slice(3, 5))):
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx_bytes(IMAGES[rows])))
        (folder / f"{prefix}-labels.idx1-ubyte").write_bytes(idx_bytes(LABELS[rows]))
    (folder / "README.md").write_text("not data")
    return folder


def test_names() -> None:
    assert splits("digits") == splits("japanese-vowels") == ("train", "test")
    assert [len(load("digits", split)) for split in (None, "train", "test")] == [1797, 1437, 360]
    digits = load("digits")
    assert digits.X[0].shape == (8, 8)
    assert (digits.name, digits.features, digits.ids) == ("digits", (), ())


def test_folder_of_idx_files(mnist_like: Path) -> None:
    assert splits(mnist_like) == ("train", "test")
    train, test, both = load(mnist_like, "train"), load(mnist_like, "test"), load(str(mnist_like))
    assert np.array_equal(train.X, IMAGES[:3].astype(np.float32) / 255)
    assert test.y is not None
    assert test.y.tolist() == [1, 0]
    assert test.y.dtype == np.int64
    assert np.array_equal(both.X, IMAGES.astype(np.float32) / 255)
    assert both.y is not None
    assert both.y.tolist() == LABELS.tolist()


def test_images_without_labels(mnist_like: Path) -> None:
    (mnist_like / "t10k-labels.idx1-ubyte").unlink()
    assert load(mnist_like, "test").y is None
    with pytest.raises(DataError, match="one of its splits has labels, another has none"):
        load(mnist_like)


def test_labels_of_another_number(mnist_like: Path) -> None:
    (mnist_like / "t10k-labels.idx1-ubyte").write_bytes(idx_bytes(LABELS))
    with pytest.raises(DataError, match=r"t10k-labels.idx1-ubyte: expected 2 labels, .* found shape \(5,\)"):
        load(mnist_like, "test")


def test_folder_of_ts_files(tmp_path: Path) -> None:
    for path in fetch("japanese-vowels").glob("*.ts.gz"):
        shutil.copy(path, tmp_path)
    (tmp_path / "JapaneseVowels_TRAIN.ts").write_bytes(
        gzip.decompress((tmp_path / "JapaneseVowels_TRAIN.ts.gz").read_bytes())
    )
    (tmp_path / "JapaneseVowels_TRAIN.ts.gz").unlink()
    assert splits(tmp_path) == ("train", "test")
    found = load(tmp_path)
    assert isinstance(found.X, list)
    assert len(found) == 640
    assert found.name == "JapaneseVowels"


def test_folders_of_csv_files_by_split_and_class(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for label in ("a", "b"):
            (tmp_path / split / label).mkdir(parents=True)
            (tmp_path / split / label / "1.csv").write_text("x\n1\n2\n")
    found = load(tmp_path)
    assert found.y is not None
    assert found.y.tolist() == ["a", "b", "a", "b"]
    assert found.features == ("x",)
    assert found.ids == ("a/1.csv", "b/1.csv") * 2
    assert splits(tmp_path / "train") == ()
    assert len(load(tmp_path / "train")) == 2


def test_splits_of_other_features_are_not_joined(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("id,x\n1,2\n")
    (tmp_path / "test.csv").write_text("id,y\n1,2\n")
    assert len(load(tmp_path, "test")) == 1
    with pytest.raises(DataError, match="its splits have different features"):
        load(tmp_path)


def test_one_split_alone(tmp_path: Path) -> None:
    np.savez(tmp_path / "set_test.npz", X=np.ones((2, 3, 1)), y=np.arange(2))
    assert splits(tmp_path) == ("test",)
    assert load(tmp_path).name == "set_test"
    with pytest.raises(DataError, match="has no split 'train'; its splits: 'test'"):
        load(tmp_path, "train")


def test_two_files_for_one_split(tmp_path: Path) -> None:
    (tmp_path / "a_train.csv").write_text("id,x\n1,2\n")
    (tmp_path / "b_train.csv").write_text("id,x\n1,2\n")
    with pytest.raises(DataError, match=r"b_train\.csv: another file or folder is named as the train split"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.ts", b"@data\n1,2\n"),
        ("a.txt", b"@data\n1,2\n"),
        ("a", b"#comment\n@data\n1,2\n"),
        ("a.csv", b"id,x\n1,1\n1,2\n"),
        ("a.npy", npy(np.array([[[1], [2]]]))),
        ("a", npy(np.array([[[1], [2]]]))),
        ("a.idx", idx_bytes(np.array([[[1], [2]]], dtype=np.int32))),
        ("a.gz", gzip.compress(idx_bytes(np.array([[[1], [2]]], dtype=np.int32)), mtime=0)),
        ("a.ts.gz", gzip.compress(b"@data\n1,2\n", mtime=0)),
    ],
)
def test_files_by_name_and_by_content(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert load(tmp_path / name).X[0].tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("mnst", "mnst: no such file, folder or data set; did you mean mnist"),
        ("./mnist", "no such file, folder or data set"),
        ("text8", r"text8 holds text, not labelled sequences; fetch\('text8'\) gives its files"),
    ],
)
def test_sources_that_cannot_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for ask in (load, splits):
        with pytest.raises(DataError, match=message):
            ask(source)


def test_files_of_no_known_format(tmp_path: Path) -> None:
    for content in (b"", b"hello", b"\x89PNG\r\n"):
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(DataError, match=re.escape(f"IDX file, found {content[:6]!r}")):
            load(tmp_path / "a")


def test_no_such_split() -> None:
    with pytest.raises(DataError, match=re.escape("digits: has no split 'valid'; its splits: 'train' and 'test'")):
        load("digits", "valid")


@pytest.mark.slow
@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="needs the development data, ../shared/data")
def test_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLLED_DATA", str(SHARED_DATA))
    train, test = load("mnist", "train"), load("mnist", "test")
    assert isinstance(train.X, np.ndarray)
    assert train.X.shape == (60_000, 28, 28)
    assert (train.X.dtype, train.X.min(), train.X.max()) == (np.float32, 0, 1)
    assert train.y is not None
    assert train.y[:5].tolist() == [5, 0, 4, 1, 9]
    assert len(test) == 10_000
    assert len(load("basic-motions", "train")) == 40
