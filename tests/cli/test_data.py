import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unrolled.cli.data import app
from unrolled.data import datasets

run = CliRunner().invoke


@pytest.fixture(autouse=True)
def _no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNROLLED_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_list_shows_every_data_set() -> None:
    result = run(app, ["list"])
    assert result.exit_code == 0
    assert all(name in result.stdout for name in datasets)


def test_list_as_json() -> None:
    result = run(app, ["list", "--json"])
    records = {record["name"]: record for record in map(json.loads, result.stdout.splitlines())}
    assert list(records) == list(datasets)
    assert records["digits"]["where"] == "embedded"
    assert Path(records["digits"]["path"]).is_dir()
    assert (records["mnist"]["where"], records["mnist"]["path"]) == ("to fetch", None)
    assert records["mnist"]["licence"] == "CC BY-SA 3.0"


def test_list_tells_what_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "input.txt").write_text("to be")
    monkeypatch.setenv("UNROLLED_DATA", str(tmp_path))
    records = [json.loads(line) for line in run(app, ["list", "--json"]).stdout.splitlines()]
    assert {"tiny-shakespeare": "here"}.items() <= {record["name"]: record["where"] for record in records}.items()


def test_fetch_prints_where() -> None:
    result = run(app, ["fetch", "digits", "airline"])
    assert result.exit_code == 0
    assert [line.split(": ")[0] for line in result.stdout.splitlines()] == ["digits", "airline"]
    result = run(app, ["fetch", "digits", "--json"])
    assert Path(json.loads(result.stdout)["path"]).is_dir()


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_bad_input_is_one_line_and_exit_code_2(options: list[str]) -> None:
    result = run(app, ["fetch", "digits", "mnst", *options])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == "Error: no data set 'mnst'; did you mean mnist?\n"


def test_a_damaged_file_is_one_line_and_exit_code_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "input.txt").write_text("to be")
    monkeypatch.setenv("UNROLLED_DATA", str(tmp_path))
    result = run(app, ["fetch", "tiny-shakespeare"])
    assert result.exit_code == 2
    assert "input.txt: holds 5 bytes, expected 1115394" in result.stderr
    assert result.stderr.count("\n") == 1
