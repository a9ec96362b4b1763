"""Text as it is, character by character: one running text, or documents that begin and end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from unrolled.checks import is_iterable, truth
from unrolled.data.text import text_blocks, text_lines, text_paths

# Characters that are given at a time.
BLOCK = 2**20


class Documents:
    """One text or several documents; each iteration reads from the start.

    Args:
        source: the text itself, the path of a text file (plain, gzip, bzip2, xz or zip), or several of these, each a
            document. A string is text, never a file's name.
        lines: whether every line is a document, without its end; empty lines are none.

    Attributes:
        ends: whether these are documents, which end, rather than one text.

    Raises:
        ValueError: the source is none of these, or a string that is the name of a file.
        DataError: when iterated: a file cannot be read or is not UTF-8.
    """

    def __init__(self, source: str | Path | Iterable[str | Path], *, lines: bool = False) -> None:
        truth("lines", lines)
        alone = isinstance(source, (str, Path))
        if isinstance(source, (str, Path)):
            source = [source]
        elif not is_iterable(source):
            raise ValueError(f"corpus: expected text, a path, or a list of these, found {type(source).__name__}")
        # What can be iterated only once would be empty the second time.
        self.sources: Sequence[Any] = source if isinstance(source, Sequence) else list(source)
        self.lines = lines
        self.ends = lines or not alone
        for number, one in enumerate(self.sources):
            _check(one, "corpus" if alone else f"corpus[{number}]")

    @classmethod
    def named(cls, name: str | Path, *, lines: bool = False) -> Self:
        """The documents of a file, of a pattern such as "books/*.txt.gz", or of a text data set.

        Raises:
            DataError: there is none of that name.
        """
        paths = text_paths(name)
        return cls(paths[0] if len(paths) == 1 else paths, lines=lines)

    def __iter__(self) -> Iterator[Iterator[str]]:
        """Documents, each in blocks of text."""
        for source in self.sources:
            if self.lines:
                yield from (iter([line]) for line in _lines(source) if line)
            else:
                yield map(plain, text_blocks(source) if isinstance(source, Path) else _slices(source))


def plain(text: str) -> str:
    """The text with U+FFFD for what no text has: halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _slices(text: str) -> Iterator[str]:
    return (text[start : start + BLOCK] for start in range(0, len(text), BLOCK))


def _lines(source: str | Path) -> Iterator[str]:
    return text_lines(source) if isinstance(source, Path) else iter(plain(source).split("\n"))


def _check(source: Any, name: str) -> None:
    if not isinstance(source, (str, Path)):
        raise ValueError(f"{name}: expected text or a path, found {type(source).__name__}")
    if isinstance(source, str) and _names_file(source):
        raise ValueError(f"{name}: expected text, found {source!r}, which is a file; pass pathlib.Path({source!r})")


def _names_file(text: str) -> bool:
    try:
        return 0 < len(text) < 256 and Path(text).is_file()
    except (ValueError, OSError):
        return False
