"""The command line: one file a task; each parses, calls a model and prints."""

from __future__ import annotations

from typing import Annotated

import typer

from unrolled.cli import bench, classify, data, doctor, embed, forecast, tour, translate, write

app = typer.Typer(
    name="unrolled",
    help="Recurrent neural networks: from sequences to a result in one command.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(classify.app, name="classify")
app.add_typer(data.app, name="data")
app.add_typer(embed.app, name="embed")
app.add_typer(forecast.app, name="forecast")
app.add_typer(translate.app, name="translate")
app.add_typer(write.app, name="write")
app.command(epilog=bench.EXAMPLE)(bench.bench)
app.command(epilog=doctor.EXAMPLE)(doctor.doctor)
app.command(epilog=tour.EXAMPLE)(tour.tour)


def _version(asked: bool) -> None:
    if asked:
        from unrolled import __version__

        typer.echo(f"unrolled {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """The `unrolled` command."""
    app()
