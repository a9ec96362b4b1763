"""The compiled training loop: windows of words, or bags of rows, tile by tile.

`windows` trains skip-gram: every context in a window is an input row, the word in the middle and its negatives are
the outputs. `bags` trains on a mean of rows: the words of a window (continuous bag of words) or a word with its
subwords. Threads write to the same rows without locks (Niu et al. 2011, "Hogwild!").
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from llvmlite import ir

from unrolled.compiler.jit import compiled
from unrolled.compiler.target import Target, host
from unrolled.compiler.vector_math import VectorMath
from unrolled.models.embedding.tile import FLOAT, INT, POINTER, Shape, integer, loop, tile

WINDOWS = ("inputs", "outputs", "sink", "words", "lefts", "rights", "negatives", "count", "rate", "loss")
BAGS = ("inputs", "outputs", "sink", "rows", "row_ends", "targets", "target_ends", "negatives", "count", "rate", "loss")
BIASED = ("biases", "offsets")
# Output rows are fetched this many words ahead: negatives lie anywhere.
AHEAD = 2
CACHE_LINE = 64
INDEX = ir.IntType(32)


class Kernel:
    """A compiled loop; call it with the addresses and numbers that its `names` say.

    Args:
        kind: "windows" or "bags".
        dim: numbers of a vector.
        negative: noise words for each word.
        biased: as `Shape`.
    """

    def __init__(self, kind: str, dim: int, negative: int, *, biased: bool = False) -> None:
        target = host()
        self.lanes = target.lanes(False)
        self.pitch = pitch(dim)
        self.names = (WINDOWS if kind == "windows" else BAGS) + (BIASED if biased else ())
        text = kernel_ir(kind, Shape(self.pitch, self.lanes, biased), negative, target)
        # The text itself is the name: it says all that the code depends on.
        self._code = compiled(text, lambda: text, target)
        # A call through ctypes lets other Python threads run meanwhile.
        self._call = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)(self._code.address)

    def __call__(self, **arguments: int) -> None:
        """Trains on one chunk."""
        values = (ctypes.c_int64 * len(self.names))(*(arguments[name] for name in self.names))
        self._call(0, 0, ctypes.addressof(values))


def pitch(dim: int) -> int:
    """Numbers from row to row: vectors are filled up with zeros, which training leaves as they are."""
    lanes = host().lanes(False)
    return -(-dim // lanes) * lanes


@cache
def kernel(kind: str, dim: int, negative: int, biased: bool) -> Kernel:
    """The kernel for these sizes."""
    return Kernel(kind, dim, negative, biased=biased)


def kernel_ir(kind: str, shape: Shape, negative: int, target: Target) -> str:
    """The LLVM IR of a training loop."""
    module = ir.Module("embedding")
    module.triple = target.triple
    # Sums of a tile stay in registers: (4, 6) fills 24 of 32, (2, 4) 8 of 16.
    rows, columns = (4, 6) if target.registers >= 32 else (2, 4)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [INT, INT, INT.as_pointer()]), "kernel")
    names = (WINDOWS if kind == "windows" else BAGS) + (BIASED if shape.biased else ())
    builder = _Loop(ir.IRBuilder(function.append_basic_block("entry")), shape, negative, rows, columns)
    b = builder.b
    for place, name in enumerate(names):
        builder.arguments[name] = b.load(b.gep(function.args[2], [integer(place)]))
    builder.emit(kind)
    b.ret_void()
    return str(module)


class _Loop:
    """Emits a training loop.

    Args:
        b: at the function's entry.
        shape: of the rows.
        negative: noise words for each word.
        rows, columns: of the largest tile.
    """

    def __init__(self, b: ir.IRBuilder, shape: Shape, negative: int, rows: int, columns: int) -> None:
        self.b, self.shape, self.rows, self.columns = b, shape, rows, columns
        self.count = negative + 1
        self.negative = negative
        self.arguments: dict[str, Any] = {}
        self.ins = b.alloca(POINTER, rows)
        self.outs, self.biases, self.offsets = (b.alloca(POINTER, self.count) for _ in range(3))
        self.bag, self.bag_before = (b.alloca(FLOAT, shape.pitch) for _ in range(2))
        self.math = VectorMath(b, FLOAT, shape.lanes)

    def emit(self, kind: str) -> None:
        """The whole loop."""
        self.rate = self.b.load(self.b.inttoptr(self.arguments["rate"], POINTER))
        self.loss = self.b.inttoptr(self.arguments["loss"], POINTER)
        body = self._window if kind == "windows" else self._bag
        count = self.arguments["count"]
        with self.b.if_then(self.b.icmp_signed(">", count, integer(0))):
            loop(self.b, count, [], lambda i, _: body(i) or [])

    def _window(self, i: Any) -> None:
        b = self.b
        self._prefetch(i, "words")
        word = self._index("words", i)
        self._choose(word, i)
        left, right = self._index("lefts", i), self._index("rights", i)
        contexts = b.sub(b.sub(right, left), integer(1))
        done = integer(0)
        rows = self.rows
        while rows:
            done = self._repeat(done, contexts, rows, left, i)
            rows //= 2

    def _repeat(self, done: Any, contexts: Any, rows: int, left: Any, i: Any) -> Any:
        """Tiles of so many rows while there are that many contexts left; gives how many are done."""
        b = self.b
        before, head, body, after = b.block, *(b.append_basic_block(name) for name in ("head", "body", "after"))
        b.branch(head)
        b.position_at_end(head)
        at = b.phi(INT)
        at.add_incoming(done, before)
        b.cbranch(b.icmp_signed("<=", b.add(at, integer(rows)), contexts), body, after)
        b.position_at_end(body)
        for row in range(rows):
            place = b.add(left, b.add(at, integer(row)))
            # The word itself is no context of its own.
            place = b.add(place, b.zext(b.icmp_signed(">=", place, i), INT))
            b.store(self._row("inputs", self._index("words", place)), b.gep(self.ins, [integer(row)]))
        self._tiles(rows)
        at.add_incoming(b.add(at, integer(rows)), b.block)
        b.branch(head)
        b.position_at_end(after)
        return at

    def _tiles(self, rows: int) -> None:
        """The chosen inputs against all chosen outputs."""
        b, shape = self.b, self.shape

        def call(first: Any, columns: int, positive: Any) -> None:
            lists = [b.gep(one, [first]) for one in (self.outs, self.biases, self.offsets)]
            function = tile(b.module, shape, rows, columns)
            b.call(function, [self.ins, lists[0], positive, self.rate, self.loss, *lists[1:]])

        whole, rest = divmod(self.count, self.columns)

        def step(k: Any, _: list[Any]) -> list[Any]:
            positive = b.uitofp(b.icmp_signed("==", k, integer(0)), FLOAT)
            call(b.mul(k, integer(self.columns)), self.columns, positive)
            return []

        if whole:
            loop(b, integer(whole), [], step)
        if rest:
            call(integer(whole * self.columns), rest, ir.Constant(FLOAT, 0.0 if whole else 1.0))

    def _bag(self, i: Any) -> None:
        b, lanes = self.b, self.shape.lanes
        chunks = integer(self.shape.pitch // lanes)
        first, last = self._ends("row_ends", i)
        size = b.sub(last, first)
        share = self._spread(b.fdiv(ir.Constant(FLOAT, 1.0), b.sitofp(size, FLOAT)))

        def mean(k: Any, _: list[Any]) -> list[Any]:
            def add(j: Any, total: list[Any]) -> list[Any]:
                row = self._row("inputs", self._index("rows", b.add(first, j)))
                return [b.fadd(total[0], b.load(self._lane(row, k), align=4))]

            value = b.fmul(loop(b, size, [self.math.constant(0.0)], add)[0], share)
            b.store(value, self._lane(self.bag, k), align=4)
            b.store(value, self._lane(self.bag_before, k), align=4)
            return []

        loop(b, chunks, [], mean)
        start, end = self._ends("target_ends", i)

        def train(t: Any, _: list[Any]) -> list[Any]:
            self._choose(self._index("targets", b.add(start, t)), i)
            b.store(self.bag, self.ins)
            self._tiles(1)
            return []

        with b.if_then(b.icmp_signed(">", end, start)):
            loop(b, b.sub(end, start), [], train)

        def change(k: Any, _: list[Any]) -> list[Any]:
            moved = b.fsub(b.load(self._lane(self.bag, k), align=4), b.load(self._lane(self.bag_before, k), align=4))

            def add(j: Any, _: list[Any]) -> list[Any]:
                place = self._lane(self._row("inputs", self._index("rows", b.add(first, j))), k)
                b.store(b.fadd(b.load(place, align=4), moved), place, align=4)
                return []

            loop(b, size, [], add)
            return []

        loop(b, chunks, [], change)

    def _choose(self, word: Any, i: Any) -> None:
        """Notes the outputs: the word first, then its negatives."""
        b = self.b
        self._note(integer(0), word)
        base = b.mul(i, integer(self.negative))

        def step(k: Any, _: list[Any]) -> list[Any]:
            noise = self._index("negatives", b.add(base, k))
            # Noise that is the word itself would undo it; a row that nothing else uses takes its place.
            noise = b.select(b.icmp_signed("==", noise, word), self.arguments["sink"], noise)
            self._note(b.add(k, integer(1)), noise)
            return []

        loop(b, integer(self.negative), [], step)

    def _note(self, place: Any, index: Any) -> None:
        b = self.b
        b.store(self._row("outputs", index), b.gep(self.outs, [place]))
        if self.shape.biased:
            for name, where in (("biases", self.biases), ("offsets", self.offsets)):
                b.store(b.gep(b.inttoptr(self.arguments[name], POINTER), [index]), b.gep(where, [place]))

    def _prefetch(self, i: Any, words: str) -> None:
        """Asks for the outputs of a word that comes later."""
        b = self.b
        last = b.sub(self.arguments["count"], integer(1))
        later = b.add(i, integer(AHEAD))
        later = b.select(b.icmp_signed("<", later, last), later, last)
        self._fetch(self._row("outputs", self._index(words, later)))
        base = b.mul(later, integer(self.negative))

        def step(k: Any, _: list[Any]) -> list[Any]:
            self._fetch(self._row("outputs", self._index("negatives", b.add(base, k))))
            return []

        # With many negatives the tiles' own reading hides the way to memory.
        loop(b, integer(min(self.negative, 2 * self.columns)), [], step)

    def _fetch(self, row: Any) -> None:
        b = self.b
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, INDEX, INDEX, INDEX])
        function = b.module.globals.get("llvm.prefetch.p0") or ir.Function(b.module, kind, "llvm.prefetch.p0")
        for line in range(0, self.shape.pitch * 4, CACHE_LINE):
            place = b.gep(b.bitcast(row, byte), [integer(line)])
            b.call(function, [place, ir.Constant(INDEX, 1), ir.Constant(INDEX, 3), ir.Constant(INDEX, 1)])

    def _index(self, name: str, place: Any) -> Any:
        pointer = self.b.inttoptr(self.arguments[name], INDEX.as_pointer())
        return self.b.sext(self.b.load(self.b.gep(pointer, [place])), INT)

    def _ends(self, name: str, i: Any) -> tuple[Any, Any]:
        return self._index(name, i), self._index(name, self.b.add(i, integer(1)))

    def _row(self, table: str, index: Any) -> Any:
        pointer = self.b.inttoptr(self.arguments[table], POINTER)
        return self.b.gep(pointer, [self.b.mul(index, integer(self.shape.pitch))])

    def _lane(self, pointer: Any, k: Any) -> Any:
        place = self.b.gep(pointer, [self.b.mul(k, integer(self.shape.lanes))])
        return self.b.bitcast(place, self.math.vector.as_pointer())

    def _spread(self, value: Any) -> Any:
        zero = ir.Constant(INDEX, 0)
        vector = self.b.insert_element(ir.Constant(self.math.vector, ir.Undefined), value, zero)
        zeros = ir.Constant(ir.VectorType(INDEX, self.shape.lanes), [0] * self.shape.lanes)
        return self.b.shuffle_vector(vector, vector, zeros)
