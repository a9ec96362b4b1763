"""The benchmark compares before it times, and leaves out what is not there."""

from __future__ import annotations

import json

import pytest
import torch
from typer.testing import CliRunner

from unrolled import bench, plots
from unrolled.bench import peers, workloads
from unrolled.cli import app

TINY = [
    bench.Workload("GRU", 3, 4, 2, 5),
    bench.Workload("LSTM", 12, 6, 2, 5, {"bidirectional": True}, ragged=True),
    bench.Workload("own", 3, 4, 2, 5),
    bench.Workload("LSTM", 1, 4, 2, 5, streamed=True),
]


@pytest.mark.parametrize("workload", TINY, ids=lambda workload: workload.name)
def test_every_peer_is_measured_or_says_why_not(workload: bench.Workload) -> None:
    torch.manual_seed(0)
    names = [name for name in bench.PEERS if name != "torch.compile"]
    rows = bench.measured(workload, names, seconds=0.01)
    assert [row.mode for row in rows] == (["infer"] if workload.streamed else ["train", "infer"])
    for row in rows:
        assert set(row.times) | set(row.skipped) == set(names)
        assert "torch.nn" in row.times or "has no own" in row.skipped["torch.nn"]
        assert all(value > 0 for value in row.times.values())
        assert 0 < row.fill <= 1
        assert (row.fill < 1) == workload.ragged


def test_wrong_results_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(workload: bench.Workload) -> peers.Ways:
        ways = peers.ours(workload)
        return peers.Ways(lambda: ways.infer() + 0.01, ways.train)

    monkeypatch.setitem(bench.PEERS, "wrong", wrong)
    with pytest.raises(AssertionError, match="wrong differs on GRU"):
        bench.measured(TINY[0], ["wrong"], seconds=0.01)


def test_operations_count_products_of_valid_steps() -> None:
    workload = bench.Workload("LSTM", 3, 4, 2, 5)
    assert workload.operations == 2 * 3 * 4 * 4 * 5 * (2 + 5)
    assert TINY[1].operations == 2 * 2 * int(TINY[1].lengths.sum()) * 4 * 5 * (2 + 5)


def test_command(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(bench, "WORKLOADS", TINY[:1])
    picture = tmp_path / "speed.png"
    arguments = ["bench", "--seconds", "0.1", "--peer", "torch.nn", "--plot", str(picture)]
    told = CliRunner().invoke(app, [*arguments, "--json"])
    assert told.exit_code == 0, told.output
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert [row["mode"] for row in rows] == ["train", "infer"]
    assert picture.stat().st_size > 5000
    told = CliRunner().invoke(app, arguments)
    assert "| GRU(5) 3x4x2 | train | " in told.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--peer", "mxnet"], "--peer: expected some of torch.nn"), (["--only", "transformer"], "--only: expected part")],
)
def test_bad_options_are_named(arguments: list[str], message: str) -> None:
    told = CliRunner().invoke(app, ["bench", *arguments])
    assert told.exit_code == 2
    assert message in told.stderr


def test_a_picture_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="lines: expected at least one"):
        plots.speed([("a", {})])


def test_the_users_cell_is_compiled() -> None:
    cell = workloads.Own(2, 5)
    assert torch.isfinite(bench.Workload("own", 3, 4, 2, 5).outputs(torch.randn(3, 4, 2))).all()
    from unrolled import explain

    assert explain(cell).chosen == "cpu"
