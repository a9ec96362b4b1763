"""What a row of the scoreboard is, and how much of it is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random


class SkippedError(Exception):
    """A row cannot be run on this machine; the message says why."""


@dataclass(frozen=True)
class Effort:
    """How much to run.

    Args:
        part: of each row's full counts.
        seed: of all that is random.
    """

    part: float = 1.0
    seed: int = 0

    def __call__(self, full: int, least: int = 1) -> int:
        """The share of a full count, but `least` at the least."""
        return max(least, round(full * self.part))

    def random(self) -> Random:
        """A generator of the row's own."""
        return Random(self.seed)


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Attributes:
        passed: whether the target holds.
        figure: what was measured, with the counts that were run.
        why: what failed.
    """

    passed: bool
    figure: str
    why: str = ""

    @classmethod
    def of(cls, failures: list[str], figure: str) -> Verdict:
        """Passed unless something failed; the first failures are told."""
        more = f" (and {len(failures) - 3} more)" if len(failures) > 3 else ""
        return cls(not failures, figure, "; ".join(failures[:3]) + more)


@dataclass(frozen=True)
class Row:
    """One line of the scoreboard.

    Attributes:
        number: its place.
        what: is tried.
        target: what should hold.
        run: tries it; raises `SkippedError` where it cannot.
    """

    number: int
    what: str
    target: str
    run: Callable[[Effort], Verdict]
