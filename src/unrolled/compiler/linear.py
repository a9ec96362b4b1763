"""Which programs are linear in their states, unit by unit: new state = factor * state + term, neither from any state.

Such steps compose into steps of the same kind, (a, b) then (c, d) into (c a, c b + d), so that all of them can be done
by a parallel scan (Blelloch 1990, "Prefix Sums and Their Applications"; Martin, Cundy 2018, "Parallelizing Linear
Recurrent Neural Nets Over Sequence Length").
"""

from __future__ import annotations

from dataclasses import dataclass

from unrolled.compiler.graph import POINTWISE, Graph, Program


@dataclass(frozen=True, slots=True)
class Linear:
    """A program that is linear in its states.

    Attributes:
        program: the same, its graph with the operations below in it too.
        factors, terms: for every state, the operations that give its factor and its term.
    """

    program: Program
    factors: dict[str, int]
    terms: dict[str, int]


def linear(program: Program) -> Linear | None:
    """The factors and terms of a program; None if it is not linear, or not unit by unit."""
    ops = program.graph.ops
    widths = {ops[number].width for number in program.states.values()}
    if len(widths) != 1 or not {op.width for op in ops} <= widths | {1}:
        return None
    if any(op.kind in ("product", "sum") for op in ops):
        return None
    graph = Graph()
    for op in ops:
        graph.ops.append(op)
        graph._known.setdefault(op, len(graph.ops) - 1)
    parts = _Parts(graph)
    factors, terms = {}, {}
    for name, number in program.states.items():
        found = parts.of(number, name)
        if found is None:
            return None
        factors[name], terms[name] = found
    return Linear(Program(graph, program.states, program.stores, program.totals, program.pitches), factors, terms)


class _Parts:
    """Takes values apart into a multiple of a state and a rest."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.count = len(graph.ops)
        self.depends = [False] * self.count
        for number, op in enumerate(graph.ops):
            self.depends[number] = op.kind == "state" or any(self.depends[arg] for arg in op.args)

    def of(self, number: int, state: str) -> tuple[int, int] | None:
        """The factor of the state in a value, and the rest; None if there is no such thing."""
        g = self.graph
        zero = g.constant(0.0)
        found: dict[int, tuple[int, int]] = {}
        for here in sorted(n for n in g.needed([number]) if n < self.count):
            op, args = g.ops[here], g.ops[here].args
            if not self.depends[here]:
                found[here] = (zero, here)
                continue
            if op.kind == "state":
                if op.detail[0] != state:
                    return None
                found[here] = (g.constant(1.0), zero)
                continue
            if op.kind not in POINTWISE or not all(arg in found for arg in args):
                return None
            parts = [found[arg] for arg in args]
            made = self._combined(op.kind, args, parts)
            if made is None:
                return None
            found[here] = made
        return found[number]

    def _combined(self, kind: str, args: tuple[int, ...], parts: list[tuple[int, int]]) -> tuple[int, int] | None:
        g = self.graph
        if kind in ("add", "sub"):
            (a, b), (c, d) = parts
            return g.add(kind, a, c), g.add(kind, b, d)
        if kind == "neg":
            ((a, b),) = parts
            return g.add("neg", a), g.add("neg", b)
        first, second = self.depends[args[0]], self.depends[args[-1]]
        if kind == "mul" and not (first and second):
            (a, b), other = (parts[0], args[1]) if first else (parts[1], args[0])
            return g.add("mul", a, other), g.add("mul", b, other)
        if kind == "div" and not second:
            a, b = parts[0]
            return g.add("div", a, args[1]), g.add("div", b, args[1])
        if kind == "select" and not first:
            (_, _), (a, b), (c, d) = parts
            return g.add("select", args[0], a, c), g.add("select", args[0], b, d)
        return None
