"""The kernel cache on disk changes nothing but speed, whatever happens to it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from unrolled.compiler import disk

KEY, OTHER, CODE = "a" * 64, "b" * 64, b"machine code" * 100


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path / "kernels"))
    return tmp_path / "kernels"


def test_what_is_written_is_read(cache: Path) -> None:
    assert disk.read(KEY) is None
    disk.write(KEY, CODE)
    assert disk.read(KEY) == CODE
    assert [path.name for path in cache.iterdir()] == [KEY]


def test_what_was_used_longest_ago_makes_room(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "MOST", 4)
    keys = [digit * 64 for digit in "01234"]
    cache.mkdir()
    (cache / "notes").write_text("another's")
    (cache / ".kernel-killed").write_text("half")
    os.utime(cache / "notes", (0, 0))
    os.utime(cache / ".kernel-killed", (1, 1))
    for age, key in enumerate(keys[:3]):
        disk.write(key, CODE)
        os.utime(cache / key, (10 + age, 10 + age))
    assert disk.read(keys[0]) == CODE
    disk.write(keys[3], CODE)
    assert {path.name for path in cache.iterdir()} == {"notes", keys[0], keys[2], keys[3]}
    disk.write(keys[4], CODE)
    assert len(list(cache.iterdir())) == 5


def test_every_truncation_and_flipped_bit_is_noticed(cache: Path) -> None:
    disk.write(KEY, CODE)
    whole = (cache / KEY).read_bytes()
    for length in range(len(whole)):
        (cache / KEY).write_bytes(whole[:length])
        assert disk.read(KEY) is None
    for place in range(len(whole)):
        (cache / KEY).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert disk.read(KEY) is None


def test_files_exchanged_between_keys_are_noticed(cache: Path) -> None:
    disk.write(KEY, CODE)
    (cache / KEY).rename(cache / OTHER)
    assert disk.read(OTHER) is None


@pytest.mark.skipif(os.name != "posix", reason="looks at permissions as POSIX has them")
@pytest.mark.parametrize("harm", ["writable by all", "pipe", "another user's"])
def test_what_another_user_may_have_written_is_not_run(cache: Path, harm: str) -> None:
    disk.write(KEY, CODE)
    if harm == "writable by all":
        (cache / KEY).chmod(0o666)
    elif harm == "pipe":
        (cache / KEY).unlink()
        os.mkfifo(cache / KEY)
    elif os.geteuid() == 0:
        os.chown(cache / KEY, 12345, 12345)
    else:
        pytest.skip("only root can give files away")
    assert disk.read(KEY) is None


def test_a_folder_that_cannot_be_written_is_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path / "file" / "kernels"))
    disk.write(KEY, CODE)
    assert disk.read(KEY) is None


def test_a_full_disk_leaves_nothing_behind(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    disk.write(KEY, CODE)
    assert list(cache.iterdir()) == []


def test_many_writers_at_once(cache: Path) -> None:
    threads = [threading.Thread(target=disk.write, args=(KEY, CODE)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert disk.read(KEY) == CODE
    assert [path.name for path in cache.iterdir()] == [KEY]


def test_another_process_uses_and_survives_what_it_finds(cache: Path) -> None:
    code = (
        "import torch, unrolled; from unrolled import cells; torch.manual_seed(0);"
        "print(unrolled.unroll(cells.GRU(2, 3), torch.randn(2, 4, 2), backend='cpu')[0].sum().item())"
    )

    def run() -> str:
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
        ).stdout

    first = run()
    files = {path: path.stat().st_ino for path in cache.iterdir()}
    assert len(files) == 2  # the cell, and the packing of matrices
    assert run() == first
    assert {path: path.stat().st_ino for path in cache.iterdir()} == files
    for path in files:
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert run() == first
