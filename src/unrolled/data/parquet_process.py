"""Run with the path of a Parquet file: writes the table to standard output, as Arrow's stream, or else why not."""

from __future__ import annotations

import os
import sys

# The threads' stacks count as memory taken, and the file is read once.
os.environ.setdefault("POLARS_MAX_THREADS", "4")


def main(path: str) -> None:
    """Reads and writes."""
    import polars as pl

    _bound_memory()
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, MemoryError) as error:
        print((str(error).splitlines() or [type(error).__name__])[0])
        sys.exit(1)
    frame.write_ipc_stream(sys.stdout.buffer)


def _bound_memory() -> None:
    """At most half of the machine's memory, since the table is to be held by the other process too."""
    try:
        import resource
    except ImportError:  # Windows has no such bound.
        return
    half = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    resource.setrlimit(resource.RLIMIT_DATA, (half, half))


if __name__ == "__main__":
    main(sys.argv[1])
