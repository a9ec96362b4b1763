"""`unrolled doctor` finds what is planted, and says what to do about it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from unrolled.cli import app
from unrolled.compiler import disk
from unrolled.doctor import Finding, checks, devices, examined, folders, kernels, packages, processor

run = CliRunner().invoke


def _all(findings: object) -> dict[str, Finding]:
    return {finding.topic: finding for finding in findings}  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path / "kernels"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("UNROLLED_DATA", raising=False)
    monkeypatch.delenv("UNROLLED_SIMD", raising=False)


def test_the_command_prints_every_check() -> None:
    result = run(app, ["doctor", "--json"])
    found = {record["topic"]: record for record in map(json.loads, result.stdout.splitlines())}
    assert {"python", "torch", "processor", "threads", "compiled kernels", "kernel cache", "data", "gpu"} <= set(found)
    assert found["torch"]["found"] == torch.__version__
    assert result.exit_code == any(record["status"] == "problem" for record in found.values())
    table = run(app, ["doctor"])
    assert all(topic in table.stdout for topic in found)


def test_compiled_kernels_are_right_here() -> None:
    (found,) = kernels.kernels()
    assert found.status == "ok"


def test_a_wrong_kernel_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_difference", lambda name: 0.1)
    (found,) = kernels.kernels()
    assert found.status == "problem"
    assert "1.0e-01" in found.found


def test_a_package_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"torch": "1.9.0", "numpy": None}
    real = packages._version
    monkeypatch.setattr(packages, "_version", lambda name: versions.get(name, real(name)))
    found = _all(packages.packages())
    assert found["torch"].status == found["numpy"].status == "problem"
    assert found["torch"].advice.startswith("pip install 'torch>=")
    assert found["numpy"].found == "not installed"
    assert found["rich"].status == "ok"


def test_more_threads_than_a_container_may_use(tmp_path: Path) -> None:
    quota = tmp_path / "cpu.max"
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        quota.write_text("50000 100000\n")
        (found,) = processor.threads(quota)
        assert found.status == "problem"
        assert "OMP_NUM_THREADS=1" in found.advice
        quota.write_text("max 100000\n")
        (found,) = processor.threads(quota)
        assert found.found == f"2 of torch's for {len(os.sched_getaffinity(0))} usable cores"
    finally:
        torch.set_num_threads(before)


def test_less_simd_than_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLLED_SIMD", "avx2")
    (found,) = processor.processor()
    assert found.status == "note"
    assert found.advice == "unset UNROLLED_SIMD"


def test_a_damaged_kernel_and_a_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.write("one", b"code")
    disk.write("two", b"code")
    (disk.folder() / "two").write_bytes(b"nonsense")
    (found,) = folders.kernel_cache()
    assert (found.status, "2 entries" in found.found, "1 of them not whole" in found.found) == ("note", True, True)
    (tmp_path / "file").touch()
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path / "file" / "below"))
    (found,) = folders.kernel_cache()
    assert found.status == "problem"
    assert "UNROLLED_CACHE" in found.advice


def test_a_data_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNROLLED_DATA", str(tmp_path / "nowhere"))
    found = _all(folders.data_folders())
    assert found["data"].status == "problem"
    assert "nowhere" in found["data"].found


def test_a_gpu_that_torch_was_not_built_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(devices.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    (found,) = devices.gpus()
    assert found.status == "problem"
    assert "CUDA" in found.advice


def test_a_check_that_fails_is_told_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[Finding]:
        raise RuntimeError("out of order")

    monkeypatch.setattr(checks, "CHECKS", (broken, processor.processor))
    found = _all(examined())
    assert found["broken"].status == "problem"
    assert "out of order" in found["broken"].found
    assert found["processor"].status == "ok"
