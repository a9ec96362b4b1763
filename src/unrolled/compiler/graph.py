"""A step as a list of operations on vectors over the units.

Every value is a vector of some width, or a number (width 1) that broadcasts. The kinds:

    load (stream, offset)       part of what arrives at every step and row
    state (name)                a state before the step
    parameter (name, offset)    part of a learned vector
    constant (value)            of any width
    product (matrix, ...)       the sum of matrix_i argument_i
    sum                         over the units, to width 1
    neg exp log sqrt sigmoid tanh relu softplus
    add sub mul div maximum minimum
    gt ge lt le eq              conditions, which only `select` takes
    select                      argument 1 where the condition holds, else argument 2
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

UNARY = ("neg", "exp", "log", "sqrt", "sigmoid", "tanh", "relu", "softplus")
BINARY = ("add", "sub", "mul", "div", "maximum", "minimum")
CONDITIONS = ("gt", "ge", "lt", "le", "eq")
LEAVES = ("load", "state", "parameter", "constant")
POINTWISE = (*UNARY, *BINARY, *CONDITIONS, "select")


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows `row` to `row + rows` of a parameter (_, columns), transposed if wanted."""

    name: str
    row: int
    rows: int
    columns: int
    transposed: bool = False

    @property
    def width_in(self) -> int:
        """Units of the vector that it multiplies."""
        return self.rows if self.transposed else self.columns

    @property
    def width_out(self) -> int:
        """Units of the product."""
        return self.columns if self.transposed else self.rows


@dataclass(frozen=True, slots=True)
class Op:
    """One operation; arguments are numbers of earlier operations in the graph."""

    kind: str
    args: tuple[int, ...] = ()
    width: int = 1
    detail: tuple[Any, ...] = ()

    def __str__(self) -> str:
        words = [self.kind, *(f"%{arg}" for arg in self.args), *(str(part) for part in self.detail)]
        return " ".join(words)


@dataclass(slots=True)
class Graph:
    """Operations in order; equal ones are one."""

    ops: list[Op] = field(default_factory=list)
    _known: dict[Op, int] = field(default_factory=dict)

    def add(self, kind: str, *args: int, width: int | None = None, detail: tuple[Any, ...] = ()) -> int:
        """The number of this operation, new or as it was. Widths follow from the arguments unless given.

        Raises:
            ValueError: vectors of different widths meet.
        """
        if width is None:
            widths = {self.ops[arg].width for arg in args} - {1}
            if len(widths) > 1:
                raise ValueError(f"{kind}: vectors of different widths {sorted(widths)} meet")
            width = widths.pop() if widths else 1
        short = self._simpler(kind, args, width)
        if short is not None:
            return short
        return self._known_or_new(Op(kind, args, width, detail))

    def constant(self, value: float, width: int = 1) -> int:
        """A number, or a vector of equal numbers."""
        return self.add("constant", width=width, detail=(float(value),))

    def value_of(self, number: int) -> float | None:
        """The number if the operation is a constant."""
        op = self.ops[number]
        return op.detail[0] if op.kind == "constant" else None

    def _simpler(self, kind: str, args: tuple[int, ...], width: int) -> int | None:
        if kind not in ("add", "sub", "mul", "div", "neg"):
            return None
        values = [self.value_of(arg) for arg in args]
        if kind == "neg":
            inner = self.ops[args[0]]
            return (
                self.constant(-values[0], width)
                if values[0] is not None
                else inner.args[0]
                if inner.kind == "neg"
                else None
            )
        first, second = args
        if kind == "add":
            merged = self._products_first(first, second, width)
            if merged is not None:
                return merged
        if None not in values and width == 1:
            a, b = float(values[0] or 0), float(values[1] or 0)
            known = {"add": a + b, "sub": a - b, "mul": a * b}
            return self.constant(known[kind]) if kind in known else None
        if values[1] == {"add": 0.0, "sub": 0.0, "mul": 1.0, "div": 1.0}[kind] and self.ops[first].width == width:
            return first
        neutral = {"add": 0.0, "mul": 1.0}.get(kind)
        if neutral is not None and values[0] == neutral and self.ops[second].width == width:
            return second
        return None

    def _products_first(self, first: int, second: int, width: int) -> int | None:
        """A sum with its products in front and merged, since one accumulator serves a sum of products."""
        (p, a), (q, b) = self._product_and_rest(first), self._product_and_rest(second)
        if q is None:
            return None
        if p is None:
            rest = first if b is None else self.add("add", first, b)
            return self._known_or_new(Op("add", (q, rest), width))
        one, other = self.ops[p], self.ops[q]
        both = self.add("product", *one.args, *other.args, width=width, detail=one.detail + other.detail)
        rests = [rest for rest in (a, b) if rest is not None]
        if not rests:
            return both
        return self._known_or_new(Op("add", (both, rests[0] if len(rests) == 1 else self.add("add", *rests)), width))

    def _product_and_rest(self, number: int) -> tuple[int | None, int | None]:
        op = self.ops[number]
        if op.kind == "product":
            return number, None
        if op.kind == "add" and self.ops[op.args[0]].kind == "product":
            return op.args[0], op.args[1]
        return None, number

    def _known_or_new(self, op: Op) -> int:
        if op not in self._known:
            self._known[op] = len(self.ops)
            self.ops.append(op)
        return self._known[op]

    def needed(self, roots: Iterable[int]) -> set[int]:
        """The operations that these depend on, themselves included."""
        found: set[int] = set()
        waiting = list(roots)
        while waiting:
            number = waiting.pop()
            if number not in found:
                found.add(number)
                waiting.extend(self.ops[number].args)
        return found


@dataclass(slots=True)
class Program:
    """What one step does for one row: a graph, and where its results go.

    Attributes:
        graph: the operations.
        states: for every state, in order, the operation that gives its next value.
        stores: (stream, offset) -> operation: what leaves at every step and row.
        totals: (parameter, offset) -> operation: what is summed over all steps and rows.
        pitches: numbers a step and row of every stream.
    """

    graph: Graph
    states: dict[str, int]
    stores: dict[tuple[str, int], int]
    totals: dict[tuple[str, int], int] = field(default_factory=dict)
    pitches: dict[str, int] = field(default_factory=dict)

    def roots(self) -> list[int]:
        """Every operation whose result is wanted."""
        return [*self.states.values(), *self.stores.values(), *self.totals.values()]

    def total_owners(self) -> dict[str, str]:
        """For every parameter that is summed, the first one that has the same sums: two biases often have."""
        parts: dict[str, list[tuple[int, int]]] = {}
        for (name, offset), number in sorted(self.totals.items()):
            parts.setdefault(name, []).append((offset, number))
        owners: dict[tuple[tuple[int, int], ...], str] = {}
        return {name: owners.setdefault(tuple(own), name) for name, own in parts.items()}

    def pruned(self) -> Program:
        """The same program without operations that nothing needs, numbered anew."""
        kept = sorted(self.graph.needed(self.roots()))
        number = {old: new for new, old in enumerate(kept)}
        graph = Graph()
        for old in kept:
            op = self.graph.ops[old]
            graph.ops.append(Op(op.kind, tuple(number[arg] for arg in op.args), op.width, op.detail))
        return Program(
            graph,
            {name: number[op] for name, op in self.states.items()},
            {place: number[op] for place, op in self.stores.items()},
            {place: number[op] for place, op in self.totals.items()},
            self.pitches,
        )

    def __str__(self) -> str:
        lines = [f"%{i:<4} [{op.width:>4}] {op}" for i, op in enumerate(self.graph.ops)]
        lines += [f"next {name} = %{op}" for name, op in self.states.items()]
        lines += [f"store {stream}[{offset}] = %{op}" for (stream, offset), op in self.stores.items()]
        lines += [f"total {name}[{offset}] += %{op}" for (name, offset), op in self.totals.items()]
        return "\n".join(lines)
