"""What the arguments of estimators that train a network have in common: cells, options, and what is saved of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from unrolled import cells
from unrolled.cells import Cell
from unrolled.checks import expect
from unrolled.models.folder import ModelError
from unrolled.training import Options

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


def training_options(estimator: Any, **other: Any) -> Options:
    """The options of the training loop, from the constructor's arguments of the same names, and others.

    Raises:
        ValueError: one is not what it should be; the message names it.
    """
    given = estimator.get_params(deep=False)
    return Options(**({field.name: given[field.name] for field in fields(Options) if field.name in given} | other))
