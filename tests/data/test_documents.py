"""Text as it is, character by character."""

import gzip
import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unrolled.data import DataError, Documents
from unrolled.data import documents as module


def read(source, **options) -> list[str]:
    return ["".join(blocks) for blocks in Documents(source, **options)]


@given(texts=st.lists(st.text(max_size=30), max_size=4), block=st.integers(1, 8))
def test_texts_come_as_they_are(texts: list[str], block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        assert read(texts) == read(iter(texts)) == texts
        assert [read(text) for text in texts] == [[text] for text in texts]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_files_come_as_they_are(tmp_path, pack) -> None:
    text = "a\r\nb\n\n\x00\u2028é🙂 \ufeff\n"
    path = tmp_path / "file"
    path.write_bytes(pack(b"\xef\xbb\xbf" + text.encode()))
    assert read(path) == [text]
    assert read([path, "x", path]) == [text, "x", text]
    assert [Documents(one).ends for one in (path, "x", ["x"])] == [False, False, True]


def test_lines_are_documents(tmp_path) -> None:
    (tmp_path / "names").write_text("anna\n\nbob\n")
    for source in (tmp_path / "names", "anna\n\nbob\n", ["anna", "bob"]):
        found = Documents(source, lines=True)
        assert found.ends
        assert read(source, lines=True) == ["anna", "bob"]


def test_halves_of_surrogate_pairs_are_replaced() -> None:
    assert read("a\ud800b") == ["a\ufffdb"]


def test_by_name(tmp_path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    assert [*map("".join, Documents.named(tmp_path / "*.txt"))] == ["a.txt", "b.txt"]
    assert not Documents.named(tmp_path / "a.txt").ends
    with pytest.raises(DataError, match="no such file"):
        Documents.named("no-such-name")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (3, "corpus: expected text"),
        (["a", None], r"corpus\[1\]"),
        ([Path("/no/file")], "/no/file"),
        (__file__, "pathlib.Path"),
    ],
)
def test_bad_input_is_named(source, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read(source)


def test_bytes_that_are_no_text(tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"ab\xff")
    with pytest.raises(DataError, match="expected UTF-8"):
        read(tmp_path / "file")
