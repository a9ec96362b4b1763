"""From LLVM IR to machine code in this process, by way of the cache on disk."""

from __future__ import annotations

import ctypes
import hashlib
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm

from unrolled.compiler import disk
from unrolled.compiler.target import Target

# void kernel(int64 first, int64 last, void* argument lists), the signature of torch_parallel_for's callback.
KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
_lock = threading.Lock()


class Compiled:
    """A kernel in memory; `address` is where it starts, `call` calls it in this thread."""

    def __init__(self, code: bytes, target: Target) -> None:
        with _lock:
            self._engine = _engine(target)
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(code))
            self._engine.finalize_object()
            self.address = self._engine.get_function_address("kernel")
        self.call = KERNEL(self.address)


def compiled(name: str, generate: Callable[[], str], target: Target) -> Compiled:
    """The kernel of a module.

    Args:
        name: all that the module's text depends on, but for the generator itself.
        generate: gives the text of a module with a function `kernel`.
        target: the machine, this one.
    """
    words = "\0".join((name, generator(), target.triple, target.cpu, target.features, llvmlite.__version__))
    key = hashlib.sha256(words.encode()).hexdigest()
    code = disk.read(key)
    if code is None:
        code = machine_code(generate(), target)
        disk.write(key, code)
    return Compiled(code, target)


@cache
def generator() -> str:
    """A hash of the compiler's own source: code that another version of it made is another's."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def machine_code(ir_text: str, target: Target) -> bytes:
    """The object file of a module."""
    with _lock:
        return _machine(target).emit_object(_optimised_module(ir_text, target))  # type: ignore[no-any-return]


def assembly(ir_text: str, target: Target) -> str:
    """The assembly of a module, to read."""
    with _lock:
        return _machine(target).emit_assembly(_optimised_module(ir_text, target))  # type: ignore[no-any-return]


def _optimised_module(ir_text: str, target: Target) -> llvm.ModuleRef:
    module = llvm.parse_assembly(ir_text)
    module.verify()
    machine = _machine(target)
    # The generator has vectorised, unrolled and shared what can be: more passes take longer, and gain nothing.
    options = llvm.create_pipeline_tuning_options(speed_level=0)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return module


@cache
def _machine(target: Target) -> llvm.TargetMachine:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    chosen = llvm.Target.from_triple(target.triple)
    return chosen.create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, reloc="pic", codemodel="jitdefault"
    )


def _engine(target: Target) -> llvm.ExecutionEngine:
    empty = llvm.parse_assembly(f'target triple = "{target.triple}"')
    return llvm.create_mcjit_compiler(empty, _machine_for_engine(target))


def _machine_for_engine(target: Target) -> llvm.TargetMachine:
    # An engine owns its machine, so each gets its own.
    return llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, jit=True
    )
