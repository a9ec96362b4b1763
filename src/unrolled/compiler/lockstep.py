"""A builder that emits each instruction for several rows in turn.

A processor looks some hundred instructions ahead. Where the chains of dependent instructions of different rows lie one
after the other it sees the next one too late; side by side, each fills the others' waiting.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir


class Pack(tuple[Any, ...]):
    """The values of several rows."""

    __slots__ = ()


class Lockstep:
    """An `ir.IRBuilder` for packs: what is no pack is the same for all rows."""

    def __init__(self, builder: ir.IRBuilder) -> None:
        self._builder = builder

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._builder, name)
        if not callable(found):
            return found

        def every(*args: Any, **options: Any) -> Any:
            count = max(map(_count, args), default=0)
            if count == 0:
                return found(*args, **options)
            return Pack(found(*(_of_row(arg, row) for arg in args), **options) for row in range(count))

        return every


def _count(arg: Any) -> int:
    if isinstance(arg, Pack):
        return len(arg)
    return max(map(_count, arg), default=0) if isinstance(arg, (list, tuple)) else 0


def _of_row(arg: Any, row: int) -> Any:
    if isinstance(arg, Pack):
        return arg[row]
    return [_of_row(part, row) for part in arg] if isinstance(arg, (list, tuple)) else arg
