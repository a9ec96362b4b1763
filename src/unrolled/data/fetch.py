"""Finding the files of a data set: in the package, in `UNROLLED_DATA`, in the cache, or at their addresses."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

from unrolled.checks import as_path, expect
from unrolled.data.archive import unpack
from unrolled.data.dataset import DataSet, File
from unrolled.data.download import Download, Progress
from unrolled.data.errors import DataError
from unrolled.data.integrity import holds, verify
from unrolled.data.registry import find


def fetch(name: str, *, cache: str | Path | None = None, progress: Progress | None = None) -> Path:
    """Makes sure that a data set is on this machine.

    Embedded sets need nothing. Else all of the set's files are looked for in the folder that the environment variable
    UNROLLED_DATA names (in a folder of the data set there, or in itself), then in the cache; what the cache lacks is
    downloaded. Every file's content is checked by its hash, each time.

    Args:
        name: a registered name, as `unrolled data list` shows them.
        cache: the cache's folder; by default the user's cache folder for `unrolled`.
        progress: called while a download goes on with a file's name, its bytes so far, and its size or None.

    Returns:
        The folder where the data set's files lie.

    Raises:
        DataError: no such name; a file cannot be downloaded (what arrived is kept, and the next call goes on from
            there); or a file does not hold what it should.
    """
    dataset, cached = find(name), cache_folder(cache)
    expect("progress", progress, "a function or None", progress is None or callable(progress))
    if dataset.embedded:
        return Path(str(files("unrolled.data") / "embedded" / dataset.folder))
    target = cached / dataset.folder
    own = _own_folder(dataset)
    if own:
        for file in dataset.files:
            verify(own / file.name, file)
        if not any(file.members for file in dataset.files):
            return own
    try:
        target.mkdir(parents=True, exist_ok=True)
        for file in dataset.files:
            archive = own / file.name if own else _cached(file, target, progress)
            if any(not _has_size(target / member, size) for member, size in file.members):
                unpack(archive, target, dict(file.members))
    except OSError as error:
        raise DataError(f"{target}: cannot be written: {error.strerror or error}") from error
    return target


def whereabouts(name: str, *, cache: str | Path | None = None) -> Path | None:
    """The folder where all files of a data set lie on this machine, by their names alone; or None.

    Raises:
        DataError: there is no data set of that name.
    """
    dataset = find(name)
    if dataset.embedded:
        return fetch(name)
    cached = cache_folder(cache) / dataset.folder
    return _own_folder(dataset) or (cached if _has_all(cached, dataset) else None)


def cache_folder(cache: str | Path | None = None) -> Path:
    """Where fetched files are kept: the folder given, or the user's cache folder."""
    if cache is not None:
        return as_path("cache", cache)
    import pooch

    return Path(pooch.os_cache("unrolled"))


def _own_folder(dataset: DataSet) -> Path | None:
    """The folder under UNROLLED_DATA with all files of the data set."""
    named = os.environ.get("UNROLLED_DATA")
    if not named:
        return None
    folders = (Path(named) / dataset.folder, Path(named) / dataset.name, Path(named))
    return next((folder for folder in folders if _has_all(folder, dataset)), None)


def _has_all(folder: Path, dataset: DataSet) -> bool:
    return all((folder / file.name).is_file() for file in dataset.files)


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _cached(file: File, folder: Path, progress: Progress | None) -> Path:
    """The file in the cache, downloaded if it is not there or is damaged."""
    path = folder / file.name
    if holds(path, file):
        return path
    import pooch
    from filelock import FileLock

    pooch.get_logger().setLevel("WARNING")
    with FileLock(folder / ".lock"):
        if holds(path, file):
            return path
        path.unlink(missing_ok=True)
        download = Download(file, folder / f"{file.name}.part", progress)
        problems = []
        for url in file.urls:
            try:
                # The hash is of the content, and the download has verified it.
                pooch.retrieve(url, known_hash=None, fname=file.name, path=folder, downloader=download)
            except DataError as error:
                problems.append(str(error))
            else:
                return path
        raise DataError("; ".join(problems))
