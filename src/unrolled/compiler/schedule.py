"""From a program to loops over the units: the list is cut where an operation needs a whole vector.

A product needs all of the vector that it multiplies, a sum all of its argument. So every value has a level: the number
of such cuts before it. What shares a level and a width is one loop, in which everything is pointwise behind the
products that feed it, and only what another loop needs leaves the registers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from unrolled.compiler.graph import CONDITIONS, LEAVES, Program


@dataclass(slots=True)
class Loop:
    """One loop over units (and rows).

    Attributes:
        width: units; 1 for what is one number a row.
        products: the products computed here.
        sums: the sums whose argument is at hand here.
        stores: the places of the program's stores that leave here.
        states: the states whose next value leaves here.
        totals: the places of the program's totals that leave here, one for all parameters that share it.
        kept: values that other loops need, and so go to scratch memory.
    """

    level: int
    width: int
    products: list[int] = field(default_factory=list)
    sums: list[int] = field(default_factory=list)
    stores: list[tuple[str, int]] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    totals: list[tuple[str, int]] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Schedule:
    """A program in loops.

    Attributes:
        loops: in order.
        loop_of: the loop in which an operation is computed; leaves are in none, they are read where needed.
        readable: where a product finds the vector it multiplies: a leaf's own place, a stream, or scratch.
    """

    program: Program
    loops: list[Loop]
    loop_of: dict[int, Loop]
    readable: dict[int, tuple[str, int]]

    def __str__(self) -> str:
        lines = []
        for number, loop in enumerate(self.loops):
            parts = [f"loop {number}: {loop.width} units"]
            ops = [number for number, own in self.loop_of.items() if own is loop]
            parts += [f"  %{number} {self.program.graph.ops[number]}" for number in ops]
            parts += [f"  store {stream}[{offset}]" for stream, offset in loop.stores]
            parts += [f"  next {name}" for name in loop.states]
            parts += [f"  total {name}[{offset}]" for name, offset in loop.totals]
            parts += [f"  keep %{number}" for number in loop.kept]
            lines += parts
        return "\n".join(lines)


def schedule(program: Program) -> Schedule:
    """The loops of a program."""
    levels = _levels(program)
    ops = program.graph.ops
    made: dict[tuple[int, int], Loop] = {}

    def loop_at(level: int, width: int) -> Loop:
        return made.setdefault((level, width), Loop(level, width))

    def home(number: int) -> Loop:
        # Leaves that leave as they are do so as early as can be.
        return loop_at(max(levels[number], 0), ops[number].width)

    loop_of: dict[int, Loop] = {}
    for number, op in enumerate(ops):
        if op.kind == "sum":
            loop_of[number] = home(op.args[0])
            loop_of[number].sums.append(number)
        elif op.kind not in LEAVES and op.kind not in CONDITIONS:
            loop_of[number] = home(number)
            if op.kind == "product":
                loop_of[number].products.append(number)
    for place, number in program.stores.items():
        _leaving(program, loop_of, number, home).stores.append(place)
    for name, number in program.states.items():
        _leaving(program, loop_of, number, home).states.append(name)
    owners = program.total_owners()
    for place, number in program.totals.items():
        if owners[place[0]] == place[0]:
            _leaving(program, loop_of, number, home).totals.append(place)
    readable = _crossings(program, loop_of)
    # Within a level, what is one number a row comes first.
    return Schedule(program, [made[key] for key in sorted(made)], loop_of, readable)


def _levels(program: Program) -> list[int]:
    levels: list[int] = []
    for op in program.graph.ops:
        below = max((levels[arg] for arg in op.args), default=-1)
        if op.kind in LEAVES:
            levels.append(-1)
        elif op.kind == "product":
            levels.append(below + 1)
        elif op.kind == "sum":
            levels.append(max(below, 0) + 1)
        elif op.kind in CONDITIONS:
            levels.append(below)
        else:
            levels.append(max(below, 0))
    return levels


def _leaving(program: Program, loop_of: dict[int, Loop], number: int, home):  # type: ignore[no-untyped-def]
    # A sum lives in the loop of its argument, but is whole only afterwards.
    return home(number) if program.graph.ops[number].kind == "sum" else loop_of.get(number) or home(number)


def _crossings(program: Program, loop_of: dict[int, Loop]) -> dict[int, tuple[str, int]]:
    """Marks what must be kept for another loop, and finds where products read their vectors."""
    ops = program.graph.ops
    streams = {number: place for place, number in program.stores.items()}
    readable: dict[int, tuple[str, int]] = {}

    def keep(number: int) -> None:
        if number in loop_of and ops[number].kind != "sum" and number not in loop_of[number].kept:
            loop_of[number].kept.append(number)

    for number, op in enumerate(ops):
        if op.kind == "product":
            for arg in op.args:
                if ops[arg].kind == "state":
                    readable[arg] = ("state", arg)
                elif ops[arg].kind == "load":
                    readable[arg] = ops[arg].detail
                elif arg in streams:
                    readable[arg] = streams[arg]
                elif arg in loop_of:
                    readable[arg] = ("scratch", arg)
                    keep(arg)
                else:
                    raise ValueError(f"a product of {ops[arg].kind}, which is the same for every row")
        elif number in loop_of:
            for arg in _through_conditions(program, op.args):
                if arg in loop_of and loop_of[arg] is not loop_of[number]:
                    keep(arg)
    return readable


def _through_conditions(program: Program, args: tuple[int, ...]) -> list[int]:
    # Conditions are computed where they are used.
    found = []
    for arg in args:
        op = program.graph.ops[arg]
        found += _through_conditions(program, op.args) if op.kind in CONDITIONS else [arg]
    return found
