"""A function in a process of its own, which may be killed, starved or crash."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Child:
    """Starts a function in a fork of this process.

    Args:
        function: gives JSON values.
        arguments: of the function.
    """

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.began = time.monotonic()
        read, write = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(read)
            _run(function, arguments, write)
        os.close(write)
        self._read = read
        self._content = b""
        self._status: int | None = None

    def signal(self, number: int) -> None:
        """Sends a signal, if the process is still there."""
        if self._status is None:
            os.kill(self.pid, number)

    def wait(self, seconds: float = 3600.0) -> Ending:
        """Waits for its end; kills it after so many seconds.

        Raises:
            TimeoutError: it had to be killed.
        """
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._read], [], [], max(0.0, left))
            if not ready:
                self.signal(signal.SIGKILL)
                self._reap()
                raise TimeoutError(f"still running after {seconds:.0f} s")
            block = os.read(self._read, 2**16)
            if not block:
                break
            self._content += block
        code = self._reap()
        told = json.loads(self._content) if self._content else {}
        seconds = time.monotonic() - self.began
        return Ending(code, told.get("value"), told.get("error", ""), seconds, self.cpu_seconds, self.peak_mib)

    def _reap(self) -> int:
        if self._status is None:
            _, status, used = os.wait4(self.pid, 0)
            self.cpu_seconds, self.peak_mib = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
            self._status = os.waitstatus_to_exitcode(status)
            os.close(self._read)
        return self._status


@dataclass(frozen=True)
class Ending:
    """How a child ended.

    Attributes:
        code: its exit code, minus the signal if one killed it.
        value: what the function gave.
        error: type and message of what it raised.
        seconds: from start to end.
        cpu_seconds: its own and its children's.
        peak_mib: the most memory that it had.
    """

    code: int
    value: Any
    error: str
    seconds: float
    cpu_seconds: float
    peak_mib: float


def _run(function: Callable[..., Any], arguments: tuple[Any, ...], write: int) -> None:
    code = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        told, code = {"value": function(*arguments)}, 0
    except SystemExit as error:
        told, code = {}, error.code if isinstance(error.code, int) else 1
    except BaseException as error:
        if os.environ.get("RELIABILITY_DEBUG"):
            traceback.print_exc()
        told = {"error": f"{type(error).__name__}: {error}"}
    try:
        with os.fdopen(write, "wb") as file:
            file.write(json.dumps(told).encode())
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)
