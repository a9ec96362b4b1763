"""Word similarities and analogies as people judged them, to score vectors against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unrolled.checks import as_path
from unrolled.data.errors import DataError
from unrolled.data.files import lines
from unrolled.data.number import parse_number

# The column of SimLex-999 as its authors publish it.
SIMLEX = "SimLex999"


@dataclass(frozen=True)
class Similarities:
    """Pairs of words, and how similar people find them.

    Attributes:
        name: of the file.
        pairs: the words.
        values: one for each pair, higher is more similar.
    """

    name: str
    pairs: list[tuple[str, str]]
    values: list[float]


@dataclass(frozen=True)
class Analogies:
    """Questions `a is to b as c is to d`, by section.

    Attributes:
        name: of the file.
        sections: four words a question, by the section's name.
    """

    name: str
    sections: dict[str, list[tuple[str, str, str, str]]]


def read_judgements(path: str | Path) -> Similarities | Analogies:
    """Reads word similarities (two words and a number a line) or analogies (`: section`, then four words a line).

    Similarities may be parted by tabs, commas or spaces, with `#` before comments; SimLex-999's own table is read by
    the names of its columns.

    Raises:
        DataError: the file cannot be read, or is neither.
    """
    path = as_path("path", path)
    rows = [(place, line.strip()) for place, line in lines(path) if line.strip() and not line.startswith("#")]
    if not rows:
        raise DataError(f"{path}: expected word similarities or analogies, found nothing")
    return _analogies(path, rows) if rows[0][1].startswith(":") else _similarities(path, rows)


def _similarities(path: Path, rows: list[tuple[int, str]]) -> Similarities:
    column = 2
    first = rows[0][1].split("\t")
    if SIMLEX in first:
        column = first.index(SIMLEX)
        rows = rows[1:]
    pairs: list[tuple[str, str]] = []
    values: list[float] = []
    for place, line in rows:
        parts = line.split("\t") if "\t" in line else line.replace(",", " ").split()
        if len(parts) <= column:
            raise DataError(f"{path}, line {place}: expected two words and a number, found {line[:60]!r}")
        try:
            value = parse_number(parts[column].strip())
        except ValueError:
            # A heading.
            if not pairs:
                continue
            raise DataError(f"{path}, line {place}: expected a number, found {parts[column][:40]!r}") from None
        pairs.append((parts[0].strip(), parts[1].strip()))
        values.append(value)
    if not pairs:
        raise DataError(f"{path}: expected two words and a number a line, found none")
    return Similarities(path.name, pairs, values)


def _analogies(path: Path, rows: list[tuple[int, str]]) -> Analogies:
    sections: dict[str, list[tuple[str, str, str, str]]] = {}
    for place, line in rows:
        if line.startswith(":"):
            questions = sections.setdefault(line[1:].strip(), [])
            continue
        parts = line.split()
        if len(parts) != 4:
            raise DataError(f"{path}, line {place}: expected four words, found {line[:60]!r}")
        questions.append((parts[0], parts[1], parts[2], parts[3]))
    return Analogies(path.name, sections)
