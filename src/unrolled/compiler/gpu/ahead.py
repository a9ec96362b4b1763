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
    text, arguments = kernel.text(form)
    number, factor = _TYPES[kernel.numbers.number], _TYPES[kernel.numbers.factor]
    types: dict[str, str] = {"batch": "i32", "steps": "i32", "lengths": "*i64"}
    for stream in arguments.streams:
        types |= {stream: f"*{number}", f"{stream}_row": "i32", f"{stream}_step": "i32"}
    types |= {f"matrix{i}": f"*{factor}" for i in range(len(arguments.matrices))}
    types |= {f"vector{i}": f"*{number}" for i in range(len(arguments.vectors))}
    for i in range(len(arguments.states)):
        types |= {f"before{i}": f"*{number}", f"after{i}": f"*{number}"}
    types["scratch"] = f"*{factor}"
    constants = {"ROWS": form.rows, "RAGGED": ragged, "REVERSE": not ragged}
    return _compiled(kernel_of(text), types, constants, capability, form)


# Bytes of shared memory that a program may have (CUDA C++ programming guide, table of compute capabilities).
SHARED = {80: 163 << 10, 86: 99 << 10, 89: 99 << 10, 90: 227 << 10}


def assembled_launch(launch: Launch, capability: int) -> Assembled:
    """A kernel between two products, for ragged rows, assembled; see `assembled`."""
    segment = launch.segment
    number, factor = _TYPES[segment.numbers.number], _TYPES[segment.numbers.factor]
    types = dict.fromkeys(segment.arguments_with(launch.streams), f"*{number}")
    types |= {name: "i32" for name in types if name in ("batch", "step", "steps") or name.endswith(("_row", "_step"))}
    types |= {"lengths": "*i64", "factors": f"*{factor}"}
    constants = {"ROWS": launch.rows, "RAGGED": True, "REVERSE": False}
    form = Form(launch.rows, launch.warps, 1, 0)
    return _compiled(kernel_of(launch.module), types, constants, capability, form)


def assembled_scan(scan: Scan, capability: int, *, ragged: bool = True) -> Assembled:
    """A parallel scan, assembled; see `assembled`."""
    number = _TYPES[scan.numbers.number]
    types = {"steps": "i32", "lengths": "*i64"}
    for stream in scan.streams:
        types |= {stream: f"*{number}", f"{stream}_row": "i32", f"{stream}_step": "i32"}
    types |= {f"vector{i}": f"*{number}" for i in range(len(scan.vectors))}
    for i in range(len(scan.program.states)):
        types |= {f"before{i}": f"*{number}", f"after{i}": f"*{number}"}
    constants = {"ROWS": STEPS, "RAGGED": ragged, "REVERSE": not ragged}
    return _compiled(kernel_of(scan.text), types, constants, capability, Form(STEPS, WARPS, 1, 0))


_TYPES = {"tl.float64": "fp64", "tl.float32": "fp32", "tl.bfloat16": "bf16", "tl.float16": "fp16"}


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
