"""What estimators that train a network have in common: cells, what is saved of the arguments, and who looks on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from unrolled import cells
from unrolled.cells import Cell
from unrolled.checks import as_path, expect, truth
from unrolled.models.folder import ModelError
from unrolled.training import Callback, ProgressBar

# How a run goes, rather than what comes out of it.
OF_THE_RUN = ("random_state", "device", "verbose", "callbacks")


def written_parameters(estimator: Any) -> dict[str, Any]:
    """The constructor's arguments that make the model what it is, as JSON values; a class of cells by its name."""
    parameters = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in estimator.get_params(deep=False).items()
        if name not in OF_THE_RUN
    }
    kind = parameters["cell"]
    return parameters if isinstance(kind, str) else parameters | {"cell": f"{kind.__module__}:{kind.__qualname__}"}


def read_parameters(path: str | Path, config: Mapping[str, Any], cell: type[Cell] | None) -> dict[str, Any]:
    """What `written_parameters` gave, in a saved model's config.

    Args:
        path: of the model, for the error's message.
        config: holds them as "parameters".
        cell: the class of cells, where it is not one of `unrolled.cells`.

    Raises:
        ModelError: the cell has to be passed.
        KeyError, TypeError, ValueError: they are not there.
    """
    parameters = dict(config["parameters"])
    named = parameters["cell"]
    if cell is not None:
        return parameters | {"cell": cell}
    if named not in cells.by_name:
        raise ModelError(f"{path}: its cell is {named!r}; pass the class: load(path, cell=...)")
    return parameters


def cell_maker(cell: Any, hidden_size: Any, options: Any) -> Callable[[int], Cell]:
    """What makes a layer's cell from its input size.

    Args:
        cell: name of a cell, or a class of cells.
        hidden_size: units.
        options: further arguments of the cell by name, or None.

    Raises:
        ValueError: there is no such cell, or the options are no dictionary; when a cell is made, the options are not
            the cell's. What is wrong with the units is said then too.
    """
    named = options is None or (isinstance(options, Mapping) and all(isinstance(name, str) for name in options))
    expect("cell_options", options, "a dictionary of arguments by name, or None", named)
    own = isinstance(cell, type) and issubclass(cell, Cell)
    expect("cell", cell, "the name of a cell, or a class of cells", own or isinstance(cell, str))
    kind = cell if own else cells.find(cell)

    def make(input_size: int) -> Cell:
        try:
            return kind(input_size, int(hidden_size), **(options or {}))
        except TypeError as error:
            raise ValueError(f"cell_options: {kind.__name__} does not take these options: {error}") from error

    return make


def onlookers(callbacks: Any, verbose: Any) -> list[Callback]:
    """The callbacks of a training, with a progress bar if wanted.

    Raises:
        ValueError: `callbacks` is no list of callbacks.
        TypeError: `verbose` is not True or False.
    """
    truth("verbose", verbose)
    known = isinstance(callbacks, (list, tuple)) and all(isinstance(each, Callback) for each in callbacks)
    expect("callbacks", callbacks, "a list of instances of unrolled.training.Callback", known)
    return [*callbacks, *([ProgressBar()] if verbose else [])]


def fingerprint(arrays: Iterable[Any]) -> str:
    """A checksum of arrays, by which a run that is resumed knows its data again."""
    found = sha256()
    for each in arrays:
        array = np.ascontiguousarray(each)
        found.update(f"{array.dtype} {array.shape} ".encode())
        # Times have no buffer of their own, and objects no bytes.
        as_text = array.dtype == object
        found.update(repr(array.tolist()).encode() if as_text else array.reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def checkpoint_folder(checkpoints: Any, resume: Any, random_state: Any) -> Path | None:
    """The folder of a training's checkpoints, None without.

    Raises:
        TypeError: `checkpoints` is no path, or `resume` not True or False.
        ValueError: there is no `random_state`, without which a run is never the same again.
    """
    truth("resume", resume)
    if checkpoints is None:
        return None
    if random_state is None:
        raise ValueError("random_state: expected a seed, since a run with checkpoints can be resumed, found None")
    return as_path("checkpoints", checkpoints)
