"""Errors as a user of the command line meets them: one line, and an exit code that says which kind it was."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def one_line_errors(how_to_go_on: str = "") -> Iterator[None]:
    """Turns what can go wrong into one line on standard error.

    Exit codes: 2 for bad input, 1 for training that diverged or lost a process, 130 and 143 for SIGINT and SIGTERM.

    Args:
        how_to_go_on: what to say after an interruption that was saved.
    """
    from unrolled.training import Interrupted, LostProcessError, NonFiniteLossError, is_first

    try:
        yield
    except Interrupted as stopped:
        if is_first():
            typer.echo(f"\nStopped by {signal.Signals(stopped.signal).name}. {how_to_go_on}", err=True)
        raise typer.Exit(128 + stopped.signal) from None
    except KeyboardInterrupt:
        typer.echo("\nStopped.", err=True)
        raise typer.Exit(130) from None
    except (NonFiniteLossError, LostProcessError) as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from None
    except (ValueError, OSError) as error:
        typer.echo(f"Error: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(2) from None
