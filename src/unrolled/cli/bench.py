"""`unrolled bench`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from unrolled.cli.errors import one_line_errors

EXAMPLE = "Example: unrolled bench --only LSTM --peer torch.nn --peer jax --plot speed.png"


def bench(
    only: Annotated[str, typer.Option(help="Only workloads with this in their name.", metavar="TEXT")] = "",
    peer: Annotated[
        list[str] | None,
        typer.Option(help="Measure against this one; repeat for more. [default: all that are installed]"),
    ] = None,
    seconds: Annotated[float, typer.Option(help="Time for each line, all contenders together.", min=0.1)] = 6.0,
    threads: Annotated[int | None, typer.Option(help="torch's threads. [default: all cores]", min=1)] = None,
    plot: Annotated[Path | None, typer.Option(help="Picture of the ratios.", metavar="FILE.png")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print results as JSON, one object a line.")] = False,
) -> None:
    """Measure the speed on this machine beside torch.nn, an eager loop, torch.compile, JAX and Keras.

    All contenders have the same parameters and must give the same outputs before anything is timed. They take turns, so
    that a machine that slows down slows all of them; the figures are ratios of medians.
    """
    with one_line_errors():
        import torch

        from unrolled.bench import PEERS, WORKLOADS, measured, peak

        unknown = sorted(set(peer or ()) - set(PEERS))
        if unknown:
            raise ValueError(f"--peer: expected some of {', '.join(PEERS)}, found {unknown[0]!r}")
        chosen = [workload for workload in WORKLOADS if only.lower() in workload.name.lower()]
        if not chosen:
            raise ValueError(f"--only: expected part of one of {'; '.join(w.name for w in WORKLOADS)}, found {only!r}")
        if threads is not None:
            torch.set_num_threads(threads)
        torch.manual_seed(0)
        names = peer or list(PEERS)
        if not as_json:
            speed = peak() / 1e9
            typer.echo(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
            typer.echo(f"peak of multiplications and additions: {speed:.0f} GFLOP/s\n")
            typer.echo("Times longer than ours:\n")
            typer.echo(f"| workload | | {' | '.join(names)} | our share of the peak |")
            typer.echo("| --- " * (len(names) + 3) + "|")
        rows = []
        for workload in chosen:
            for row in measured(workload, names, seconds=seconds):
                rows.append(row)
                if as_json:
                    typer.echo(json.dumps(asdict(row)))
                else:
                    times = [f"{row.times[peer]:.2f}" if peer in row.times else "" for peer in names]
                    name = row.workload if row.fill == 1 else f"{row.workload}, {row.fill:.0%} of it filled"
                    typer.echo(f"| {name} | {row.mode} | {' | '.join(times)} | {row.share:.0%} |")
        missing = {
            name: why for row in rows for name, why in row.skipped.items() if "installed" in why or "no C" in why
        }
        for name, why in missing.items():
            typer.echo(f"{name} skipped: {why}", err=True)
        if plot is not None:
            from unrolled.plots import speed as picture

            picture([(f"{row.workload}, {row.mode}", row.times) for row in rows]).savefig(plot, dpi=150)
