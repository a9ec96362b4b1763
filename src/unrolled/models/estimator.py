"""What estimators that train a network have in common: how cells are made, and who looks on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from unrolled import cells
from unrolled.cells import Cell
from unrolled.checks import expect, truth
from unrolled.training import Callback, ProgressBar


def cell_maker(cell: Any, hidden_size: Any, options: Any) -> Callable[[int], Cell]:
    """What makes a layer's cell from its input size.

    Args:
        cell: name of a cell, or a class of cells.
        hidden_size: units.
        options: further arguments of the cell by name, or None.

    Raises:
        ValueError: the options are no dictionary. What is wrong with the others is said when a cell is made.
    """
    named = options is None or (isinstance(options, Mapping) and all(isinstance(name, str) for name in options))
    expect("cell_options", options, "a dictionary of arguments by name, or None", named)
    further = dict(options or {})
    if isinstance(cell, type) and issubclass(cell, Cell):
        return lambda input_size: cell(input_size, int(hidden_size), **further)
    expect("cell", cell, "the name of a cell, or a class of cells", isinstance(cell, str))
    return lambda input_size: cells.make(cell, input_size, int(hidden_size), **further)


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
