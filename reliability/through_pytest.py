"""Rows that are tests of the test suite, run with as many examples as the row asks for."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

from reliability.board import Effort, SkippedError, Verdict
from reliability.scratch import scratch

ROOT = Path(__file__).parent.parent


def archives(effort: Effort) -> Verdict:
    """Archives that escape, link or burst; servers that cut, lie or serve something else."""
    names = ("test_archive", "test_download", "test_fetch")
    return passing(*(f"tests/data/{name}.py" for name in names))


def gradients(effort: Effort) -> Verdict:
    """Finite differences of first and second order, for every cell and option, with lengths."""
    chosen = ("-k", "lstm-no-bias or ind-rnn-tanh or slstm-exp") if effort.part < 0.1 else ()
    return passing("tests/test_laws.py::TestGradients", *chosen)


def operators(effort: Effort) -> Verdict:
    """The operator under opcheck; cells and layers compiled, exported, mapped, copied, forked and spawned."""
    chosen = ("-k", "not compiled_without_breaks or slstm") if effort.part < 0.1 else ()
    tests = ("copies", "compiled", "vmap")
    laws = " or ".join(tests)
    first = passing("tests/compiler/test_operator.py")
    second = passing("tests/test_laws.py::TestModules", "-k", f"({laws})" + (f" and ({chosen[1]})" if chosen else ""))
    whys = [verdict.why for verdict in (first, second) if verdict.why]
    return Verdict.of(whys, f"opcheck, export, fork, spawn: {first.figure}; compile, vmap, copies: {second.figure}")


def processes(effort: Effort) -> Verdict:
    """Processes of one training killed, stopped by signals, hanging; torchrun's restarts; two and four beside one."""
    chosen = "killed or signal_to_one" if effort.part < 0.1 else "not batch_is_shared"
    return passing("tests/training/test_distributed.py", "-m", "slow or not slow", "-k", chosen)


def passing(*arguments: str, examples: int | None = None) -> Verdict:
    """Runs tests; with so many examples of each property where that is given."""
    with scratch() as folder:
        report = folder / "report.xml"
        command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "--no-header", "-p", "no:cacheprovider"]
        environment = os.environ | ({} if examples is None else {"HYPOTHESIS_PROFILE": "counted"})
        if examples is not None:
            environment["UNROLLED_EXAMPLES"] = str(examples)
        done = subprocess.run(
            [*command, f"--junitxml={report}", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if "No module named pytest" in done.stderr:
            raise SkippedError("pytest is not installed")
        if not report.exists():
            return Verdict(False, "", f"pytest ended with code {done.returncode}: {done.stderr[-300:]}")
        cases = ET.parse(report).getroot().findall(".//testcase")
    failed = [
        str(case.get("name")) for case in cases if case.find("failure") is not None or case.find("error") is not None
    ]
    left = sum(case.find("skipped") is not None for case in cases)
    figure = f"{len(cases) - len(failed) - left} tests passed" + (f", {left} do not apply" if left else "")
    if not cases:
        failed = [f"no tests were run: {done.stdout[-300:]}"]
    return Verdict.of(failed, figure)
