"""What the commands tell, and where pictures may go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer


def check_picture(path: Path | None) -> None:
    """Makes sure that a picture can be written there.

    Raises:
        ValueError: its folder is missing, or it is no kind of picture.
    """
    if path is not None and not path.parent.is_dir():
        raise ValueError(f"--plot: no such folder: {path.parent}")
    if path is not None and path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise ValueError(f"--plot: expected a .png, .pdf or .svg file, found {path.name!r}")


def tell(told: dict[str, Any], as_json: bool) -> None:
    """Prints results, a line each, or as one object of JSON."""
    if as_json:
        typer.echo(json.dumps(told))
        return
    for name, value in told.items():
        shown = f"{value:,.4g}" if isinstance(value, float) else value
        typer.echo(f"{name.replace('_', ' '):<22} {shown}")
