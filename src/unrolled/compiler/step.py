"""One compiled step at a time: the kernel of `unroll` over one step, with everything that can be prepared prepared."""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch import Tensor

from unrolled.cells.core import Recurrence
from unrolled.cells.named import tuple_type
from unrolled.compiler.plan import MANY, plan_for
from unrolled.compiler.rows import whole_rows


class CompiledStep:
    """A cell's step, with the state in buffers of its own.

    Args:
        cell: its parameters are copied, as they are now.
        batch_size: rows.

    Raises:
        TraceError: the step does what the compiler has no operation for.
    """

    def __init__(self, cell: Recurrence, batch_size: int) -> None:
        self._cell = cell
        self._plan = plan = plan_for(cell, MANY)
        executable = plan.inference
        layout, self._dtype = executable.layout, executable.dtype
        self._out_width = plan.program.pitches["out"]
        self._batch = batch_size
        rows = whole_rows(batch_size, 1, 1, batch_major=True, reverse=False)
        self._parameters = {
            name: tensor.detach().clone() for name, tensor in zip(plan.parameters, plan.tensors(cell), strict=True)
        }
        self._halves = torch.zeros(2, batch_size, layout.state_pitch, dtype=self._dtype)
        packed = executable.matrices.packed(self._parameters)
        scratch = torch.empty(batch_size, layout.scratch_pitch, dtype=self._dtype)
        arriving = "inputs" if plan.folded else "x"
        widths = {arriving: plan.program.pitches[arriving], "out": self._out_width}
        offsets = {name: torch.arange(batch_size) * width for name, width in widths.items()}
        # What the addresses below point to must live as long as this.
        self._alive = (rows, packed, scratch, offsets)
        named: dict[str, int] = {"compact stride": 0, "steps": 1, "totals": 0, "converted": 0}
        named |= {f"{name} base": 0 for name in widths} | {f"{name} stride": 0 for name in widths}
        named |= {f"{name} rows": tensor.data_ptr() for name, tensor in offsets.items()}
        named |= {f"vector {name}": self._parameters[name].data_ptr() for name in layout.vectors}
        groups = [f"packed {i} {j}" for i, groups in enumerate(layout.groups) for j in range(len(groups))]
        named |= dict(zip(groups, executable.matrices.addresses(packed), strict=True))
        named |= {"active": rows.shares[0].active.data_ptr(), "scratch": scratch.data_ptr()}
        named |= {"compact rows": rows.starts.data_ptr()}
        # A step reads one half of the states and writes the other: from the second half, that is `capacity` back.
        self._lists = [
            self._arguments(named | {"states": self._halves[half].data_ptr(), "capacity": sign * batch_size})
            for half, sign in ((0, 1), (1, -1))
        ]
        self._pointers = [(ctypes.c_int64 * 1)(ctypes.addressof(one)) for one in self._lists]
        self._in, self._out = layout.arguments[f"{arriving} base"], layout.arguments["out base"]
        self._kernel = executable.code.call
        self._half = 0

    def _arguments(self, named: dict[str, int]) -> Any:
        names = self._plan.inference.layout.arguments
        return (ctypes.c_int64 * len(names))(*(named[name] for name in names))

    def __call__(self, input: Tensor) -> Tensor:
        """Input (batch, input_size), contiguous and of the cell's dtype, to output (batch, output_size)."""
        if not self._plan.folded:
            input = self._cell.project_inputs(input)
        output = torch.empty(self._batch, self._out_width, dtype=self._dtype)
        half = self._half
        arguments = self._lists[half]
        arguments[self._in] = input.data_ptr()
        arguments[self._out] = output.data_ptr()
        self._kernel(0, 1, self._pointers[half])
        self._half = 1 - half
        return output

    @property
    def state(self) -> Any:
        """A copy of the state."""
        own = self._halves[self._half]
        places = self._plan.inference.layout.states
        sizes = self._cell.state_sizes
        parts = [own[:, places[name] : places[name] + size].clone() for name, size in sizes.items()]
        return tuple_type(tuple(sizes))(*parts)

    @state.setter
    def state(self, value: Any) -> None:
        own = self._halves[self._half]
        for name, part in zip(self._cell.state_sizes, value, strict=True):
            place = self._plan.inference.layout.states[name]
            own[:, place : place + part.shape[1]] = part
