"""Reading a Parquet file in a process of its own.

A damaged file can make the reader ask for more memory than there is, which ends a process, and no exception tells of
it. So another process reads, and hands the table over as Arrow's stream.
"""

from __future__ import annotations

import io
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from unrolled.data.errors import DataError

# Beside this file, and run as a file, so that nothing of this package need be imported there.
READER = Path(__file__).with_name("parquet_process.py")


def read_parquet(path: Path) -> Any:
    """A polars frame of a Parquet file.

    Memory: twice the table for a moment; the reading process may take half the machine's. Starting it takes some tenths
    of a second.

    Raises:
        DataError: the file cannot be read.
    """
    import polars as pl

    # Modules in the current folder are not to be mistaken for libraries.
    command = [sys.executable, "-P", str(READER), str(path.absolute())]
    try:
        # What it says of itself when it breaks down is about its own insides.
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError as error:
        raise DataError(f"{path}: cannot be read as .parquet: no process to read it in: {error}") from error
    if done.returncode:
        raise DataError(f"{path}: cannot be read as .parquet: {_why(done)}")
    return pl.read_ipc_stream(io.BytesIO(done.stdout))


def _why(done: subprocess.CompletedProcess[bytes]) -> str:
    if done.returncode > 0:
        return done.stdout.decode("utf-8", "replace").strip() or f"the reader ended with code {done.returncode}"
    return f"it asks for too much memory, or broke the reader ({signal.Signals(-done.returncode).name})"
