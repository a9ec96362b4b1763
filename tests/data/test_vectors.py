"""Files of word vectors: what is written is read, and what is hostile is refused."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from reliability.mutate import mutate
from unrolled.data import DataError
from unrolled.data.vectors import read_vectors, write_vectors
from unrolled.data.vocabulary import Vocabulary

WORDS = ["the", "naïve", "東京", "new-york", "a"]
MATRIX = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)


@pytest.mark.parametrize("name", ["v.txt", "v.vec", "v.bin"])
def test_what_is_written_is_read(tmp_path, name: str) -> None:
    write_vectors(tmp_path / name, Vocabulary(WORDS), MATRIX)
    vocabulary, matrix = read_vectors(tmp_path / name)
    assert vocabulary.words == WORDS
    assert np.array_equal(matrix, MATRIX)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_projector(tmp_path) -> None:
    write_vectors(tmp_path / "v.tsv", Vocabulary(WORDS), MATRIX)
    assert (tmp_path / "v.metadata.tsv").read_text(encoding="utf-8").splitlines() == WORDS
    assert np.array_equal(np.loadtxt(tmp_path / "v.tsv", np.float32, delimiter="\t"), MATRIX)


def test_a_word2vec_file_has_line_breaks(tmp_path) -> None:
    rows = b"".join(w.encode() + b" " + row.tobytes() + b"\n" for w, row in zip(WORDS, MATRIX, strict=True))
    (tmp_path / "v.bin").write_bytes(b"5 7\n" + rows)
    vocabulary, matrix = read_vectors(tmp_path / "v.bin")
    assert vocabulary.words == WORDS
    assert np.array_equal(matrix, MATRIX)


def test_a_file_without_a_first_line(tmp_path) -> None:
    (tmp_path / "glove.txt").write_text("a 1 2.5\nb -1e-3 4\n")
    vocabulary, matrix = read_vectors(tmp_path / "glove.txt")
    assert vocabulary.words == ["a", "b"]
    assert matrix.tolist() == [[1, 2.5], [np.float32(-1e-3), 4]]


def test_a_word_that_comes_twice_counts_once(tmp_path) -> None:
    (tmp_path / "v.txt").write_text("3 1\na 1\nb 2\na 3\n")
    vocabulary, matrix = read_vectors(tmp_path / "v.txt")
    assert vocabulary.words == ["a", "b"]
    assert matrix.tolist() == [[1], [2]]


HUGE = b"99999999999 300\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty file"),
        (HUGE + b"a 1 2 3\n", "says it holds 99999999999 vectors"),
        (b"2 999999999\na 1\n", "says it holds"),
        (b"0 3\n", "says it holds 0 vectors"),
        (b"2 0\na\nb\n", "says it holds"),
        (b"3 2\na 1 2\nb 3 4\n", "expected 3 vectors.* found 2"),
        (b"1 2\na 1 2\nb 3 4\n", "no more than the 1 vectors"),
        (b"2 2\na 1 2\nb 3 x\n", "line 3: expected a word and 2 numbers"),
        (b"2 2\na 1 2\nb 3 nan\n", "line 3: expected finite numbers"),
        (b"2 2\na 1 2\nb 1e99 1\n", "line 3: expected"),
        (b"2 2\na 1 2\nb 3\n", "line 3: expected a word"),
        (b"2 2\na " + MATRIX[0, :2].tobytes() + b"b 123456", "vector 2"),
        (b"2 2\na " + MATRIX[0, :2].tobytes() + b"b" * 11, "vector 2"),
        (b"1 2\n\xff\xfe " + MATRIX[0, :2].tobytes(), "UTF-8"),
        (b"1 2\na " + np.array([1, np.nan], np.float32).tobytes(), "finite"),
        (b"1 2\na " + MATRIX[0, :4].tobytes(), "holds more than"),
        (b"just words\n", "line 1"),
    ],
)
def test_hostile_files(tmp_path, content: bytes, told: str) -> None:
    (tmp_path / "v").write_bytes(content)
    with pytest.raises(DataError, match=told):
        read_vectors(tmp_path / "v")


def test_no_file(tmp_path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_vectors(tmp_path / "none.bin")


@pytest.mark.parametrize("ending", ["txt", "bin"])
def test_every_truncation_is_refused(tmp_path, ending: str) -> None:
    path = tmp_path / f"v.{ending}"
    write_vectors(path, Vocabulary(WORDS), MATRIX)
    whole = path.read_bytes()
    # The last number of a text file may lose digits without anyone being able to tell.
    last = len(whole) - (len(whole.rsplit(b" ", 1)[1]) if ending == "txt" else 0)
    for size in range(last):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError):
            read_vectors(path)


@pytest.mark.parametrize("ending", ["txt", "bin"])
def test_mutations_are_read_or_refused(tmp_path, ending: str) -> None:
    path = tmp_path / f"v.{ending}"
    write_vectors(path, Vocabulary(WORDS), MATRIX)
    whole, random, refused = path.read_bytes(), Random(0), 0
    for _ in range(500):
        path.write_bytes(mutate(whole, random))
        try:
            vocabulary, matrix = read_vectors(path)
        except DataError:
            refused += 1
            continue
        assert len(vocabulary) == len(matrix)
        assert np.isfinite(matrix).all()
    assert 50 < refused < 500


def test_words_with_spaces_are_not_written(tmp_path) -> None:
    with pytest.raises(ValueError, match="'new york'"):
        write_vectors(tmp_path / "v.txt", Vocabulary(["new york", *WORDS[1:]]), MATRIX)
    assert list(tmp_path.iterdir()) == []
