"""Chapters as they are written: scripts of cells, "percent scripts", as editors and Jupytext know them.

The docstring is the chapter's title and its introduction; `# %%` begins a cell of code, `# %% [markdown]` one of text.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGE = "unrolled.tour.chapters"
FOLDER = Path(__file__).parent / "chapters"

_file = re.compile(r"c(\d\d)_(\w+)\.py")
_marker = re.compile(r"^# %%(?: (\[markdown\]))?$", re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    """A part of a chapter.

    Attributes:
        kind: "code" or "markdown".
        source: its text; of markdown without the signs that make it a comment.
        line: where it begins in the file, counted from 1.
    """

    kind: str
    source: str
    line: int


@dataclass(frozen=True)
class Chapter:
    """A chapter in its file."""

    path: Path

    @property
    def number(self) -> int:
        """Of the experiment in the field guide."""
        return int(self._parts[0])

    @property
    def module(self) -> str:
        """What it is imported by."""
        return f"{PACKAGE}.{self.path.stem}"

    @property
    def name(self) -> str:
        """A name for files and anchors."""
        return f"{self._parts[0]}-{self._parts[1].replace('_', '-')}"

    @property
    def _parts(self) -> tuple[str, str]:
        match = _file.fullmatch(self.path.name)
        if match is None:
            raise ValueError(f"{self.path}: expected a name like c07_name.py")
        return match[1], match[2]

    @cached_property
    def _text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def _docstring(self) -> str:
        docstring = ast.get_docstring(ast.parse(self._text))
        if docstring is None:
            raise ValueError(f"{self.path}: expected a docstring with the title")
        return docstring

    @property
    def title(self) -> str:
        """The docstring's first line, without its full stop."""
        return self._docstring.partition("\n")[0].removesuffix(".")

    @property
    def introduction(self) -> str:
        """The rest of the docstring, Markdown."""
        return self._docstring.partition("\n")[2].strip()

    @cached_property
    def cells(self) -> list[Cell]:
        """What comes after the docstring, in order."""
        markers = list(_marker.finditer(self._text))
        ends = [marker.start() for marker in markers[1:]] + [len(self._text)]
        made = []
        for marker, end in zip(markers, ends, strict=True):
            source = self._text[marker.end() : end].strip("\n")
            line = self._text.count("\n", 0, marker.start()) + 1
            if marker[1]:
                source = "\n".join(part.removeprefix("#").removeprefix(" ") for part in source.splitlines())
            made.append(Cell("markdown" if marker[1] else "code", source, line))
        return made


def chapters() -> list[Chapter]:
    """All of them, in the guide's order."""
    return [Chapter(path) for path in sorted(FOLDER.glob("c*.py"))]


def selected(known: list[Chapter], only: str) -> list[Chapter]:
    """Those whose numbers are named, such as "7,9" or "3-5"; all for "".

    Raises:
        ValueError: something else is named.
    """
    if not only.strip():
        return known
    numbers = {chapter.number for chapter in known}
    wanted: set[int] = set()
    for part in only.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        span = range(int(match[1]), int(match[2] or match[1]) + 1) if match else range(0)
        if not span or not numbers.issuperset(span):
            raise ValueError(
                f"--only: expected numbers from {min(numbers)} to {max(numbers)}, such as 7,9 or 3-5, found {only!r}"
            )
        wanted.update(span)
    return [chapter for chapter in known if chapter.number in wanted]
