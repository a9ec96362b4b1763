"""What llvmlite's builder lacks: counted loops, and the type bfloat."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

I1, I32, I64, POINTER = ir.IntType(1), ir.IntType(32), ir.IntType(64), ir.PointerType()
ONE, ZERO = ir.Constant(I64, 1), ir.Constant(I64, 0)


class BFloatType(ir.Type):  # type: ignore[misc]
    """The 16 upper bits of a float."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BFloatType)

    def __hash__(self) -> int:
        return hash(BFloatType)


BFLOAT = BFloatType()


@contextmanager
def counting(b: ir.IRBuilder, first: Any, last: Any) -> Iterator[Any]:
    """A loop over integers from first to below last; the builder ends after it."""
    function, before = b.function, b.block
    head, body, after = (function.append_basic_block(name) for name in ("head", "body", "after"))
    b.branch(head)
    b.position_at_end(head)
    number = b.phi(I64)
    number.add_incoming(first, before)
    b.cbranch(b.icmp_signed("<", number, last), body, after)
    b.position_at_end(body)
    yield number
    number.add_incoming(b.add(number, ONE), b.block)
    b.branch(head)
    b.position_at_end(after)


def declared(module: ir.Module, name: str, kind: ir.FunctionType) -> ir.Function:
    """The function of this name, declared when it is first asked for."""
    return module.globals.get(name) or ir.Function(module, kind, name)
