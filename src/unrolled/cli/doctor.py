"""`unrolled doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

EXAMPLE = "Example: unrolled doctor --json > doctor.json"
_SIGNS = {"ok": "[green]ok[/]", "note": "[yellow]note[/]", "problem": "[red]problem[/]"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print findings as JSON, one object a line.")] = False,
) -> None:
    """Look at versions, processor, threads, kernels, backends, caches and GPUs; say what to do about each problem.

    The exit code is 1 if there is a problem. A note is something that works, but could be better.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from unrolled.doctor import examined

    found = []
    table = Table.grid(padding=(0, 2, 0, 0))
    for finding in examined():
        found.append(finding)
        if as_json:
            typer.echo(json.dumps(asdict(finding)))
        table.add_row(finding.topic, _SIGNS[finding.status], escape(finding.found))
        if finding.advice:
            table.add_row("", "", f"[dim]-> {escape(finding.advice)}[/]")
    if not as_json:
        Console().print(table)
    if any(finding.status == "problem" for finding in found):
        raise typer.Exit(1)
