"""Wrong values of public arguments are refused by name; `python -m reliability --only 22` tries all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from reliability.arguments import cases, fault, wrong_values
from reliability.static import dangers

CASES = {
    name: case
    for name, case in cases().items()
    if name.startswith(("unroll", "static_unroll", "Stream", "cells.", "training.Options", "training.train"))
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_wrong_values_are_refused_by_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    case = CASES[name]
    found = [
        f"{argument}={what}: {problem}"
        for argument in case.arguments()
        for what, value in wrong_values().items()
        if (problem := fault(case, argument, value))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "eval(x)",
        "torch.load(f)",
        "from joblib import load",
        "np.load(f)",
        "np.load(f, allow_pickle=True)",
    ],
)
def test_what_runs_code_from_files_is_noticed(line: str) -> None:
    import ast

    assert dangers(ast.parse(line))
    assert not dangers(ast.parse("model.eval(); re.compile('a'); np.load(f, allow_pickle=False)"))
