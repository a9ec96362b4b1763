"""Where a kernel finds things: the memory that a schedule implies, and the list of arguments that tells where it is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from unrolled.compiler.gradient import round_up
from unrolled.compiler.graph import Matrix
from unrolled.compiler.schedule import Loop, Schedule
from unrolled.compiler.target import Target

# Streams that hold the valid steps only, all in the same order; the others lie as the caller has them.
COMPACT = ("x", "dx", "dy", "saved")
# Bytes of matrices that stay in a core's second cache beside everything else.
NEAR = 1 << 19


@dataclass(frozen=True, slots=True)
class Group:
    """The products of one loop that multiply the same vector, whose matrices are packed together.

    Packed, element [tile][k][member][unit of the tile] is matrix_member[tile * units + unit, k].

    Attributes:
        vector: the operation that gives the vector.
        members: (which of the loop's products, its matrix).
    """

    vector: int
    members: tuple[tuple[int, Matrix], ...]

    @property
    def width(self) -> int:
        """Units of the vector."""
        return self.members[0][1].width_in


@dataclass(frozen=True, slots=True)
class Tile:
    """How a loop walks: rows and registers of units at a time.

    Attributes:
        rows: row counts of the tiles, the largest first; the last is 1.
        registers: of units, in each tile.
        units: registers * lanes.
        count: tiles of units.
    """

    rows: tuple[int, ...]
    registers: int
    units: int
    count: int


class Layout:
    """Offsets, in numbers, of everything that a kernel touches.

    Attributes:
        scratch: value -> offset in a row's scratch memory; `scratch_pitch` numbers a row.
        states: name -> offset in a row's state; `state_pitch` numbers a row.
        vectors: the parameters of which vectors are read.
        totals: parameter -> where its sum, laid out as itself, begins and ends in a thread's totals; `totals_size` in
            all.
        groups: for every loop its groups; `packed` gives each one's place in the list of packed matrices.
        rows_outside: for every loop whether tiles of rows are the outer ones and tiles of units the inner ones: what a
            row reads and writes then lies side by side. Else the other way round, so that matrices which are too
            large for the second cache are read from farther away once a step.
        bf16: whether products are of bf16 pairs, with fp32 sums.
        converted: for every loop the offsets of its groups' vectors in a row's bf16 memory, which all loops share;
            `converted_pitch` bf16 numbers a row.
        arguments: name -> place in the list of 64-bit arguments.
    """

    def __init__(self, schedule: Schedule, target: Target, *, double: bool, bf16: bool = False) -> None:
        program, ops = schedule.program, schedule.program.graph.ops
        self.lanes = lanes = target.lanes(double)
        self.tiles = [_tile(loop, target, lanes) for loop in schedule.loops]
        self.scratch: dict[int, int] = {}
        self.scratch_pitch = 0
        for loop in schedule.loops:
            for number in loop.kept:
                self.scratch[number] = self.scratch_pitch
                self.scratch_pitch += round_up(loop.width, lanes)
        for number, op in enumerate(ops):
            if op.kind == "sum":
                self.scratch[number] = self.scratch_pitch
                self.scratch_pitch += lanes
        self.states: dict[str, int] = {}
        self.state_pitch = 0
        for name, number in program.states.items():
            self.states[name] = self.state_pitch
            self.state_pitch += round_up(ops[number].width, lanes)
        ends: dict[str, int] = {}
        for (name, offset), number in program.totals.items():
            ends[name] = max(ends.get(name, 0), offset + ops[number].width)
        self.totals: dict[str, tuple[int, int]] = {}
        self.totals_size = 0
        for name, owner in program.total_owners().items():
            if owner == name:
                self.totals[name] = (self.totals_size, self.totals_size + ends[name])
                self.totals_size += round_up(ends[name], lanes)
            else:
                self.totals[name] = self.totals[owner]
        self.groups = [_groups(schedule, loop) for loop in schedule.loops]
        self.bf16 = bf16
        # Bytes of an element of a matrix.
        width = 8 if double else 2 if bf16 else 4
        self.rows_outside = [
            width * tile.count * tile.units * sum(len(group.members) * group.width for group in groups) <= NEAR
            for tile, groups in zip(self.tiles, self.groups, strict=True)
        ]
        self.converted = [
            list(accumulate((round_up(group.width, lanes) for group in groups), initial=0)) for groups in self.groups
        ]
        self.converted_pitch = max((offsets[-1] for offsets in self.converted), default=0) if bf16 else 0
        streams = sorted({op.detail[0] for op in ops if op.kind == "load"} | {stream for stream, _ in program.stores})
        self.streams = tuple(streams)
        self.vectors = tuple(sorted({op.detail[0] for op in ops if op.kind == "parameter"}))
        # The same for every thread; then what each has of its own.
        common = ["capacity", "compact stride"] + [f"{stream} base" for stream in streams]
        common += [f"{stream} stride" for stream in streams if stream not in COMPACT]
        common += [f"vector {name}" for name in self.vectors]
        common += [f"packed {i} {j}" for i, groups in enumerate(self.groups) for j in range(len(groups))]
        own = ["steps", "active", "states", "scratch", "totals", "converted", "compact rows"]
        names = common + own + [f"{stream} rows" for stream in streams if stream not in COMPACT]
        self.arguments = {name: place for place, name in enumerate(names)}


def _groups(schedule: Schedule, loop: Loop) -> tuple[Group, ...]:
    found: dict[int, list[tuple[int, Matrix]]] = {}
    for place, number in enumerate(loop.products):
        op = schedule.program.graph.ops[number]
        for vector, matrix in zip(op.args, op.detail, strict=True):
            found.setdefault(vector, []).append((place, matrix))
    return tuple(Group(vector, tuple(members)) for vector, members in found.items())


def _tile(loop: Loop, target: Target, lanes: int) -> Tile:
    blocks = -(-loop.width // lanes)
    if not loop.products:
        # As many registers as divide the blocks best: a tile first has to find out where everything lies.
        registers = min(range(1, min(blocks, 5) + 1), key=lambda count: (-(-blocks // count) * count, -count))
        return Tile((1,), registers, registers * lanes, -(-blocks // registers))

    def rows_for(registers: int) -> int:
        # Accumulators, one set of matrix vectors, and two for what is broadcast.
        wide = registers * len(loop.products)
        return max(1, min(8, (target.registers - 2 - min(wide, 4)) // wide))

    def cost(registers: int) -> float:
        wide = registers * len(loop.products)
        tiles = -(-blocks // registers)
        # Work done, for nothing too, and the loads that go with each multiplication.
        return tiles * registers * (1 + 0.4 / rows_for(registers) + 0.4 / wide)

    registers = min(range(1, min(blocks, 6) + 1), key=cost)
    most = rows_for(registers)
    rows = tuple(sorted({most, max(1, most // 2), min(most, 2), 1}, reverse=True))
    return Tile(rows, registers, registers * lanes, -(-blocks // registers))
