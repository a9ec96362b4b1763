"""`unrolled data list` and `unrolled data fetch`: the data sets known by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from unrolled.cli.errors import one_line_errors
from unrolled.data import DataSet, datasets, fetch
from unrolled.data.download import Progress
from unrolled.data.fetch import whereabouts
from unrolled.data.registry import find

app = typer.Typer(help="Data sets known by name: what there is, and fetching them.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


@app.command("list", epilog="Example: unrolled data list --json")
def list_datasets(as_json: Json = False) -> None:
    """Show the data sets, their licences, and where they are."""
    if as_json:
        for dataset in datasets.values():
            typer.echo(json.dumps(_record(dataset)))
        return
    from rich.console import Console
    from rich.filesize import decimal
    from rich.table import Column, Table

    table = Table(Column("name", no_wrap=True), Column("size", no_wrap=True), "where", "what", box=None, pad_edge=False)
    for dataset in datasets.values():
        what = f"{dataset.description} ({dataset.licence})"
        table.add_row(dataset.name, decimal(dataset.size), _where(dataset), what)
    Console().print(table)


@app.command("fetch", epilog="Example: unrolled data fetch mnist text8")
def fetch_datasets(
    names: Annotated[list[str], typer.Argument(help="Names of data sets.", metavar="NAME...")],
    as_json: Json = False,
) -> None:
    """Download data sets into the cache, and check them by hash; UNROLLED_DATA names a folder to look in first."""
    with one_line_errors():
        for name in names:
            find(name)
        for name in names:
            folder = _fetch(name)
            typer.echo(json.dumps({"name": name, "path": str(folder)}) if as_json else f"{name}: {folder}")


def _fetch(name: str) -> Path:
    """Fetches one data set; a bar on the terminal shows how far each file is."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TaskID, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def show(file: str, done: int, total: int | None) -> None:
            if file not in tasks:
                tasks[file] = bars.add_task(file, total=total)
            bars.update(tasks[file], completed=done, total=total)

        progress: Progress = show
        return fetch(name, progress=progress)


def _where(dataset: DataSet) -> str:
    if dataset.embedded:
        return "embedded"
    return "here" if whereabouts(dataset.name) else "to fetch"


def _record(dataset: DataSet) -> dict[str, str | int | None]:
    folder = whereabouts(dataset.name)
    return {
        "name": dataset.name,
        "kind": dataset.kind,
        "bytes": dataset.size,
        "where": _where(dataset),
        "path": str(folder) if folder else None,
        "licence": dataset.licence,
        "origin": dataset.origin,
        "description": dataset.description,
    }
