import gzip
import hashlib
import io
import logging
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.data.conftest import FileServer
from unrolled.data import DataError, DataSet, datasets, fetch
from unrolled.data.dataset import File
from unrolled.data.fetch import whereabouts

TRAIN, TEST = b"train " * 1000, b"test " * 1000
SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"


def file(name: str, content: bytes, *urls: str) -> File:
    return File(name, hashlib.sha256(content).hexdigest(), len(content), urls)


@pytest.fixture
def toy(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> DataSet:
    """A data set of two files, one of them gzip, that the server has."""
    server.contents |= {"train.txt.gz": gzip.compress(TRAIN), "test.txt": TEST}
    files = (
        file("train.txt.gz", TRAIN, server.url("train.txt.gz")),
        file("test.txt", TEST, server.url("gone/test.txt"), server.url("test.txt")),
    )
    dataset = DataSet("toy", "text", "a toy", "here", "none", "toy_folder", files)
    monkeypatch.setitem(datasets, "toy", dataset)
    monkeypatch.delenv("UNROLLED_DATA", raising=False)
    return dataset


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


@pytest.mark.usefixtures("toy")
def test_fetched_once(server: FileServer, tmp_path: Path) -> None:
    assert whereabouts("toy", cache=tmp_path) is None
    folder = fetch("toy", cache=tmp_path)
    assert folder == tmp_path / "toy_folder" == whereabouts("toy", cache=tmp_path)
    assert names(folder) == ["test.txt", "train.txt.gz"]
    assert (folder / "test.txt").read_bytes() == TEST
    assert [path for path, _ in server.requests] == ["train.txt.gz", "gone/test.txt", "test.txt"]
    fetch("toy", cache=tmp_path)
    assert len(server.requests) == 3


@pytest.mark.usefixtures("toy")
def test_a_damaged_file_in_the_cache_is_fetched_again(server: FileServer, tmp_path: Path) -> None:
    folder = fetch("toy", cache=tmp_path)
    (folder / "train.txt.gz").write_bytes(gzip.compress(TRAIN)[:-5])
    fetch("toy", cache=tmp_path)
    assert gzip.decompress((folder / "train.txt.gz").read_bytes()) == TRAIN


@pytest.mark.usefixtures("toy")
def test_a_wrong_hash_leaves_nothing(server: FileServer, tmp_path: Path) -> None:
    server.contents["train.txt.gz"] = gzip.compress(TEST)
    with pytest.raises(DataError, match=r"train\.txt\.gz"):
        fetch("toy", cache=tmp_path)
    assert names(tmp_path / "toy_folder") == []


@pytest.mark.usefixtures("toy")
def test_a_cut_download_goes_on(server: FileServer, tmp_path: Path) -> None:
    server.cuts = [10] + [0] * 4
    with pytest.raises(DataError, match="10 bytes are kept"):
        fetch("toy", cache=tmp_path)
    assert names(tmp_path / "toy_folder") == ["train.txt.gz.part"]
    fetch("toy", cache=tmp_path)
    assert ("train.txt.gz", "bytes=10-") in server.requests
    assert names(tmp_path / "toy_folder") == ["test.txt", "train.txt.gz"]


@pytest.mark.usefixtures("toy")
def test_fetched_by_many_at_once(server: FileServer, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        folders = set(threads.map(lambda _: fetch("toy", cache=tmp_path), range(8)))
    assert folders == {tmp_path / "toy_folder"}
    assert len(server.requests) == 3


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("folder", ["toy_folder", "toy", "."])
def test_the_users_folder_is_looked_in_first(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    own = tmp_path / "own" / folder
    own.mkdir(parents=True)
    (own / "train.txt.gz").write_bytes(gzip.compress(TRAIN, 1))
    monkeypatch.setenv("UNROLLED_DATA", str(tmp_path / "own"))
    assert fetch("toy", cache=tmp_path / "cache") == tmp_path / "cache" / "toy_folder"
    (own / "test.txt").write_bytes(TEST)
    assert fetch("toy", cache=tmp_path / "none") == own
    assert not (tmp_path / "none").exists()
    (own / "test.txt").write_bytes(TRAIN)
    with pytest.raises(DataError, match=r"test\.txt: holds more than the 5000 bytes expected of test\.txt"):
        fetch("toy", cache=tmp_path / "none")


def test_archives_are_unpacked_into_the_cache(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("text", TRAIN)
    server.contents["a.zip"] = packed.getvalue()
    digest = hashlib.sha256(packed.getvalue()).hexdigest()
    zipped = File("a.zip", digest, len(packed.getvalue()), (server.url("a.zip"),), (("text", len(TRAIN)),))
    dataset = DataSet("zipped", "text", "a toy", "here", "none", "zipped", (zipped,))
    assert dataset.size == len(TRAIN)
    monkeypatch.setitem(datasets, "zipped", dataset)
    monkeypatch.delenv("UNROLLED_DATA", raising=False)
    folder = fetch("zipped", cache=tmp_path)
    assert (folder / "text").read_bytes() == TRAIN
    (folder / "text").write_bytes(b"half")
    assert (fetch("zipped", cache=tmp_path) / "text").read_bytes() == TRAIN

    own = tmp_path / "own"
    own.mkdir()
    (own / "a.zip").write_bytes(packed.getvalue())
    monkeypatch.setenv("UNROLLED_DATA", str(own))
    assert (fetch("zipped", cache=tmp_path / "second") / "text").read_bytes() == TRAIN
    assert names(own) == ["a.zip"]
    assert names(tmp_path / "second" / "zipped") == ["text"]


@pytest.mark.usefixtures("toy")
def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(DataError, match="cannot be written"):
        fetch("toy", cache=tmp_path / "cache")


@pytest.mark.usefixtures("toy")
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(DataError, match="cannot be written: No space left on device"):
        fetch("toy", cache=tmp_path)
    assert names(tmp_path / "toy_folder") == ["train.txt.gz.part"]


def test_the_default_cache_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy: DataSet) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert fetch("toy") == tmp_path / "unrolled" / toy.folder


@pytest.mark.usefixtures("toy")
def test_nothing_is_logged(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("pooch").setLevel("INFO")
    fetch("toy", cache=tmp_path)
    assert capfd.readouterr() == ("", "")


def test_embedded_sets_need_nothing(tmp_path: Path) -> None:
    for name in ("digits", "japanese-vowels", "airline"):
        assert fetch(name, cache=tmp_path) == whereabouts(name)
    assert not list(tmp_path.iterdir())


def test_unknown_names(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no data set 'text9'; did you mean text8"):
        fetch("text9")


@pytest.mark.slow
@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="needs the development data, ../shared/data")
@pytest.mark.parametrize("name", [name for name in datasets if name != "text8"])
def test_development_data_is_what_the_registry_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLLED_DATA", str(SHARED_DATA))
    dataset = datasets[name]
    assert dataset.embedded or fetch(name) == SHARED_DATA / dataset.folder
