"""Text files of any length, plain or compressed, as a stream of sentences in little memory."""

from __future__ import annotations

import bz2
import codecs
import glob
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from unrolled.data.dataset import DataSet
from unrolled.data.errors import DataError
from unrolled.data.fetch import fetch
from unrolled.data.registry import datasets
from unrolled.data.tokenizer import Tokenizer

BLOCK = 2**20
# Longer runs without a space are no words; they are dropped, so that a file without spaces takes no memory.
LONGEST_WORD = 1000
# Bytes of a line where a line is a sentence; no sentence is near as long.
LONGEST_LINE = 2**20
# Text packs at most some twenty-fold. What packs far better is a bomb.
UNPACKED_BYTES = 256 * 2**20
UNPACKED_RATIO = 200


class TextFiles:
    """The sentences of text files, lists of words; each iteration reads the files from the start.

    A line is a sentence.

    Args:
        sources: a file, a pattern such as "wiki/*.gz", the name of a text data set, or several of these. Files may
            be gzip, bzip2, xz or zip archives.
        tokenizer: cuts text into words.

    Raises:
        DataError: no file is meant; when iterated, one cannot be read or is not UTF-8.
    """

    def __init__(self, sources: str | Path | Iterable[str | Path], tokenizer: Tokenizer | None = None) -> None:
        named = [sources] if isinstance(sources, (str, Path)) else list(sources)
        self.paths = [path for source in named for path in text_paths(source)]
        self.tokenizer = tokenizer or Tokenizer()

    def __iter__(self) -> Iterator[list[str]]:
        for path in self.paths:
            for line in _pieces(path):
                yield self.tokenizer(line)


def text_lines(path: Path) -> Iterator[str]:
    """The lines of a text file, plain or compressed, without their ends; lines end at a line feed, and there only.

    Raises:
        DataError: the file cannot be read, is not UTF-8, unpacks to too much, or a line is too long for a sentence.
    """
    with _opened(path) as stream:
        limit = max(UNPACKED_BYTES, UNPACKED_RATIO * path.stat().st_size)
        number = done = 0
        while line := stream.readline(LONGEST_LINE + 1):
            number, done = number + 1, done + len(line)
            if len(line) > LONGEST_LINE:
                raise DataError(f"{path}, line {number}: longer than {LONGEST_LINE} bytes; expected a sentence a line")
            if done > limit:
                raise DataError(f"{path}: unpacks to more than {limit} bytes; unpack it first")
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8").removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError as error:
                raise DataError(f"{path}, line {number}: expected UTF-8 text, found {error.reason}") from error


def text_paths(source: str | Path) -> list[Path]:
    """The files that a name means: a file's own, a pattern, or that of a text data set, fetched first if need be.

    Raises:
        DataError: it means no file.
    """
    if str(source) in datasets:
        return _of_dataset(datasets[str(source)])
    path = Path(source)
    if path.is_file():
        return [path]
    found = sorted(Path(name) for name in glob.glob(str(source), recursive=True))  # noqa: PTH207
    files = [one for one in found if one.is_file()]
    if not files:
        what = (
            "is a folder; name the files in it, as in" if path.is_dir() else "no such file, pattern or text data set;"
        )
        hint = f"{path}/*.txt" if path.is_dir() else "see `unrolled data list`"
        raise DataError(f"{source}: {what} {hint}")
    return files


def _of_dataset(dataset: DataSet) -> list[Path]:
    if dataset.kind != "text":
        raise DataError(f"{dataset.name} holds {dataset.kind}, not text")
    folder = fetch(dataset.name)
    names = [name for file in dataset.files for name in ([m for m, _ in file.members] or [file.name])]
    return [folder / name for name in names]


def _pieces(path: Path) -> Iterator[str]:
    """The lines of a file; a line that is longer than a block comes in parts, cut between words."""
    rest = ""
    for block in text_blocks(path):
        lines = (rest + block.replace("\r", "\n")).split("\n")
        rest = lines.pop()
        yield from lines
        if len(rest) > BLOCK:
            cut = max(rest.rfind(" "), rest.rfind("\t"))
            if cut >= 0:
                yield rest[:cut]
                rest = rest[cut + 1 :]
            if len(rest) > LONGEST_WORD:
                # Kept too long to be taken for a word, and no longer.
                rest = rest[: LONGEST_WORD + 1]
    yield rest


def text_blocks(path: Path) -> Iterator[str]:
    """A text file, plain or compressed, in blocks, character by character as it is, but for a byte order mark.

    Raises:
        DataError: the file cannot be read, is not UTF-8, or unpacks to too much.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    done, begun = 0, False
    with _opened(path) as stream:
        packed = path.stat().st_size
        limit = max(UNPACKED_BYTES, UNPACKED_RATIO * packed)
        while block := stream.read(BLOCK):
            try:
                text = decoder.decode(block)
            except UnicodeDecodeError as error:
                raise DataError(f"{path}: expected UTF-8 text, found {error.reason} near byte {done}") from error
            if not begun:
                begun, text = bool(text), text.removeprefix("\ufeff")
            done += len(block)
            if done > limit:
                raise DataError(f"{path}: unpacks to more than {limit} bytes; unpack it first")
            yield text
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: expected UTF-8 text, found {error.reason} at its end") from error


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Opens a file, unpacking on the way what its first bytes say is packed."""
    try:
        with path.open("rb") as file:
            start = file.read(6)
            file.seek(0)
            if start[:2] == b"\x1f\x8b":
                with gzip.GzipFile(fileobj=file) as unpacked:
                    yield cast(BinaryIO, unpacked)
            elif start[:3] == b"BZh":
                with bz2.BZ2File(file) as unpacked_bz2:
                    yield cast(BinaryIO, unpacked_bz2)
            elif start == b"\xfd7zXZ\x00":
                with lzma.LZMAFile(file) as unpacked_xz:
                    yield cast(BinaryIO, unpacked_xz)
            elif start[:4] == b"PK\x03\x04":
                with zipfile.ZipFile(file) as archive:
                    members = [info for info in archive.infolist() if not info.is_dir()]
                    if len(members) != 1:
                        raise DataError(f"{path}: expected a zip archive of one text file, found {len(members)}")
                    with archive.open(members[0]) as member:
                        yield cast(BinaryIO, member)
            else:
                yield file
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{path}: damaged: {error}") from error
