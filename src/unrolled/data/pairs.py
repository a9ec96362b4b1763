"""Pairs of sentences that translate each other, as a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, Self

from unrolled.checks import is_iterable
from unrolled.data.errors import DataError
from unrolled.data.fetch import fetch
from unrolled.data.registry import find
from unrolled.data.text import text_lines


class Pairs:
    """Pairs (source, target); each iteration reads from the start.

    Args:
        source: a file of one sentence a line, or a list of sentences; without target a file of tab-separated values,
            source and target in the first two columns, or a list of pairs. Files may be gzip, bzip2, xz or zip.
        target: as source, the translation of each sentence at the same place.

    Raises:
        DataError: a file is missing; when iterated, one cannot be read or is not UTF-8, one side has more sentences
            than the other, or a line has no tab.
        ValueError: an argument is of another kind.
    """

    def __init__(self, source: str | Path | Iterable[Any], target: str | Path | Iterable[str] | None = None) -> None:
        self.sides = (_checked(source, "source"),) if target is None else (
            _checked(source, "source"),
            _checked(target, "target"),
        )  # fmt: skip

    @classmethod
    def named(cls, name: str, split: str) -> Self:
        """The pairs of a data set known by name, fetched first if need be.

        Args:
            name: of the data set, see `unrolled data list`.
            split: how the names of its files begin: "train", "val" or "test".

        Raises:
            DataError: there is no such data set, it is none of translations, or it has no such split.
        """
        dataset = find(name)
        if dataset.kind != "translation":
            raise DataError(f"{name} holds {dataset.kind}, not translations")
        files = [file.name for file in dataset.files if file.name.startswith(split)]
        if not files:
            raise DataError(f"{name}: has no split {split!r}; its files: {', '.join(f.name for f in dataset.files)}")
        folder = fetch(name)
        return cls(*(folder / file for file in files[:2]))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        if len(self.sides) == 2:
            yield from _side_by_side(*self.sides)
        elif isinstance(self.sides[0], Path):
            yield from _columns(self.sides[0])
        else:
            for number, pair in enumerate(self.sides[0]):
                if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                    raise ValueError(
                        f"source[{number}]: expected a pair of sentences, as there is no target, found {pair!r:.80}"
                    )
                yield _sentence(pair[0], f"source[{number}][0]"), _sentence(pair[1], f"source[{number}][1]")


def _checked(given: Any, name: str) -> Path | Sequence[Any]:
    if isinstance(given, (str, Path)):
        path = Path(given)
        if not path.is_file():
            raise DataError(f"{name}: no such file: {str(given)[:200]}")
        return path
    if not is_iterable(given):
        raise ValueError(f"{name}: expected a file or a list of sentences, found {type(given).__name__}")
    # What can be iterated only once would be empty the second time.
    return given if isinstance(given, Sequence) else list(given)


def _columns(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text_lines(path), start=1):
        if not line.strip():
            continue
        parts = line.split("\t")
        if len(parts) < 2:
            raise DataError(f"{path}, line {number}: expected source and target with a tab between, found {line!r:.80}")
        yield parts[0], parts[1]


def _side_by_side(source: Path | Sequence[Any], target: Path | Sequence[Any]) -> Iterator[tuple[str, str]]:
    # Files may be long: their lines are not counted before they are read.
    missing = object()
    count = 0
    for count, pair in enumerate(zip_longest(_lines(source, "source"), _lines(target, "target"), fillvalue=missing)):
        if missing in pair:
            short, long = ("source", "target") if pair[0] is missing else ("target", "source")
            raise DataError(
                f"{short}: expected a sentence for each of {long}, found only {count}"
                f"{'; are these files aligned line by line?' if isinstance(source, Path) else ''}"
            )
        yield pair  # type: ignore[misc]


def _lines(side: Path | Sequence[Any], name: str) -> Iterator[str]:
    if isinstance(side, Path):
        yield from text_lines(side)
    else:
        for number, sentence in enumerate(side):
            yield _sentence(sentence, f"{name}[{number}]")


def _sentence(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name}: expected text, found {type(value).__name__}")
    return value
