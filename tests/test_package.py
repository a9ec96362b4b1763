"""What holds for the package as a whole."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "unrolled"
HEAVY = {"sklearn", "matplotlib", "rich", "typer", "pooch", "pandas", "scipy", "llvmlite", "tensorboard", "safetensors"}
HEAVY |= {"polars", "narwhals", "statsforecast", "tokenizers", "sacrebleu"}
FORBIDDEN = {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}


def test_importing_is_light() -> None:
    code = "import torch, sys; before = set(sys.modules); import unrolled; print(*(set(sys.modules) - before))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "unrolled.cells" in found
    assert "torch._dynamo" not in found
    assert HEAVY.isdisjoint(name.split(".")[0] for name in found)


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_code_runs_from_a_file(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            assert name not in ("eval", "exec", "compile", "__import__", "torch.load", "yaml.load"), name
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} | {getattr(node, "module", None) or ""}
            assert FORBIDDEN.isdisjoint(name.split(".")[0] for name in names)


def test_rooms_import_downwards_only() -> None:
    floors = ["cli", "models", "plots", "training", "data", "nn", "unroll", "backends", "compiler", "cells"]
    # A backend and the compiler that serves it know of each other.
    together = {("compiler", "backends")}
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        if parts[0] not in floors:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("unrolled."):
                room = node.module.split(".")[1]
                if room in floors and (parts[0], room) not in together:
                    assert floors.index(room) >= floors.index(parts[0]), f"{path} imports {node.module}"
