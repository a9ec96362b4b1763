"""How far reading a corpus is, on the terminal; nobody knows how long it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def reading_bar(shown: bool) -> Iterator[Callable[[int], None]]:
    """Gives what to call with the number of words read."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("reading {task.completed:,} words"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda words: bar.update(task, completed=words)
