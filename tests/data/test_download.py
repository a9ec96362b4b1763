import gzip
import hashlib
import socket
from pathlib import Path

import pytest

from tests.data.conftest import FileServer
from unrolled.data import DataError
from unrolled.data.dataset import File
from unrolled.data.download import ATTEMPTS, Download

CONTENT = bytes(range(256)) * 2000


def expected(content: bytes = CONTENT, name: str = "a.bin") -> File:
    return File(name, hashlib.sha256(content).hexdigest(), len(content))


def download(server: FileServer, folder: Path, file: File | None = None) -> bytes:
    output = folder / "output"
    Download(file or expected(), folder / "a.part")(server.url("a.bin"), str(output))
    assert not (folder / "a.part").exists()
    return output.read_bytes()


def test_a_file_arrives(server: FileServer, tmp_path: Path) -> None:
    server.contents["a.bin"] = CONTENT
    seen: list[tuple[str, int, int | None]] = []
    file = expected()
    Download(file, tmp_path / "a.part", lambda *news: seen.append(news))(server.url("a.bin"), str(tmp_path / "a"))
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert seen[-1] == ("a.bin", len(CONTENT), len(CONTENT))
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_a_cut_connection_is_gone_on_with(server: FileServer, tmp_path: Path) -> None:
    server.contents["a.bin"] = CONTENT
    server.cuts = [100_000, 0, 50_000]
    assert download(server, tmp_path) == CONTENT
    assert [wanted for _, wanted in server.requests] == [None, "bytes=100000-", "bytes=100000-", "bytes=150000-"]


def test_a_later_call_goes_on(server: FileServer, tmp_path: Path) -> None:
    server.contents["a.bin"] = CONTENT
    server.cuts = [1000] + [0] * (ATTEMPTS - 1)
    with pytest.raises(DataError, match=f"cut, {ATTEMPTS} times; 1000 bytes are kept, call again to go on"):
        download(server, tmp_path)
    assert (tmp_path / "a.part").read_bytes() == CONTENT[:1000]
    assert not (tmp_path / "output").exists()
    assert download(server, tmp_path) == CONTENT
    assert server.requests[-1] == ("a.bin", "bytes=1000-")


def test_a_server_that_knows_no_ranges(server: FileServer, tmp_path: Path) -> None:
    server.contents["a.bin"] = CONTENT
    server.ranges = False
    server.cuts = [1000]
    assert download(server, tmp_path) == CONTENT


def test_a_server_that_tells_no_length(server: FileServer, tmp_path: Path) -> None:
    server.contents["a.bin"] = CONTENT
    server.tells_length = False
    assert download(server, tmp_path) == CONTENT


def test_all_was_kept_already(server: FileServer, tmp_path: Path) -> None:
    server.contents["a.bin"] = CONTENT
    (tmp_path / "a.part").write_bytes(CONTENT)
    assert download(server, tmp_path) == CONTENT


@pytest.mark.parametrize("kept", [b"old" * 100, b"old" * len(CONTENT)])
def test_what_was_kept_is_of_another_version(server: FileServer, tmp_path: Path, kept: bytes) -> None:
    server.contents["a.bin"] = CONTENT
    (tmp_path / "a.part").write_bytes(kept)
    assert download(server, tmp_path) == CONTENT
    assert server.requests[-1] == ("a.bin", None)


def test_another_content_is_refused(server: FileServer, tmp_path: Path) -> None:
    server.contents["a.bin"] = CONTENT[:-1] + b"\0"
    with pytest.raises(DataError, match=r"its content has the sha256 .* expected"):
        download(server, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("tells_length", [True, False])
def test_more_than_expected_is_not_stored(server: FileServer, tmp_path: Path, tells_length: bool) -> None:
    server.contents["a.bin"] = CONTENT * 20
    server.tells_length = tells_length
    with pytest.raises(DataError, match=f"is larger than the {len(CONTENT)} bytes expected"):
        download(server, tmp_path)
    assert not list(tmp_path.iterdir())


def test_gzip_is_verified_by_what_it_holds(server: FileServer, tmp_path: Path) -> None:
    for level in (0, 1, 9):
        server.contents["a.bin"] = gzip.compress(CONTENT, level)
        assert gzip.decompress(download(server, tmp_path, expected(name="a.gz"))) == CONTENT


def test_a_gzip_bomb_is_refused(server: FileServer, tmp_path: Path) -> None:
    server.contents["a.bin"] = gzip.compress(bytes(100_000_000))
    with pytest.raises(DataError, match=f"holds more than the {len(CONTENT)} bytes expected"):
        download(server, tmp_path, expected(name="a.gz"))
    assert not list(tmp_path.iterdir())


def test_a_server_with_trouble_is_asked_again(server: FileServer, tmp_path: Path) -> None:
    server.contents["a.bin"] = CONTENT
    server.statuses = [503, 500]
    assert download(server, tmp_path) == CONTENT


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (503, ATTEMPTS)])
def test_a_server_that_refuses(server: FileServer, tmp_path: Path, status: int, requests: int) -> None:
    server.statuses = [status] * requests
    with pytest.raises(DataError, match=rf"a\.bin: the server answers {status}"):
        download(server, tmp_path)
    assert len(server.requests) == requests
    assert not list(tmp_path.iterdir())


def test_nobody_answers(server: FileServer, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(DataError, match=r"cannot be reached: .*refused"):
        Download(expected(), tmp_path / "a.part")(f"http://127.0.0.1:{port}/a", str(tmp_path / "a"))


def test_a_server_that_falls_silent(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unrolled.data.download.TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr("unrolled.data.download.ATTEMPTS", 2)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(DataError, match=r"timed out, 2 times|cannot be reached: timed out"),
    ):
        Download(expected(), tmp_path / "a.part")(f"http://127.0.0.1:{silent.getsockname()[1]}/a", "")
