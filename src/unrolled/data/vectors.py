"""Word vectors in the formats of word2vec and gensim, and of the TensorBoard projector; files may be hostile."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from unrolled.checks import as_path
from unrolled.data.errors import DataError
from unrolled.data.vocabulary import Vocabulary

Matrix = NDArray[np.float32]

TEXT, BINARY, PROJECTOR = (".txt", ".vec"), (".bin",), (".tsv",)
# No word is longer, no number takes more characters, and no vector is wider.
LONGEST_WORD, LONGEST_NUMBER, WIDEST = 4096, 48, 65_536
HEADER = 64


def read_vectors(path: str | Path) -> tuple[Vocabulary, Matrix]:
    """Reads word2vec's text format (GloVe's, which has no first line, too) or its binary one.

    Which of them it is shows in the file itself. A word that comes twice counts once, as it was first.

    Returns:
        The vocabulary, in the file's order, with counts that fall from first to last, as files have none; and the
        vectors (words, dim).

    Raises:
        DataError: the file cannot be read, is cut short, or does not hold what its first line says.
    """
    path = as_path("path", path)
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise DataError(f"{path}: expected word vectors, found an empty file")
            header = _header(file.readline(HEADER))
            start = file.tell()
            if header is None:
                file.seek(0)
                words, matrix = _read_text(path, file, None, None)
            else:
                rows, dim = header
                least = rows * (dim * 2 + 1)
                if not 0 < dim <= WIDEST or rows < 1 or least > size:
                    raise DataError(f"{path}: says it holds {rows} vectors of {dim} numbers, which {size} bytes cannot")
                if _is_text(file.read(LONGEST_WORD + dim * LONGEST_NUMBER), dim):
                    file.seek(start)
                    words, matrix = _read_text(path, file, rows, dim)
                else:
                    if rows * (dim * 4 + 2) > size:
                        raise DataError(
                            f"{path}: expected {rows} vectors of {dim} numbers, found {size} bytes: cut short"
                        )
                    words, matrix = _read_binary(path, file, start, rows, dim)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    first: dict[str, int] = {}
    for place, word in enumerate(words):
        first.setdefault(word, place)
    if len(first) < len(words):
        matrix = matrix[list(first.values())]
    return Vocabulary(list(first), np.arange(len(first), 0, -1)), matrix


def write_vectors(path: str | Path, vocabulary: Vocabulary, matrix: Matrix) -> None:
    """Writes vectors in the format that the path's ending names; an earlier file is replaced as a whole.

    Raises:
        ValueError: the path ends in none of .txt, .vec, .bin and .tsv, or a word has a space in it.
        OSError: it cannot be written.
    """
    path = as_path("path", path)
    ending = path.suffix.lower()
    if ending not in TEXT + BINARY + PROJECTOR:
        raise ValueError(f"path: expected a file that ends in .txt, .vec, .bin or .tsv, found {path.name!r}")
    rows = np.ascontiguousarray(matrix, np.float32)
    spaced = next((word for word in vocabulary if not word or any(map(str.isspace, word))), None)
    if spaced is not None:
        raise ValueError(f"words: expected words without spaces in them, found {spaced!r}, which no format can hold")

    def write(file: BinaryIO) -> None:
        if ending in PROJECTOR:
            file.writelines(row.encode() for row in _lines(rows, "\t"))
            return
        file.write(f"{rows.shape[0]} {rows.shape[1]}\n".encode())
        if ending in BINARY:
            file.writelines(w.encode() + b" " + row.tobytes() for w, row in zip(vocabulary, rows, strict=True))
        else:
            file.writelines(f"{word} {row}".encode() for word, row in zip(vocabulary, _lines(rows, " "), strict=True))

    _write(path, write)
    if ending in PROJECTOR:
        names = "".join(f"{word}\n" for word in vocabulary).encode()
        _write(path.with_suffix(".metadata.tsv"), lambda file: file.write(names))


def _lines(rows: Matrix, between: str) -> Iterator[str]:
    # Nine digits give the same float32 again.
    form = between.join(["%.9g"] * rows.shape[1]) + "\n"
    return (form % tuple(row.tolist()) for row in rows)


def _write(path: Path, write: Callable[[BinaryIO], object]) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.new-")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


def _header(line: bytes) -> tuple[int, int] | None:
    parts = line.split()
    if len(parts) == 2 and all(part.isdigit() for part in parts):
        return int(parts[0]), int(parts[1])
    return None


def _is_text(start: bytes, dim: int) -> bool:
    """Whether the first vector is written in characters."""
    try:
        fields = start.split(b"\n", 1)[0].split()[-dim:]
        return (
            len(fields) == dim
            and all(len(field) <= LONGEST_NUMBER for field in fields)
            and bool([float(field) for field in fields])
        )
    except ValueError:
        return False


def _read_text(path: Path, file: BinaryIO, rows: int | None, dim: int | None) -> tuple[list[str], Matrix]:
    words: list[str] = []
    found: list[Matrix] = []
    limit = LONGEST_WORD + (dim or WIDEST) * LONGEST_NUMBER
    for number in count(1 if rows is None else 2):
        line = file.readline(limit)
        if not line.strip():
            break
        place = f"{path}, line {number}"
        if rows is not None and len(words) == rows:
            raise DataError(f"{place}: expected no more than the {rows} vectors that the first line says")
        parts = line.rstrip().split(b" ") if b"\t" not in line else line.split()
        dim = len(parts) - 1 if dim is None else dim
        if dim < 1 or len(parts) <= dim:
            raise DataError(f"{place}: expected a word and {max(1, dim)} numbers, found {len(parts)} fields")
        try:
            words.append(b" ".join(parts[:-dim]).decode())
            with np.errstate(over="ignore"):
                vector = np.array(parts[-dim:], dtype=np.float32)
        except (UnicodeDecodeError, ValueError) as error:
            raise DataError(f"{place}: expected a word and {dim} numbers: {error}") from error
        found.append(_finite(vector, place))
        limit = LONGEST_WORD + dim * LONGEST_NUMBER
    if rows is not None and len(words) < rows:
        raise DataError(f"{path}: expected {rows} vectors, as the first line says, found {len(words)}: cut short")
    if not words:
        raise DataError(f"{path}: expected word vectors, found none")
    return words, np.stack(found)


def _read_binary(path: Path, file: BinaryIO, start: int, rows: int, dim: int) -> tuple[list[str], Matrix]:
    words, matrix = [], np.empty((rows, dim), np.float32)
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = start
        for row in range(rows):
            place = f"{path}, vector {row + 1}"
            space = content.find(b" ", at, at + LONGEST_WORD)
            if space < 0 or space + 1 + 4 * dim > len(content):
                raise DataError(f"{place}: expected a word and {dim} numbers, found the end of the file or no word")
            try:
                # The word2vec program ends every vector with a line break, gensim does not.
                words.append(content[at:space].lstrip(b"\n").decode())
            except UnicodeDecodeError as error:
                raise DataError(f"{place}: expected a word in UTF-8, found {error.reason}") from error
            at = space + 1 + 4 * dim
            matrix[row] = np.frombuffer(content[space + 1 : at], "<f4")
            _finite(matrix[row], place)
        if content[at:].strip(b"\n"):
            raise DataError(f"{path}: holds more than the {rows} vectors that its first line says")
    return words, matrix


def _finite(vector: Matrix, place: str) -> Matrix:
    if not np.isfinite(vector).all():
        raise DataError(f"{place}: expected finite numbers that float32 can hold")
    return vector
