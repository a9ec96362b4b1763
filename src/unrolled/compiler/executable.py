"""A program made ready to run: compiled, its matrices packed, its arguments filled in, its threads started."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache, partial
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from unrolled.compiler.graph import Program
from unrolled.compiler.jit import Compiled, compiled
from unrolled.compiler.kernel import kernel_ir
from unrolled.compiler.layout import COMPACT, Layout
from unrolled.compiler.pack import pack_ir
from unrolled.compiler.rows import Rows
from unrolled.compiler.schedule import schedule
from unrolled.compiler.target import Target
from unrolled.compiler.text import to_text
from unrolled.compiler.workspace import borrow


class Precision(Enum):
    """What a kernel computes in: fp32, fp64, or fp32 with products of bf16; on a GPU also of tf32 and fp16."""

    SINGLE = "single"
    DOUBLE = "double"
    BF16 = "bf16"
    TF32 = "tf32"
    FP16 = "fp16"

    @property
    def dtype(self) -> torch.dtype:
        """Of all that the kernel shares with the outside."""
        return torch.float64 if self is Precision.DOUBLE else torch.float32


class Executable:
    """One program for one machine and precision.

    Args:
        program: a step, or a backward step.
        target: the machine, this one.
        precision: of the numbers, and of the factors in products.
        ascending: steps run from first to last.
    """

    def __init__(self, program: Program, target: Target, precision: Precision, *, ascending: bool) -> None:
        self.program = program
        self.ascending = ascending
        self.dtype = precision.dtype
        self.schedule = schedule(program)
        self.layout = Layout(
            self.schedule, target, double=precision is Precision.DOUBLE, bf16=precision is Precision.BF16
        )
        self.target = target
        name = f"{to_text(program)} {precision.value} {'up' if ascending else 'down'} {target.vector_bytes}"
        self.code = compiled(name, self.ir, target)
        self.matrices = Matrices(self.layout, target, precision)

    def ir(self) -> str:
        """The module that is compiled, as text."""
        double = self.dtype == torch.float64
        return kernel_ir(self.schedule, self.layout, double=double, ascending=self.ascending, triple=self.target.triple)

    def run(
        self,
        rows: Rows,
        states: Mapping[str, Tensor],
        parameters: Mapping[str, Tensor],
        streams: Mapping[str, tuple[Tensor, Tensor | None, int]],
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Runs all steps of all rows.

        Args:
            rows: the batch.
            states: (batch, units) each, before the first step in the order of computation.
            parameters: by name, contiguous.
            streams: by name the memory, and for those that are not compact the offset of each row's first step
                (in the order of `rows`) and the stride from step to step, in numbers.

        Returns:
            The states after each row's last step, and the totals of every thread, (threads, totals_size).
        """
        layout, batch, width = self.layout, len(rows.starts), self.dtype.itemsize
        halves = borrow((2, batch, layout.state_pitch), self.dtype)
        for name, value in states.items():
            # Both halves, since rows begin at different steps when they run back.
            place = halves[:, :, layout.states[name] : layout.states[name] + value.shape[1]]
            place.copy_(value if rows.order is None else value[rows.order])
        scratch = borrow((batch, layout.scratch_pitch), self.dtype)
        converted = borrow((batch, layout.converted_pitch), torch.bfloat16)
        totals = torch.zeros(len(rows.shares), layout.totals_size, dtype=self.dtype)
        packed = self.matrices.packed(parameters)
        placed = [name for name in layout.streams if name not in COMPACT]
        common = [
            batch,
            rows.stride,
            *(streams[name][0].data_ptr() for name in layout.streams),
            *(streams[name][2] for name in placed),
            *(parameters[name].data_ptr() for name in layout.vectors),
            *self.matrices.addresses(packed),
        ]
        offsets = [streams[name][1].data_ptr() for name in placed]  # type: ignore[union-attr]
        state_base, scratch_base, totals_base = halves.data_ptr(), scratch.data_ptr(), totals.data_ptr()
        starts, converted_base = rows.starts.data_ptr(), converted.data_ptr()
        lists = [
            [
                *common,
                share.steps,
                share.active.data_ptr(),
                state_base + share.first * layout.state_pitch * width,
                scratch_base + share.first * layout.scratch_pitch * width,
                totals_base + thread * layout.totals_size * width,
                converted_base + share.first * layout.converted_pitch * 2,
                *(address + share.first * 8 for address in (starts, *offsets)),
            ]
            for thread, share in enumerate(rows.shares)
        ]
        run_kernel(self.code, lists)
        return {name: self._after(rows, halves, name, value.shape[1]) for name, value in states.items()}, totals

    def _after(self, rows: Rows, halves: Tensor, name: str, width: int) -> Tensor:
        place = slice(self.layout.states[name], self.layout.states[name] + width)
        if rows.lengths is None:
            return halves[rows.steps % 2 if self.ascending else 0, :, place].clone()
        # A row's last step wrote the half that its length says; backwards all end with step 0.
        half = rows.lengths % 2 if self.ascending else torch.zeros_like(rows.lengths)
        assert rows.back is not None
        return halves[half[rows.back], rows.back, place]


# To wake another thread takes as long as to pack so many numbers.
_WORTH_SHARING = 30_000


class Matrices:
    """The packed matrices of a layout, one after the other in one buffer.

    Args:
        layout: says which, and in which order.
        target: the machine, this one.
        precision: bf16 is packed in pairs.
    """

    def __init__(self, layout: Layout, target: Target, precision: Precision) -> None:
        self.dtype = precision.dtype
        self.code = _pack_kernel(target, precision)
        pairs = [(group, tile) for groups, tile in zip(layout.groups, layout.tiles, strict=True) for group in groups]
        # Two of bf16 take the place of one number.
        together = 2 if precision is Precision.BF16 else 1
        counts = [-(-group.width // together) for group, _ in pairs]
        sizes = [
            tile.count * count * len(group.members) * tile.units
            for (group, tile), count in zip(pairs, counts, strict=True)
        ]
        *self.offsets, self.size = accumulate(sizes, initial=0)
        self.jobs: list[tuple[str, int, int, list[int]]] = []
        for (group, tile), count, offset in zip(pairs, counts, self.offsets, strict=True):
            step = len(group.members) * tile.units
            for member, (_, matrix) in enumerate(group.members):
                strides = (1, matrix.columns) if matrix.transposed else (matrix.columns, 1)
                shape = [count * step, step, tile.units, tile.count, group.width, *strides]
                place = offset + member * tile.units
                self.jobs.append((matrix.name, place, matrix.row * matrix.columns, [*shape, matrix.width_out - 1]))
        # Threads take neighbours: each gets some of the large and some of the small.
        self.jobs = self.jobs[::2] + self.jobs[1::2]

    def packed(self, parameters: Mapping[str, Tensor]) -> Tensor:
        """The buffer, filled from contiguous parameters."""
        made = borrow((self.size,), self.dtype)
        width, base = self.dtype.itemsize, made.data_ptr()
        sources = {name: parameters[name].data_ptr() for name, *_ in self.jobs}
        lists = [[base + place * width, sources[name] + first * width, *rest] for name, place, first, rest in self.jobs]
        run_kernel(self.code, lists, alone=self.size < _WORTH_SHARING)
        return made

    def addresses(self, packed: Tensor) -> list[int]:
        """Where each group begins, in the order of the layout's arguments."""
        base, width = packed.data_ptr(), self.dtype.itemsize
        return [base + offset * width for offset in self.offsets]


@cache
def _pack_kernel(target: Target, precision: Precision) -> Compiled:
    double, bf16 = precision is Precision.DOUBLE, precision is Precision.BF16
    lanes = target.lanes(double)
    generate = partial(pack_ir, double=double, bf16=bf16, lanes=lanes, triple=target.triple)
    return compiled(f"pack {precision.value} {lanes}", generate, target)


def run_kernel(code: Compiled, lists: Sequence[Sequence[int]], *, alone: bool = False) -> None:
    """Runs a kernel on every list of arguments, by torch's own threads, or alone in this one."""
    if not lists:
        return
    size = len(lists[0])
    flat = (ctypes.c_int64 * (size * len(lists)))(*(number for one in lists for number in one))
    base = ctypes.addressof(flat)
    pointers = (ctypes.c_int64 * len(lists))(*range(base, base + 8 * size * len(lists), 8 * size))
    if alone or len(lists) == 1:
        code.call(0, len(lists), pointers)
    else:
        _torch_parallel_for()(0, len(lists), 1, ctypes.c_void_p(code.address), ctypes.byref(pointers))


@cache
def _torch_parallel_for() -> Any:
    # Part of torch's stable C interface, torch/csrc/stable/c/shim.h.
    function = ctypes.CDLL(torch._C.__file__).torch_parallel_for
    function.argtypes = [ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p]
    function.restype = ctypes.c_int32
    return function
