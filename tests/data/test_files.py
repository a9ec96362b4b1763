import gzip
import os
from pathlib import Path

import pytest

from unrolled.data import DataError
from unrolled.data.files import UNPACKED_TEXT_BYTES, lines, reading


def test_lines_of_plain_and_gzip(tmp_path: Path) -> None:
    content = "\ufeffone\r\ntwo\n\nvier: ä".encode()
    (tmp_path / "plain").write_bytes(content)
    (tmp_path / "packed").write_bytes(gzip.compress(content))
    for name in ("plain", "packed"):
        assert list(lines(tmp_path / name)) == [(1, "one\r\n"), (2, "two\n"), (3, "\n"), (4, "vier: ä")]


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "latin"
    path.write_bytes(b"one\n\xe4\n")
    with pytest.raises(DataError, match=r"latin, line 2: expected UTF-8 text"):
        list(lines(path))


@pytest.mark.parametrize("cut", [5, 12, -9, -4, -1])
def test_truncated_gzip(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(os.urandom(1000), mtime=0)[:cut])
    with pytest.raises(DataError, match=r"a\.gz"):
        list(lines(path))


def test_gzip_bomb_of_one_line(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"1," * UNPACKED_TEXT_BYTES))
    with pytest.raises(DataError, match=f"line 1: unpacks to more than {UNPACKED_TEXT_BYTES} bytes"):
        list(lines(path))


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path, message in (
        (tmp_path / "none", "no such file"),
        (tmp_path, "not a regular file"),
        (tmp_path / "fifo", "not a regular file"),
        (tmp_path / ("x" * 300), "cannot be read: File name too long"),
        (Path("nul\0"), "no such file"),
    ):
        with pytest.raises(DataError, match=message), reading(path):
            pass


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"1")

    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match="secret: cannot be read: Permission denied"), reading(path):
        pass
