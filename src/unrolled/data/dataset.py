"""What is known about a data set and its files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """One file of a data set.

    Args:
        name: what it is called in the data set's folder.
        sha256: of its content: for .gz files of what they hold, since gzip does not always give the same bytes.
        size: bytes of that content.
        urls: where it can be had; the first that serves is taken.
        members: for a zip archive, what is unpacked from it, and how many bytes each member has.
    """

    name: str
    sha256: str
    size: int
    urls: tuple[str, ...] = ()
    members: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class DataSet:
    """One data set.

    Args:
        name: what `load` and `fetch` know it by.
        kind: "sequences" (what `load` reads), "series", "text" or "translation".
        description: one line.
        origin: who made it.
        licence: under which it may be used.
        folder: the folder of its files in the package, in the cache and in `UNROLLED_DATA`.
        files: its files.
        embedded: whether they travel inside the package.
    """

    name: str
    kind: str
    description: str
    origin: str
    licence: str
    folder: str
    files: tuple[File, ...]
    embedded: bool = False

    @property
    def size(self) -> int:
        """Bytes of all files, unpacked."""
        return sum(size for file in self.files for _, size in file.members or ((file.name, file.size),))
