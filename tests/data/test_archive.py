import stat
import zipfile
from pathlib import Path

import pytest

from unrolled.data import DataError
from unrolled.data.archive import unpack


def archive_of(folder: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    path = folder / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "inner" / "target"
    folder.mkdir(parents=True)
    return folder


def everything(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_members_named_are_unpacked(tmp_path: Path, target: Path) -> None:
    archive = archive_of(tmp_path, ("text", b"abc"), ("folder/more", b"defg"), ("unasked", b"h"))
    unpack(archive, target, {"text": 3, "folder/more": 4})
    assert everything(target) == ["folder", "folder/more", "text"]
    assert (target / "folder/more").read_bytes() == b"defg"


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../escaped", "'../escaped' would lie outside the folder"),
        ("a/../../escaped", "would lie outside the folder"),
        ("/tmp/escaped", "'/tmp/escaped' would lie outside the folder"),
        ("..\\escaped", "would lie outside the folder"),
        ("C:escaped", "would lie outside the folder"),
        (link(), "'link' is a link or a device, expected files alone"),
    ],
)
def test_hostile_members(tmp_path: Path, target: Path, name: str | zipfile.ZipInfo, message: str) -> None:
    archive = archive_of(tmp_path, ("text", b"abc"), (name, b"/etc/passwd"))
    before = everything(tmp_path)
    with pytest.raises(DataError, match=message.replace("\\", "\\\\")):
        unpack(archive, target, {"text": 3})
    assert everything(tmp_path) == before


def test_a_bomb_is_larger_than_declared(tmp_path: Path, target: Path) -> None:
    archive = archive_of(tmp_path, ("text", bytes(10_000_000)))
    with pytest.raises(DataError, match="expected text of 3 bytes, found 10000000 bytes"):
        unpack(archive, target, {"text": 3})
    assert everything(target) == []


def test_a_bomb_that_lies_about_its_size(tmp_path: Path, target: Path) -> None:
    archive = archive_of(tmp_path, ("text", bytes(10_000_000)))
    content = archive.read_bytes()
    archive.write_bytes(content.replace((10_000_000).to_bytes(4, "little"), (3).to_bytes(4, "little")))
    with pytest.raises(DataError, match="cannot be unpacked: Bad CRC-32"):
        unpack(archive, target, {"text": 3})
    assert everything(target) == []


@pytest.mark.parametrize(("members", "found"), [([], "nothing"), ([("other", b"abc")], "other")])
def test_members_that_are_not_there(tmp_path: Path, target: Path, members: list[tuple[str, bytes]], found: str) -> None:
    with pytest.raises(DataError, match=f"expected text of 3 bytes, found {found}"):
        unpack(archive_of(tmp_path, *members), target, {"text": 3})


def test_every_truncation_is_refused(tmp_path: Path, target: Path) -> None:
    content = archive_of(tmp_path, ("text", b"abc" * 20)).read_bytes()
    for size in range(len(content)):
        (tmp_path / "a.zip").write_bytes(content[:size])
        with pytest.raises(DataError):
            unpack(tmp_path / "a.zip", target, {"text": 60})
    assert everything(target) == []


def test_every_flipped_byte_unpacks_right_or_not_at_all(tmp_path: Path, target: Path) -> None:
    content = archive_of(tmp_path, ("text", b"abc" * 20)).read_bytes()
    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at] ^= 0xFF
        (tmp_path / "a.zip").write_bytes(damaged)
        try:
            unpack(tmp_path / "a.zip", target, {"text": 60})
        except DataError:
            assert everything(target) == []
        else:
            assert everything(target) == ["text"]
            assert (target / "text").read_bytes() == b"abc" * 20
            (target / "text").unlink()


def test_no_archive(tmp_path: Path, target: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"no")
    with pytest.raises(DataError, match="cannot be unpacked: File is not a zip file"):
        unpack(tmp_path / "a.zip", target, {"text": 3})
