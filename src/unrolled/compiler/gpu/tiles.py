"""Triton's text for operations on tiles: a vector over the units, of some rows at once, is a tile (rows, units).

Tiles are powers of two wide. What stands in the units past a vector's end is never used: products and sums take zeros
there, and what leaves is masked. A number a row is a tile (rows, 1), a learned vector (1, units), and both broadcast.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite

from unrolled.compiler.graph import BINARY, CONDITIONS, Matrix, Op

HEAD = """\
import triton
import triton.language as tl

from unrolled.compiler.gpu.functions import larger, root, sigmoid, smaller, softplus, tanh


"""
COMPARE = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "=="}
ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
CALLS = {
    "exp": "tl.exp({})",
    "log": "tl.log({})",
    "sqrt": "root({})",
    "neg": "-({})",
    "relu": "larger({}, 0.0)",
    "sigmoid": "sigmoid({})",
    "tanh": "tanh({})",
    "softplus": "softplus({})",
    "maximum": "larger({}, {})",
    "minimum": "smaller({}, {})",
}
# A tensor core multiplies no fewer.
LEAST = 16


def padded(width: int) -> int:
    """Units of the tile that holds a vector."""
    return 1 if width == 1 else max(LEAST, 1 << (width - 1).bit_length())


def with_strides(streams: Iterable[str]) -> list[str]:
    """For every stream a pointer, and the strides from row to row and from step to step."""
    return [f"{stream}{part}" for stream in streams for part in ("", "_row", "_step")]


def with_places(states: int) -> list[str]:
    """For every state where it is before the steps, and where it is after them."""
    return [f"{when}{i}" for i in range(states) for when in ("before", "after")]


class Text:
    """Lines of a program, indented."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 1
        self.defined: set[str] = set()

    def line(self, text: str) -> None:
        """Adds one."""
        self.lines.append("    " * self.depth + text)

    def function(self, decorator: str, name: str, arguments: Iterable[str]) -> None:
        """Begins a function of these arguments and of the constants that all have: its lines follow."""
        self.depth = 0
        self.line(decorator)
        self.line(f"def {name}(")
        self.line(f"    {', '.join(arguments)},")
        self.line("    ROWS: tl.constexpr, RAGGED: tl.constexpr, REVERSE: tl.constexpr,")
        self.line("):")
        self.depth = 1

    def define(self, name: str, expression: str) -> None:
        """Adds a name's value."""
        self.defined.add(name)
        self.line(f"{name} = {expression}")

    def __str__(self) -> str:
        return "\n".join(self.lines) + "\n"


@dataclass(frozen=True, slots=True)
class Place:
    """A pointer to unit 0 of a vector of every row of the tile, and the rows whose vector may be touched.

    Attributes:
        pointer: text of shape (rows, 1), or of one pointer if the vector is the same for all rows.
        rows: text of the mask (rows, 1); "" if the vector is the same for all rows.
    """

    pointer: str
    rows: str


class Tiles:
    """Writes operations, each once, at the place where it is first needed.

    Args:
        ops: of the program.
        text: where lines go.
        number: Triton's type of the numbers, "tl.float32" or "tl.float64".
    """

    def __init__(self, ops: Sequence[Op], text: Text, number: str) -> None:
        self.ops, self.text, self.number = ops, text, number
        self.names: dict[int, str] = {}
        # Which of rows and units a value's tile really has.
        self.shapes: dict[int, tuple[bool, bool]] = {}

    # Units

    def declare(self, widths: Sequence[int]) -> None:
        """Writes the units of tiles, and which of them vectors of these widths have."""
        for size in sorted({padded(width) for width in widths}):
            self.text.line(f"unit{size} = tl.arange(0, {size})[None, :]")
            self.text.line(f"along{size} = tl.arange(0, {size})[:, None]")
        for width in sorted(set(widths)):
            if width != padded(width):
                self.text.line(f"in{width} = unit{padded(width)} < {width}")

    def size(self, width: int) -> int:
        """Units of the tile that holds a vector."""
        return padded(width)

    def inside(self, width: int) -> str:
        """The mask of a vector's units, "" if its tile has no others."""
        return "" if width == padded(width) else f"in{width}"

    # Values

    def define(self, number: int, expression: str, *, rows: bool, units: bool) -> str:
        """Writes an operation's value, and keeps its name."""
        name = f"v{number}"
        self.text.line(f"{name} = {expression}")
        self.know(number, name, rows=rows, units=units)
        return name

    def know(self, number: int, name: str, *, rows: bool, units: bool) -> None:
        """Says under which name an operation's value is at hand."""
        self.names[number], self.shapes[number] = name, (rows, units)

    def value(self, number: int) -> str:
        """The name of an operation's value, or its literal."""
        op = self.ops[number]
        if op.kind == "constant":
            return literal(op.detail[0])
        if number not in self.names:
            self.compute(number, op)
        return self.names[number]

    def compute(self, number: int, op: Op) -> None:
        """Writes an operation that is pointwise, or a sum; whoever writes more has written it before."""
        if op.kind == "sum":
            (arg,) = op.args
            mask = self.inside(self.ops[arg].width)
            whole = self.whole(arg)
            masked = f"tl.where({mask}, {whole}, 0.0)" if mask else whole
            self.define(number, f"tl.sum({masked}, 1, keep_dims=True)", rows=True, units=False)
            return
        args = [self.value(arg) for arg in op.args]
        if all(self.ops[arg].kind == "constant" for arg in op.args[-2:]):
            # Triton keeps a literal's precision only beside a tile.
            args[-1] = f"tl.full((1, 1), {args[-1]}, {self.number})"
        rows, units = (any(self.shape(arg)[axis] for arg in op.args) for axis in (0, 1))
        self.define(number, _applied(op.kind, args), rows=rows, units=units)

    def shape(self, number: int) -> tuple[bool, bool]:
        """Whether a value's tile has rows, and units."""
        return self.shapes.get(number, (False, False))

    def whole(self, number: int) -> str:
        """The value as a tile (rows, units)."""
        name, width = self.value(number), self.size(self.ops[number].width)
        if self.ops[number].kind == "constant":
            return f"tl.full((ROWS, {width}), {name}, {self.number})"
        rows, units = self.shape(number)
        return name if rows and (units or width == 1) else f"tl.broadcast_to({name}, (ROWS, {width}))"

    def factor(self, number: int, element: str) -> str:
        """The value as what a product multiplies: zeros past its end, in the type of the factors."""
        mask, whole = self.inside(self.ops[number].width), self.whole(number)
        masked = f"tl.where({mask}, {whole}, 0.0)" if mask else whole
        return masked if element == self.number else f"({masked}).to({element})"

    # Memory

    def read(self, number: int, place: Place, offset: int, width: int) -> str:
        """Writes the reading of an operation's vector."""
        self.define(number, self.reading(place, offset, width), rows=bool(place.rows), units=width > 1)
        return self.names[number]

    def reading(self, place: Place, offset: int, width: int) -> str:
        """A vector of each row as an expression."""
        masks = [mask for mask in (place.rows, self.inside(width)) if mask]
        masked = f", mask={' & '.join(masks)}, other=0.0" if masks else ""
        return f"tl.load({_units(place.pointer, offset, width)}{masked}).to({self.number})"

    def write(self, number: int, place: Place, offset: int) -> None:
        """Writes the writing of an operation's vector."""
        self.write_text(self.whole(number), place, offset, self.ops[number].width)

    def write_text(self, value: str, place: Place, offset: int, width: int) -> None:
        """Writes the writing of a tile (rows, units)."""
        masks = " & ".join(mask for mask in (place.rows, self.inside(width)) if mask)
        masked = f", mask={masks}" if masks else ""
        self.text.line(f"tl.store({_units(place.pointer, offset, width)}, {value}{masked})")


def matrix_tile(matrix: Matrix, pointer: str) -> str:
    """The reading of a whole matrix, (units of the vector, units of the product), as a factor of tl.dot."""
    k, n = padded(matrix.width_in), padded(matrix.width_out)
    return _matrix(matrix, pointer, f"along{k}", f"unit{n}", k != matrix.width_in)


def matrix_slice(matrix: Matrix, pointer: str, along: str, *, masked: bool) -> str:
    """The reading of some of its rows, `along` (k, 1) of the vector's units."""
    return _matrix(matrix, pointer, along, f"unit{padded(matrix.width_out)}", masked)


def _matrix(matrix: Matrix, pointer: str, along: str, unit: str, masked: bool) -> str:
    row, column = (along, unit) if matrix.transposed else (unit, along)
    masks = [f"({along} < {matrix.width_in})"] if masked else []
    masks += [f"({unit} < {matrix.width_out})"] if matrix.width_out != padded(matrix.width_out) else []
    mask = f", mask={' & '.join(masks)}, other=0.0" if masks else ""
    return f"tl.load({pointer} + ({matrix.row} + {row}) * {matrix.columns} + {column}{mask})"


def literal(value: float) -> str:
    """A number as Triton reads it."""
    return repr(float(value)) if isfinite(value) else f'float("{value}")'


def _units(pointer: str, offset: int, width: int) -> str:
    start = f"{pointer} + {offset}" if offset else pointer
    return start if width == 1 else f"{start} + unit{padded(width)}"


def _applied(kind: str, args: list[str]) -> str:
    if kind in ARITHMETIC:
        return f"{args[0]} {ARITHMETIC[kind]} {args[1]}"
    if kind in CONDITIONS:
        return f"{args[0]} {COMPARE[kind]} {args[1]}"
    if kind == "select":
        return f"tl.where({', '.join(args)})"
    assert kind in BINARY or len(args) == 1
    return CALLS[kind].format(*args)
