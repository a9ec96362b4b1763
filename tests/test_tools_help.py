"""What is run by `python -m` beside the package tells how."""

import importlib
import sys

import pytest

TOOLS = [
    "reliability.__main__",
    *(f"benchmarks.{name}" for name in ("embed", "forecast", "memory", "projection", "translate", "write")),
]


@pytest.mark.parametrize("name", TOOLS)
def test_help(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(name).main()
    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out
