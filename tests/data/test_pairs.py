"""Pairs of sentences: from files, lists, plain or compressed, and what is said when they do not fit."""

import bz2
import gzip
import lzma
from pathlib import Path

import pytest

from unrolled.data import DataError, Pairs

SOURCE, TARGET = ["A dog.", "", "Two  men\u2028here"], ["Un chien.", "Rien", "Deux hommes"]
WANTED = list(zip(SOURCE, TARGET, strict=True))


@pytest.mark.parametrize(
    "pack", [lambda text: text, gzip.compress, bz2.compress, lzma.compress], ids=["plain", "gzip", "bzip2", "xz"]
)
def test_two_aligned_files(tmp_path: Path, pack) -> None:
    for name, lines in (("en", SOURCE), ("fr", TARGET)):
        (tmp_path / name).write_bytes(pack("\n".join(lines).encode()))
    pairs = Pairs(tmp_path / "en", str(tmp_path / "fr"))
    assert list(pairs) == WANTED
    assert list(pairs) == WANTED


def test_line_ends_of_other_systems_and_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "en").write_bytes("\ufeffa\r\nb\r\n".encode())
    (tmp_path / "fr").write_bytes(b"c\nd\n")
    assert list(Pairs(tmp_path / "en", tmp_path / "fr")) == [("a", "c"), ("b", "d")]


def test_tab_separated_values(tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text("a dog\tun chien\tCC-BY 2.0 (tatoeba)\n\ntwo\tdeux\n", encoding="utf-8")
    assert list(Pairs(tmp_path / "pairs.tsv")) == [("a dog", "un chien"), ("two", "deux")]


def test_lists_and_what_iterates_once() -> None:
    assert list(Pairs(SOURCE, TARGET)) == WANTED
    assert list(Pairs(WANTED)) == WANTED
    once = Pairs(iter(SOURCE), (line for line in TARGET))
    assert list(once) == list(once) == WANTED


@pytest.mark.parametrize(
    ("source", "target", "told"),
    [
        (["a", "b"], ["c"], "target: expected a sentence for each of source, found only 1"),
        (["a"], ["c", "d"], "source: expected a sentence for each of target, found only 1"),
        (["a", 3], ["c", "d"], r"source\[1\]: expected text, found int"),
        (["a", "b"], None, r"source\[0\]: expected a pair"),
        ([("a", None)], None, r"source\[0\]\[1\]: expected text, found NoneType"),
        ("/no/such/file", "/none/here", "source: no such file: /no/such/file"),
        (3, ["a"], "source: expected a file or a list of sentences, found int"),
    ],
)
def test_what_does_not_fit_is_named(source, target, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        list(Pairs(source, target))


def test_files_that_are_not_aligned(tmp_path: Path) -> None:
    (tmp_path / "en").write_text("a\nb\n")
    (tmp_path / "fr").write_text("c\n")
    with pytest.raises(DataError, match=r"found only 1; are these files aligned"):
        list(Pairs(tmp_path / "en", tmp_path / "fr"))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"no tab here\n", "line 1: expected source and target with a tab"),
        (b"a\tb\n\xff\xfe\tc\n", "line 2: expected UTF-8"),
        (b"x" * (2**20 + 2), "line 1: longer than"),
        (gzip.compress(b"a\tb\n" * 100, mtime=0)[:-9], "damaged"),
    ],
)
def test_damaged_files(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "pairs").write_bytes(content)
    with pytest.raises(DataError, match=told):
        list(Pairs(tmp_path / "pairs"))


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unrolled.data.text.UNPACKED_BYTES", 2**20)
    (tmp_path / "bomb.xz").write_bytes(lzma.compress(b"a\tb\n" * 2**20))
    with pytest.raises(DataError, match="unpacks to more"):
        for _ in Pairs(tmp_path / "bomb.xz"):
            pass
