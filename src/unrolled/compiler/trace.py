"""From a cell's step to a graph: the step is called once, with symbols in place of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unrolled.cells.core import Recurrence
from unrolled.cells.named import tuple_type
from unrolled.compiler.graph import Graph, Matrix, Program


class TraceError(Exception):
    """A step does what the compiler has no operation for; the message says what."""


class Symbol:
    """A vector over the units, for every row: stands for a tensor (batch, units) while a step is traced."""

    __slots__ = ("graph", "number")

    def __init__(self, graph: Graph, number: int) -> None:
        self.graph = graph
        self.number = number

    @property
    def width(self) -> int:
        """Units."""
        return self.graph.ops[self.number].width

    @property
    def shape(self) -> tuple[int, ...]:
        """As of a tensor with one row."""
        return (1, self.width)

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Every torch function called with a symbol comes here."""
        rule = _RULES.get(function)
        if rule is None:
            raise TraceError(f"the compiler has no operation for {getattr(function, '__name__', function)}")
        return rule(*args, **(kwargs or {}))

    def narrow(self, dim: int, start: int, length: int) -> Symbol:
        """Part of the vector."""
        if dim not in (-1, 0, 1):
            raise TraceError(f"narrow: expected the dimension of the units, found {dim}")
        return Symbol(self.graph, _part(self.graph, self.number, start, length))

    def to(self, *args: Any, **kwargs: Any) -> Symbol:
        """Itself: precision is the kernel's affair."""
        return self

    def __bool__(self) -> bool:
        raise TraceError("the step branches on a tensor's value; `where` chooses unit by unit")

    def __getattr__(self, name: str) -> Any:
        rule = _RULES.get(getattr(torch, name, None))
        if rule is not None:
            return partial(rule, self)
        raise TraceError(f"the compiler has no operation for Tensor.{name}")

    def __add__(self, other: Any) -> Symbol:
        return _apply("add", self, other)

    def __radd__(self, other: Any) -> Symbol:
        return _apply("add", other, self)

    def __sub__(self, other: Any) -> Symbol:
        return _apply("sub", self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return _apply("sub", other, self)

    def __mul__(self, other: Any) -> Symbol:
        return _apply("mul", self, other)

    def __rmul__(self, other: Any) -> Symbol:
        return _apply("mul", other, self)

    def __truediv__(self, other: Any) -> Symbol:
        return _apply("div", self, other)

    def __rtruediv__(self, other: Any) -> Symbol:
        return _apply("div", other, self)

    def __neg__(self) -> Symbol:
        return _apply("neg", self)

    def __pow__(self, power: Any) -> Symbol:
        if power != 2:
            raise TraceError(f"pow: expected the power 2, found {power}")
        return self * self

    def __gt__(self, other: Any) -> Symbol:
        return _apply("gt", self, other)

    def __ge__(self, other: Any) -> Symbol:
        return _apply("ge", self, other)

    def __lt__(self, other: Any) -> Symbol:
        return _apply("lt", self, other)

    def __le__(self, other: Any) -> Symbol:
        return _apply("le", self, other)


class MatrixSymbol:
    """A learned matrix while a step is traced: only `project` (F.linear) takes it."""

    def __init__(self, graph: Graph, matrix: Matrix) -> None:
        self.graph = graph
        self.matrix = matrix

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Every torch function called with the matrix comes here."""
        return Symbol.__torch_function__(function, types, args, kwargs)

    def narrow(self, dim: int, start: int, length: int) -> MatrixSymbol:
        """Some of the rows."""
        if dim != 0:
            raise TraceError(f"narrow: expected rows of a matrix, dimension 0, found dimension {dim}")
        whole = self.matrix
        return MatrixSymbol(self.graph, Matrix(whole.name, whole.row + start, length, whole.columns))


def trace(cell: Recurrence, projected: int | None = None) -> Program:
    """The program of a cell's step.

    Args:
        cell: what to trace; its parameters are only asked for their shapes.
        projected: the width of what `project_inputs` gives, which the program then loads from the stream "x". None
            to have the projection in the program, which loads the stream "inputs".

    Returns:
        A program that stores the output, the first state, in the stream "out".

    Raises:
        TraceError: the step does what the compiler has no operation for.
    """
    graph = Graph()
    names = tuple(cell.state_sizes)
    state = tuple_type(names)(
        *(Symbol(graph, graph.add("state", width=size, detail=(name,))) for name, size in cell.state_sizes.items())
    )
    width = cell.input_size if projected is None else projected
    stream = "inputs" if projected is None else "x"
    arriving = Symbol(graph, graph.add("load", width=width, detail=(stream, 0)))
    try:
        stand_in = symbolic(cell, graph)
        after = stand_in.advance(stand_in.project_inputs(arriving) if projected is None else arriving, state)
    except (ValueError, TypeError, AttributeError) as error:
        raise TraceError(f"{type(cell).__name__}: {error}") from error
    for name, size in cell.state_sizes.items():
        value = getattr(after, name, None)
        if not isinstance(value, Symbol) or value.width != size:
            raise TraceError(f"{type(cell).__name__}: expected the step to give {name} of {size} units")
    states = {name: getattr(after, name).number for name in names}
    pitches = {stream: width, "out": cell.state_sizes[names[0]]}
    return Program(graph, states, {("out", 0): states[names[0]]}, {}, pitches).pruned()


def symbolic(module: Any, graph: Graph, prefix: str = "") -> Any:
    """A shallow copy of a module whose parameters, and whose children's, are symbols of the same shapes."""
    made = object.__new__(type(module))
    made.__dict__.update(module.__dict__)
    for kind in ("_parameters", "_buffers"):
        tensors: dict[str, Tensor | None] = getattr(module, kind)
        made.__dict__[kind] = {name: _symbol_of(graph, prefix + name, value) for name, value in tensors.items()}
    children: dict[str, nn.Module] = module._modules
    made.__dict__["_modules"] = {name: symbolic(child, graph, f"{prefix}{name}.") for name, child in children.items()}
    return made


def _symbol_of(graph: Graph, name: str, value: Tensor | None) -> Any:
    if value is None:
        return None
    if value.dim() == 2:
        return MatrixSymbol(graph, Matrix(name, 0, value.shape[0], value.shape[1]))
    if value.dim() > 2:
        return value
    return Symbol(graph, graph.add("parameter", width=value.numel(), detail=(name, 0)))


def _number(graph: Graph, value: Any) -> int:
    if isinstance(value, Symbol):
        return value.number
    if isinstance(value, (int, float)):
        return graph.constant(value)
    raise TraceError(f"expected vectors over the units and numbers, found {type(value).__name__}")


def _apply(kind: str, *values: Any) -> Symbol:
    graph = next(value.graph for value in values if isinstance(value, Symbol))
    return Symbol(graph, graph.add(kind, *(_number(graph, value) for value in values)))


def _part(graph: Graph, number: int, start: int, length: int) -> int:
    """Part of a vector, in terms of parts of what it was made of."""
    op = graph.ops[number]
    if start < 0 or start + length > op.width:
        raise TraceError(f"narrow: expected a part of {op.width} units, found {start} to {start + length}")
    if length == op.width or op.width == 1:
        return number
    if op.kind in ("load", "parameter"):
        source, offset = op.detail
        return graph.add(op.kind, width=length, detail=(source, offset + start))
    if op.kind == "product":
        rows = tuple(Matrix(m.name, m.row + start, length, m.columns) for m in op.detail)
        return graph.add("product", *op.args, width=length, detail=rows)
    if op.kind == "state":
        raise TraceError(f"the step takes a part of the state {op.detail[0]}, not the whole of it")
    return graph.add(op.kind, *(_part(graph, arg, start, length) for arg in op.args), width=length, detail=op.detail)


def _linear(v: Any, weight: Any, bias: Any = None) -> Symbol:
    if not isinstance(weight, MatrixSymbol) or not isinstance(v, Symbol):
        raise TraceError("a projection: expected a vector over the units and a matrix among the cell's parameters")
    matrix = weight.matrix
    if v.width != matrix.columns:
        raise TraceError(f"a projection: expected {matrix.columns} units, found {v.width}")
    product = Symbol(v.graph, v.graph.add("product", v.number, width=matrix.rows, detail=(matrix,)))
    return product if bias is None else product + bias


def _split(v: Symbol, sizes: Sequence[int], dim: int = 0) -> tuple[Symbol, ...]:
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return tuple(v.narrow(dim, start, size) for start, size in zip(starts, sizes, strict=True))


def _sum(v: Symbol, dim: Any = None, keepdim: bool = False, **_: Any) -> Symbol:
    if dim not in (-1, (-1,), [-1]) or not keepdim:
        raise TraceError("a reduction: expected dim=-1 and keepdim=True, over the units")
    return Symbol(v.graph, v.graph.add("sum", v.number, width=1))


def _clamp(v: Symbol, min: Any = None, max: Any = None) -> Symbol:
    if min is not None:
        v = _apply("select", v >= min, v, min)
    return v if max is None else _apply("select", v <= max, v, max)


def _binary(kind: str) -> Callable[..., Symbol]:
    return lambda a, b: _apply(kind, a, b)


_RULES: dict[Any, Callable[..., Any]] = {
    F.linear: _linear,
    torch.split: _split,
    torch.sum: _sum,
    torch.mean: lambda v, dim=None, keepdim=False: _sum(v, dim, keepdim) * (1.0 / v.width),
    torch.clamp: _clamp,
    torch.where: lambda condition, a, b: _apply("select", condition, a, b),
    torch.maximum: _binary("maximum"),
    torch.minimum: _binary("minimum"),
    torch.square: lambda v: v * v,
    torch.rsqrt: lambda v: 1.0 / _apply("sqrt", v),
    torch.reciprocal: lambda v: 1.0 / v,
    torch.abs: lambda v: _apply("select", v >= 0.0, v, -v),
    F.softplus: lambda v: _apply("softplus", v),
    torch.Tensor.to: lambda v, *_, **__: v,
}
for _name in ("exp", "log", "sqrt", "sigmoid", "tanh", "relu", "neg"):
    _RULES[getattr(torch, _name)] = (lambda kind: lambda v: _apply(kind, v))(_name)
for _name, _aliases in {
    "add": ("add",),
    "sub": ("sub", "subtract"),
    "mul": ("mul", "multiply"),
    "div": ("div", "divide", "true_divide"),
    "gt": ("gt", "greater"),
    "ge": ("ge",),
    "lt": ("lt", "less"),
    "le": ("le",),
}.items():
    for _alias in _aliases:
        _RULES[getattr(torch, _alias)] = _binary(_name)
