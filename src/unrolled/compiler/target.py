"""The machine that code is generated for: how wide its vectors are, and how many registers hold them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache

import llvmlite.binding as llvm


@dataclass(frozen=True, slots=True)
class Target:
    """A processor.

    Attributes:
        name: "avx512", "avx2", "neon" or "generic".
        triple, cpu, features: LLVM's words for it.
        vector_bytes: of one register.
        registers: vector registers.
        bf16: whether it multiplies pairs of bf16 into fp32 sums.
        bf16_pays: whether that is faster than fp32. On Intel's processors the instruction takes four times as long as
            an fp32 product of the same registers, which is half the speed (their matrix extension is not used here).
    """

    name: str
    triple: str
    cpu: str
    features: str
    vector_bytes: int
    registers: int
    bf16: bool = False
    bf16_pays: bool = False

    def lanes(self, double: bool) -> int:
        """Numbers in one register."""
        return self.vector_bytes // (8 if double else 4)


NEON = Target("neon", "aarch64-unknown-linux-gnu", "neoverse-n1", "+neon", 16, 32)


@cache
def host() -> Target:
    """This machine. The environment variable UNROLLED_SIMD=avx2 asks for less than it has."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    triple, cpu = llvm.get_process_triple(), llvm.get_host_cpu_name()
    features = llvm.get_host_cpu_features()
    flat = features.flatten()
    wanted = os.environ.get("UNROLLED_SIMD", "avx512")
    if features.get("avx512f") and features.get("avx512vl") and wanted == "avx512":
        # Without this LLVM prefers registers of half the width on many processors.
        bf16 = bool(features.get("avx512bf16"))
        return Target("avx512", triple, cpu, flat + ",-prefer-256-bit", 64, 32, bf16, bf16 and cpu.startswith("znver"))
    if features.get("avx2") and features.get("fma"):
        shorn = ",".join(f"-{name[1:]}" if name[1:].startswith("avx512") else name for name in flat.split(","))
        return Target("avx2", triple, cpu, shorn, 32, 16)
    if triple.startswith(("aarch64", "arm64")):
        return Target("neon", triple, cpu, flat, 16, 32)
    return Target("generic", triple, cpu, flat, 16, 16)
