"""What the commands tell, and where what they make may go."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import typer

from unrolled.checks import PICTURES, as_new_file

TABLES = (".csv", ".parquet")


def check_picture(path: Path | None) -> None:
    """Makes sure that a picture can be written there; see `check_output`."""
    check_output("--plot", path, PICTURES)


def check_output(option: str, path: Path | None, kinds: tuple[str, ...]) -> None:
    """Makes sure that a file can be written there, before long work is done for it.

    Args:
        option: where the path comes from, for the message.
        path: None for nothing to write.
        kinds: endings that the file may have.

    Raises:
        ValueError: its folder is missing, or it is of another kind.
    """
    if path is not None:
        as_new_file(option, path, kinds)


def checkpoints_of(output: Path) -> Path:
    """Where a model's checkpoints are while it is trained."""
    return output.with_name(output.name + ".checkpoints")


def keep(model: Any, output: Path) -> None:
    """Saves a trained model, whose checkpoints are no longer needed."""
    model.save(output)
    shutil.rmtree(checkpoints_of(output), ignore_errors=True)


def tell(told: dict[str, Any], as_json: bool) -> None:
    """Prints results, a line each, or as one object of JSON."""
    if as_json:
        typer.echo(json.dumps(told))
        return
    for name, value in told.items():
        shown = f"{value:,.4g}" if isinstance(value, float) else value
        typer.echo(f"{name.replace('_', ' '):<22} {shown}")
