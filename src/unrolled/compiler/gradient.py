"""The backward step, by symbolic reverse mode on the forward step's graph.

Notation: for a value v, d v is the loss's gradient with respect to v. The backward step of time t gets d out(t) and
d state(t), and gives d x(t) and d state(t-1), and for every product y = W v the pair (d y, v), whose outer products
over all steps and rows are d W: one large matrix product after the loop. Where v is the input itself, d v is
another such product, W^T d y.

What the forward step computed is saved where it was dear (products, sums, transcendental functions) and computed again
where it was cheap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from unrolled.compiler.graph import Graph, Matrix, Op, Program

DEAR = ("exp", "log", "sqrt", "sigmoid", "tanh", "softplus", "product", "sum", "state", "div")


@dataclass(frozen=True, slots=True)
class WeightGradient:
    """d W[row : row + rows] = sum over steps and rows of (d y) v^T.

    Attributes:
        name, row, rows: the part of the parameter.
        dy: (stream, offset) of d y, `rows` wide.
        v: offset of v in the stream "saved".
        columns: width of v.
        of_inputs: v is what arrives, so that d v is W^T d y, made after the loop too.
    """

    name: str
    row: int
    rows: int
    dy: tuple[str, int]
    v: int
    columns: int
    of_inputs: bool


@dataclass(frozen=True, slots=True)
class Differentiated:
    """A step and its gradient.

    Attributes:
        forward: the step, with what the gradient needs stored in the stream "saved".
        backward: the backward step; its states are d states. It loads the streams "saved", "x" (if it must) and
            "dout", and stores "dx" and "dy".
        weights: what the matrix products after the loop give; those of one tuple share d y, and their v lie side by
            side, so that one product gives them all.
    """

    forward: Program
    backward: Program
    weights: tuple[tuple[WeightGradient, ...], ...]


def differentiate(program: Program, lanes: int) -> Differentiated:
    """The step with what its gradient needs saved, and the gradient.

    Args:
        program: a step as `trace` gives it.
        lanes: saved vectors start at multiples of this.
    """
    reverse = _Reverse(program)
    reverse.run()
    return reverse.result(lanes)


class _Reverse:
    """One graph holds the step and its gradient; afterwards the two are told apart."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.graph = Graph()
        for op in program.graph.ops:
            self.graph.ops.append(op)
            self.graph._known.setdefault(op, len(self.graph.ops) - 1)
        self.forward_ops = len(self.graph.ops)
        self.gradients: dict[int, int] = {}
        self.pairs: list[tuple[Matrix, int, int]] = []

    def run(self) -> None:
        g = self.graph
        for name, number in self.program.states.items():
            width = g.ops[number].width
            self.accumulate(number, g.add("state", width=width, detail=(f"d {name}",)))
        for (stream, _), number in self.program.stores.items():
            if stream == "out":
                self.accumulate(number, g.add("load", width=g.ops[number].width, detail=("dout", 0)))
        for number in reversed(range(self.forward_ops)):
            if number in self.gradients:
                self.propagate(number, self.graph.ops[number], self.gradients[number])

    def accumulate(self, number: int, gradient: int) -> None:
        g, width = self.graph, self.graph.ops[number].width
        if width == 1 and g.ops[gradient].width > 1:
            gradient = g.add("sum", gradient, width=1)
        known = self.gradients.get(number)
        self.gradients[number] = gradient if known is None else g.add("add", known, gradient)

    def propagate(self, number: int, op: Op, d: int) -> None:
        g, args = self.graph, op.args
        zero, one = g.constant(0.0), g.constant(1.0)
        if op.kind == "add":
            self.accumulate(args[0], d)
            self.accumulate(args[1], d)
        elif op.kind == "sub":
            self.accumulate(args[0], d)
            self.accumulate(args[1], g.add("neg", d))
        elif op.kind == "mul":
            self.accumulate(args[0], g.add("mul", d, args[1]))
            self.accumulate(args[1], g.add("mul", d, args[0]))
        elif op.kind == "div":
            quotient = g.add("div", d, args[1])
            self.accumulate(args[0], quotient)
            self.accumulate(args[1], g.add("neg", g.add("mul", quotient, number)))
        elif op.kind in ("maximum", "minimum"):
            # Where both are equal each gets half, as in torch.
            wins = "gt" if op.kind == "maximum" else "lt"
            half = g.add("mul", d, g.constant(0.5))
            for own, other in (args, args[::-1]):
                tie = g.add("select", g.add("eq", own, other), half, zero)
                self.accumulate(own, g.add("select", g.add(wins, own, other), d, tie))
        elif op.kind == "select":
            self.accumulate(args[1], g.add("select", args[0], d, zero))
            self.accumulate(args[2], g.add("select", args[0], zero, d))
        elif op.kind == "sum":
            self.accumulate(args[0], d)
        elif op.kind == "product":
            d = self.wide(d, op.width)
            for matrix, v in zip(op.detail, args, strict=True):
                self.pairs.append((matrix, d, v))
                if self.arrives(v):
                    continue
                back = Matrix(matrix.name, matrix.row, matrix.rows, matrix.columns, transposed=True)
                self.accumulate(v, g.add("product", d, width=matrix.columns, detail=(back,)))
        elif op.kind in _SLOPES:
            self.accumulate(args[0], g.add("mul", d, _SLOPES[op.kind](g, args[0], number, zero, one)))

    def result(self, lanes: int) -> Differentiated:
        split = _Split(self.graph, self.forward_ops, lanes)
        source = self.program
        # Side by side, so that one matrix product serves all that share a d y.
        for _, _, v in self.sorted_pairs():
            split.save(v)
        states: dict[str, int] = {}
        dx: dict[int, int] = {}
        totals: dict[tuple[str, int], int] = {}
        for number, gradient in self.gradients.items():
            op = self.graph.ops[number]
            if op.kind == "load" and op.detail[0] == "x":
                dx[op.detail[1]] = self.wide(gradient, op.width)
            elif op.kind == "state" and number < self.forward_ops:
                states[op.detail[0]] = self.wide(gradient, op.width)
            elif op.kind == "parameter":
                totals[op.detail] = self.wide(gradient, op.width)
        if "x" in source.pitches:
            self.fill_gaps(dx, source.pitches["x"])
        backward = Program(Graph(), {}, {}, {}, {})
        split.into = backward.graph
        backward.stores = {("dx", offset): split.moved(number) for offset, number in sorted(dx.items())}
        for name, number in source.states.items():
            # A state that the step does not read has no influence.
            gradient = states.get(name, self.graph.constant(0.0, self.graph.ops[number].width))
            backward.states[f"d {name}"] = split.moved(gradient)
        backward.totals = {place: split.moved(number) for place, number in totals.items()}
        weights = self.weight_gradients(split, backward, {number: offset for offset, number in dx.items()})
        backward.pitches = {"dout": source.pitches["out"], "saved": split.pitch(), "dy": split.dy_pitch}
        if "x" in source.pitches:
            backward.pitches |= {"dx": source.pitches["x"], "x": source.pitches["x"]}
        stores = {**source.stores, **{("saved", offset): number for number, offset in split.saved.items()}}
        forward = Program(self.graph, source.states, stores, {}, {**source.pitches, "saved": split.pitch()})
        return Differentiated(forward.pruned(), backward.pruned(), _side_by_side(weights, lanes))

    def fill_gaps(self, dx: dict[int, int], whole: int) -> None:
        """Zeros for the parts of the input that the step does not read."""
        end = 0
        for offset in [*sorted(dx), whole]:
            if offset > end:
                dx[end] = self.graph.constant(0.0, offset - end)
            end = offset if offset == whole else offset + self.graph.ops[dx[offset]].width

    def wide(self, number: int, width: int) -> int:
        """The value as a vector, where it is one number for all units."""
        if self.graph.ops[number].width == width:
            return number
        return self.graph.add("add", self.graph.constant(0.0, width), number)

    def arrives(self, number: int) -> bool:
        """Whether the value is the input itself."""
        op = self.graph.ops[number]
        return op.kind == "load" and op.detail[0] == "inputs"

    def sorted_pairs(self) -> list[tuple[Matrix, int, int]]:
        """The pairs in the order of the parameters' rows."""
        return sorted(self.pairs, key=lambda pair: (pair[0].name, pair[0].row))

    def weight_gradients(self, split: _Split, backward: Program, dx: dict[int, int]) -> tuple[WeightGradient, ...]:
        """The pairs (d y, v), those merged that one matrix product can serve."""
        found: list[WeightGradient] = []
        for matrix, dy, v in self.sorted_pairs():
            if dy in dx:
                place = ("dx", dx[dy])
            else:
                place = ("dy", split.dy_place(dy, self.graph.ops[dy].width))
                backward.stores[place] = split.moved(dy)
            of_inputs = self.arrives(v)
            new = WeightGradient(matrix.name, matrix.row, matrix.rows, place, split.save(v), matrix.columns, of_inputs)
            last = found[-1] if found else None
            if (
                last is not None
                and (last.name, last.row + last.rows, last.v) == (new.name, new.row, new.v)
                and last.dy == (place[0], place[1] - last.rows)
            ):
                found[-1] = replace(last, rows=last.rows + new.rows)
            else:
                found.append(new)
        return tuple(found)


def _side_by_side(parts: tuple[WeightGradient, ...], lanes: int) -> tuple[tuple[WeightGradient, ...], ...]:
    groups: list[tuple[WeightGradient, ...]] = []
    for part in parts:
        last = groups[-1][-1] if groups else part
        if groups and (last.dy, last.rows, round_up(last.v + last.columns, lanes)) == (part.dy, part.rows, part.v):
            groups[-1] += (part,)
        else:
            groups.append((part,))
    return tuple(groups)


class _Split:
    """Moves the gradient into a graph of its own, and notes which values the forward step must save for it."""

    def __init__(self, graph: Graph, forward_ops: int, lanes: int) -> None:
        self.graph = graph
        self.forward_ops = forward_ops
        self.lanes = lanes
        self.into = Graph()
        self.saved: dict[int, int] = {}
        self.end = 0
        self.dy_pitch = 0
        self.dy_places: dict[int, int] = {}
        self.known: dict[int, int] = {}

    def moved(self, number: int) -> int:
        """The value's number in the backward graph."""
        if number not in self.known:
            op = self.graph.ops[number]
            own_state = op.kind == "state" and op.detail[0].startswith("d ")
            if number < self.forward_ops and op.kind in DEAR and not own_state:
                self.known[number] = self.into.add("load", width=op.width, detail=("saved", self.save(number)))
            else:
                args = [self.moved(arg) for arg in op.args]
                self.known[number] = self.into.add(op.kind, *args, width=op.width, detail=op.detail)
        return self.known[number]

    def save(self, number: int) -> int:
        """Where the value lies in the stream "saved"."""
        if number not in self.saved:
            self.saved[number] = self.end
            self.end += round_up(self.graph.ops[number].width, self.lanes)
        return self.saved[number]

    def dy_place(self, number: int, width: int) -> int:
        """Where a d y lies in the stream "dy"."""
        if number not in self.dy_places:
            self.dy_places[number] = self.dy_pitch
            self.dy_pitch += width
        return self.dy_places[number]

    def pitch(self) -> int:
        """Numbers that a step and row saves."""
        return self.end


def round_up(value: int, multiple: int) -> int:
    """The next multiple."""
    return -(-value // multiple) * multiple


_SLOPES = {
    "neg": lambda g, v, y, zero, one: g.constant(-1.0),
    "exp": lambda g, v, y, zero, one: y,
    "log": lambda g, v, y, zero, one: g.add("div", one, v),
    "sqrt": lambda g, v, y, zero, one: g.add("div", g.constant(0.5), y),
    "sigmoid": lambda g, v, y, zero, one: g.add("mul", y, g.add("sub", one, y)),
    "tanh": lambda g, v, y, zero, one: g.add("sub", one, g.add("mul", y, y)),
    "relu": lambda g, v, y, zero, one: g.add("select", g.add("gt", y, zero), one, zero),
    "softplus": lambda g, v, y, zero, one: g.add("sigmoid", v),
}
