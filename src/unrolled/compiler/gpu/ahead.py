"""Kernels assembled for a GPU that is not there, and what they take of it."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unrolled.compiler.gpu.form import Form
from unrolled.compiler.gpu.kernel import Kernel
from unrolled.compiler.gpu.launch import Launch
from unrolled.compiler.gpu.module import kernel_of
from unrolled.compiler.gpu.precision import Numbers
from unrolled.compiler.gpu.scan import STEPS, WARPS, Scan


@dataclass(frozen=True, slots=True)
class Assembled:
    """What a kernel takes.

    Attributes:
        registers: of a thread.
        spilled: bytes of a thread that did not fit into them.
        shared: bytes of shared memory of a program.
        loop: instructions of its longest loop, inner loops counted once; 0 if there is none.
        assembly: PTX.
    """

    registers: int
    spilled: int
    shared: int
    loop: int
    assembly: str


def assembled(kernel: Kernel, capability: int, form: Form | None = None, *, ragged: bool = True) -> Assembled:
    """A whole-sequence kernel, assembled: forwards over ragged rows, or in reverse over whole ones.

    Args:
        kernel: what to compile.
        capability: of the GPU: 80 for sm_80.
        form: the likeliest unless given.
        ragged: whether there are lengths.

    Raises:
        RuntimeError: Triton or the assembler refuses.
    """
    form = form or kernel.forms(SHARED[capability])[0]
    function = kernel_of(kernel.text(form)[0])
    types = _types(function, kernel.numbers) | {"scratch": f"*{_TYPES[kernel.numbers.factor]}"}
    constants = {"ROWS": form.rows, "RAGGED": ragged, "REVERSE": not ragged}
    return _compiled(function, types, constants, capability, form)


# Bytes of shared memory that a program may have (CUDA C++ programming guide, table of compute capabilities).
SHARED = {80: 163 << 10, 86: 99 << 10, 89: 99 << 10, 90: 227 << 10}


def assembled_launch(launch: Launch, capability: int) -> Assembled:
    """A kernel between two products, for ragged rows, assembled; see `assembled`."""
    function = kernel_of(launch.module)
    constants = {"ROWS": launch.rows, "RAGGED": True, "REVERSE": False}
    form = Form(launch.rows, launch.warps, 1, 0)
    return _compiled(function, _types(function, launch.segment.numbers), constants, capability, form)


def assembled_scan(scan: Scan, capability: int, *, ragged: bool = True) -> Assembled:
    """A parallel scan, assembled; see `assembled`."""
    function = kernel_of(scan.text)
    constants = {"ROWS": STEPS, "RAGGED": ragged, "REVERSE": not ragged}
    return _compiled(function, _types(function, scan.numbers), constants, capability, Form(STEPS, WARPS, 1, 0))


_TYPES = {"tl.float64": "fp64", "tl.float32": "fp32", "tl.bfloat16": "bf16", "tl.float16": "fp16"}


def _types(function: Any, numbers: Numbers) -> dict[str, str]:
    """What Triton would find each argument to be, by its name."""
    types: dict[str, str] = {}
    for parameter in function.params:
        name = parameter.name
        if name in ("batch", "step", "steps") or name.endswith(("_row", "_step")):
            types[name] = "i32"
        elif name == "lengths":
            types[name] = "*i64"
        elif not parameter.is_constexpr:
            factor = name == "factors" or name.startswith("matrix")
            types[name] = f"*{_TYPES[numbers.factor if factor else numbers.number]}"
    return types


def _compiled(
    function: Any, types: dict[str, str], constants: dict[str, Any], capability: int, form: Form
) -> Assembled:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    # Pointers and strides of real tensors are multiples of sixteen, and Triton is told so at run time.
    aligned = [i for i, (name, kind) in enumerate(types.items()) if kind[0] == "*" or name.endswith(("_row", "_step"))]
    source = ASTSource(
        function,
        types | dict.fromkeys(constants, "constexpr"),
        constants,
        {(i,): [["tt.divisibility", 16]] for i in aligned},
    )
    made = triton.compile(
        source, target=GPUTarget("cuda", capability, 32), options={"num_warps": form.warps, "num_stages": form.stages}
    )
    registers, spilled = _usage(made.asm["cubin"])
    return Assembled(registers, spilled, made.metadata.shared, _longest_loop(made.asm["cubin"]), made.asm["ptx"])


def _usage(code: bytes) -> tuple[int, int]:
    """Registers, and bytes of stack, of a thread."""
    said = _told(code, "--dump-resource-usage")
    found = re.search(r"REG:(\d+) STACK:(\d+)", said)
    assert found is not None, said
    return int(found[1]), int(found[2])


def _longest_loop(code: bytes) -> int:
    """Instructions from where the furthest jump back goes to the jump."""
    places = re.findall(r"/\*([0-9a-f]{4,})\*/ +([^;]*);", _told(code, "--dump-sass"))
    furthest = (0, 0)
    for place, instruction in places:
        jump = re.search(r"\bBRA\b.*?0x([0-9a-f]+)", instruction)
        # The last instruction of any code jumps to itself.
        if jump and int(place, 16) - int(jump[1], 16) > furthest[1] - furthest[0]:
            furthest = int(jump[1], 16), int(place, 16)
    first, last = furthest
    return sum(first <= int(place, 16) <= last for place, _ in places) if last else 0


def _told(code: bytes, what: str) -> str:
    from triton import knobs

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.cubin"
        path.write_bytes(code)
        command = [knobs.nvidia.cuobjdump.path, what, str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
