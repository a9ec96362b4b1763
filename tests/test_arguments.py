"""Wrong values of public arguments are refused by name; `python -m reliability --only 22` tries all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from reliability.arguments import cases, fault, wrong_values
from reliability.static import dangers
from unrolled import checks

CASES = cases()


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


def test_numbers_of_numpy_are_numbers() -> None:
    assert checks.integer("n", np.int32(3)) == 3
    assert checks.fraction("p", np.float16(0.5)) == 0.5
    checks.truth("flag", np.False_)


@pytest.mark.parametrize("value", [10**400, float("inf"), np.float32("nan"), 1j, np.complex64(1), True, "1"])
def test_what_no_float_can_hold_is_no_number(value: object) -> None:
    assert not checks.is_number(value)


@pytest.mark.parametrize(("value", "told"), [(0, "a positive integer"), (2**31, "at most 2147483647"), (True, "a pos")])
def test_integers_have_bounds(value: object, told: str) -> None:
    with pytest.raises(ValueError, match=f"^n: expected {told}.*, found {value}$"):
        checks.integer("n", value)


def test_a_wrong_type_is_a_wrong_value_too() -> None:
    for error in (TypeError, ValueError):
        with pytest.raises(error, match=r"^flag: expected True or False, found int$"):
            checks.truth("flag", 1)


@pytest.mark.parametrize("value", [torch.tensor(1.0), np.array(1.0), 3, None])
def test_what_has_no_items(value: object) -> None:
    assert not checks.is_iterable(value)


def test_an_error_within_an_argument_names_it() -> None:
    with pytest.raises(ValueError, match=r"^pairs: n: expected"), checks.within("pairs"):
        checks.integer("n", -1)
