"""`unrolled tour`."""

from __future__ import annotations

import sys
import time
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from unrolled.cli.errors import one_line_errors

EXAMPLE = "Example: unrolled tour --only 7,9 -o tour --open"


def tour(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the page and the notebooks.", metavar="DIR")
    ] = Path("tour"),
    only: Annotated[str, typer.Option(help="Only these chapters, such as 7,9 or 3-5.", metavar="NUMBERS")] = "",
    full: Annotated[
        bool, typer.Option("--full", help="The guide's own data and lengths of training: hours, and downloads.")
    ] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    list_chapters: Annotated[bool, typer.Option("--list", help="List the chapters and run none.")] = False,
) -> None:
    """See every experiment of the field guide work on this machine, in minutes.

    Makes DIR/index.html, one page with everything in it, and the same chapters as notebooks in DIR/notebooks. A chapter
    that fails says so on the page; the others still run, and the exit code is 1.
    """
    with one_line_errors():
        from unrolled.tour.script import chapters, selected

        chosen = selected(chapters(), only)
        if list_chapters:
            for chapter in chosen:
                typer.echo(f"{chapter.number:>2}  {chapter.title}")
            return
        if output.exists() and not output.is_dir():
            raise ValueError(f"--output: expected a folder, found the file {output}")
        from rich.console import Console

        from unrolled.tour.notebook import notebook
        from unrolled.tour.page import page
        from unrolled.tour.run import run

        (output / "notebooks").mkdir(parents=True, exist_ok=True)
        console = Console(file=sys.stderr, highlight=False)
        runs, start = [], time.perf_counter()
        for place, chapter in enumerate(chosen, start=1):
            title = f"{chapter.number:>2}  {chapter.title}"
            with console.status(f"{title}  [dim]({place} of {len(chosen)})"):
                runs.append(run(chapter, full=full))
            done = runs[-1]
            told = "[red]failed[/]" if done.failed else f"{done.seconds:.1f} s"
            console.print(f"{title:<60} {told:>10}" if not done.failed else f"{title:<60} {told}")
            (output / "notebooks" / f"{chapter.name}.ipynb").write_text(notebook(done), encoding="utf-8")
        path = output / "index.html"
        path.write_text(page(runs, full=full), encoding="utf-8")
        typer.echo(f"{path}: {len(runs)} chapters in {time.perf_counter() - start:.0f} s")
    if open_page:
        webbrowser.open(path.resolve().as_uri())
    failed = [str(done.chapter.number) for done in runs if done.failed]
    if failed:
        typer.echo(f"Failed: {', '.join(failed)}; the page says why.", err=True)
        raise typer.Exit(1)
