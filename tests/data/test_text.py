"""Text files as a stream of sentences."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile

import pytest

from unrolled.data import DataError, text
from unrolled.data.text import TextFiles
from unrolled.data.tokenizer import Tokenizer

TEXT = "The cat's hat.\nÜber 3.5 co-operative dogs!\n\nEnd"
SENTENCES = [["the", "cat's", "hat"], ["über", "3", "5", "co-operative", "dogs"], [], ["end"]]


def zipped(path, content: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inside.txt", content)


WRITERS = {
    "t.txt": lambda path, content: path.write_bytes(content),
    "t.gz": lambda path, content: path.write_bytes(gzip.compress(content)),
    "t.bz2": lambda path, content: path.write_bytes(bz2.compress(content)),
    "t.xz": lambda path, content: path.write_bytes(lzma.compress(content)),
    "t.zip": zipped,
}


@pytest.mark.parametrize("name", WRITERS)
def test_plain_and_compressed(tmp_path, name: str) -> None:
    WRITERS[name](tmp_path / name, TEXT.encode())
    files = TextFiles(tmp_path / name)
    assert list(files) == SENTENCES
    assert list(files) == SENTENCES, "it starts anew"


@pytest.mark.parametrize("block", [1, 2, 7])
def test_blocks_may_cut_anywhere(tmp_path, monkeypatch, block: int) -> None:
    monkeypatch.setattr(text, "BLOCK", block)
    (tmp_path / "t").write_text("über " * 9 + "ende\r\nnächste", encoding="utf-8")
    words = [word for sentence in TextFiles(tmp_path / "t") for word in sentence]
    assert words == ["über"] * 9 + ["ende", "nächste"]


def test_patterns_and_lists(tmp_path) -> None:
    for name in ("b.txt", "a.txt", "c.md"):
        (tmp_path / name).write_text(name[0])
    assert list(TextFiles(str(tmp_path / "*.txt"))) == [["a"], ["b"]]
    assert list(TextFiles([tmp_path / "c.md", tmp_path / "a.txt"])) == [["c"], ["a"]]


def test_a_line_without_an_end_takes_little_memory(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(text, "BLOCK", 1000)
    (tmp_path / "t").write_text("word " * 10_000 + "x" * 100_000 + " last")
    sentences = list(TextFiles(tmp_path / "t"))
    assert max(map(len, sentences)) < 1000
    words = [word for sentence in sentences for word in sentence]
    assert words[:10_000] == ["word"] * 10_000
    assert words[-1] == "last"
    assert max(map(len, words)) <= 3 * text.LONGEST_WORD


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"good \xff bad", "expected UTF-8 text"),
        (b"cut \xc3", "unexpected end"),
        (gzip.compress(b"whole text " * 999, mtime=0)[:-9], "damaged"),
        (b"PK\x03\x04 no archive", "damaged"),
        (lzma.compress(b"x" * 999)[:-20], "damaged"),
    ],
)
def test_damaged_files(tmp_path, content: bytes, told: str) -> None:
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(DataError, match=told):
        list(TextFiles(tmp_path / "t"))


def test_a_bomb_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(text, "UNPACKED_BYTES", 10_000)
    (tmp_path / "t.gz").write_bytes(gzip.compress(b"a " * 100_000))
    with pytest.raises(DataError, match="unpacks to more than"):
        list(TextFiles(tmp_path / "t.gz"))


def test_no_files(tmp_path) -> None:
    with pytest.raises(DataError, match="is a folder"):
        TextFiles(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        TextFiles(tmp_path / "none*.txt")
    with pytest.raises(DataError, match="holds sequences, not text"):
        TextFiles("digits")


def test_two_members_are_not_one_text(tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("a", "x")
        archive.writestr("b", "y")
    with pytest.raises(DataError, match="one text file, found 2"):
        list(TextFiles(tmp_path / "t.zip"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, ["see", "https", "a", "b", "c", "1", "on", "12", "5", "or", "x2"]),
        ({"numbers": True}, ["see", "https", "a", "b", "c", "<number>", "on", "<number>", "or", "x2"]),
        ({"urls": True, "numbers": True}, ["see", "<url>", "on", "<number>", "or", "x2"]),
        ({"lower": False, "urls": True}, ["See", "<url>", "on", "12", "5", "or", "X2"]),
    ],
)
def test_tokens(options: dict, words: list[str]) -> None:
    assert Tokenizer(**options)("See https://a.b/c?1 on 12.5 or X2") == words


def test_clean_text_is_cut_as_other_text_is() -> None:
    assert Tokenizer()("plain clean words") == Tokenizer()("plain, clean; words!")
