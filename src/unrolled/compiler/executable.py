"""A program made ready to run: compiled, its matrices packed, its arguments filled in, its threads started."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor

from unrolled.compiler.graph import Program
from unrolled.compiler.jit import compiled
from unrolled.compiler.kernel import kernel_ir
from unrolled.compiler.layout import COMPACT, Group, Layout, Tile
from unrolled.compiler.rows import Rows
from unrolled.compiler.schedule import schedule
from unrolled.compiler.target import Target
from unrolled.compiler.workspace import borrow


class Executable:
    """One program for one machine and precision.

    Args:
        program: a step, or a backward step.
        target: the machine, this one.
        double: float64 rather than float32.
        ascending: steps run from first to last.
    """

    def __init__(self, program: Program, target: Target, *, double: bool, ascending: bool) -> None:
        self.program = program
        self.ascending = ascending
        self.dtype = torch.float64 if double else torch.float32
        self.schedule = schedule(program)
        self.layout = Layout(self.schedule, target, double)
        self.ir = kernel_ir(self.schedule, self.layout, double=double, ascending=ascending, triple=target.triple)
        self.code = compiled(self.ir, target)

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
        layout, batch = self.layout, len(rows.starts)
        halves = borrow((2, batch, layout.state_pitch), self.dtype)
        for name, value in states.items():
            # Both halves, since rows begin at different steps when they run back.
            place = halves[:, :, layout.states[name] : layout.states[name] + value.shape[1]]
            place.copy_(value if rows.order is None else value[rows.order])
        scratch = borrow((batch, layout.scratch_pitch), self.dtype)
        totals = torch.zeros(len(rows.shares), layout.totals_size, dtype=self.dtype)
        packed = {
            f"packed {i} {j}": _packed(group, tile, parameters, self.dtype)
            for i, (groups, tile) in enumerate(zip(layout.groups, layout.tiles, strict=True))
            for j, group in enumerate(groups)
        }
        common = {name: tensor.data_ptr() for name, tensor in packed.items()}
        common |= {f"vector {name}": parameters[name].data_ptr() for name in layout.vectors}
        common |= {f"{name} base": streams[name][0].data_ptr() for name in layout.streams}
        common |= {f"{name} stride": streams[name][2] for name in layout.streams if name not in COMPACT}
        common |= {"capacity": batch, "compact stride": rows.stride}
        width = self.dtype.itemsize
        lists: list[Any] = []
        for thread, share in enumerate(rows.shares):
            own = {
                "steps": share.steps,
                "active": share.active.data_ptr(),
                "states": halves.data_ptr() + share.first * layout.state_pitch * width,
                "scratch": scratch.data_ptr() + share.first * layout.scratch_pitch * width,
                "totals": totals.data_ptr() + thread * layout.totals_size * width,
                "compact rows": rows.starts.data_ptr() + share.first * 8,
            }
            for name in layout.streams:
                offsets = streams[name][1]
                if offsets is not None:
                    own[f"{name} rows"] = offsets.data_ptr() + share.first * 8
            values = common | own
            lists.append((ctypes.c_int64 * len(layout.arguments))(*(values[name] for name in layout.arguments)))
        _parallel(self.code.address, lists)
        return {name: self._after(rows, halves, name, value.shape[1]) for name, value in states.items()}, totals

    def _after(self, rows: Rows, halves: Tensor, name: str, width: int) -> Tensor:
        place = slice(self.layout.states[name], self.layout.states[name] + width)
        if rows.lengths is None:
            return halves[rows.steps % 2 if self.ascending else 0, :, place].clone()
        # A row's last step wrote the half that its length says; backwards all end with step 0.
        half = rows.lengths % 2 if self.ascending else torch.zeros_like(rows.lengths)
        assert rows.back is not None
        return halves[half[rows.back], rows.back, place]


def _packed(group: Group, tile: Tile, parameters: Mapping[str, Tensor], dtype: torch.dtype) -> Tensor:
    # The layout that `Group` describes; what lies past the width is zero.
    packed = torch.zeros(tile.count, group.width, len(group.members), tile.units, dtype=dtype)
    for member, (_, matrix) in enumerate(group.members):
        block = parameters[matrix.name][matrix.row : matrix.row + matrix.rows]
        if matrix.transposed:
            block = block.t()
        whole = block.shape[0] // tile.units
        if whole:
            part = block[: whole * tile.units].reshape(whole, tile.units, group.width)
            packed[:whole, :, member] = part.transpose(1, 2)
        rest = block[whole * tile.units :]
        if rest.shape[0]:
            packed[whole, :, member, : rest.shape[0]] = rest.t()
    return packed


def _parallel(address: int, lists: list[Any]) -> None:
    """Runs the kernel on every argument list, by torch's own threads."""
    pointers = (ctypes.c_int64 * len(lists))(*(ctypes.addressof(one) for one in lists))
    if lists:
        _torch_parallel_for()(0, len(lists), 1, ctypes.c_void_p(address), ctypes.byref(pointers))


@cache
def _torch_parallel_for() -> Any:
    # Part of torch's stable C interface, torch/csrc/stable/c/shim.h.
    function = ctypes.CDLL(torch._C.__file__).torch_parallel_for
    function.argtypes = [ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p]
    function.restype = ctypes.c_int32
    return function
