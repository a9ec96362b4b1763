"""Several processes train as one would, write once, and notice when one of them is lost."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training import shared_runs
from unrolled.training import Checkpoints, LostProcessError, Processes, joined
from unrolled.training.loss import Share

SCRIPTS = Path(sys.executable).parent


def launched(what: str, folder: Path, count: int, **environment: str) -> list[subprocess.Popen[str]]:
    """Processes as torchrun starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = os.environ | {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-m", "tests.training.shared_runs", what, str(folder)]
    return [
        subprocess.Popen(
            command,
            env=common | environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]


def finished(processes: list[subprocess.Popen[str]]) -> None:
    told = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), "\n".join(told)


def equal(one: Path, other: Path, *, tolerance: float) -> None:
    expected, found = load_file(one), load_file(other)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        torch.testing.assert_close(
            found[name], value, rtol=tolerance, atol=tolerance, msg=lambda m, n=name: f"{n}: {m}"
        )


TOLERANCE = {"loop": 1e-10, "classifier": 2e-5, "forecasters": 2e-5, "translator": 2e-5, "generator": 2e-5}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    finished(launched("in_turn", folder, 2))
    return folder


@pytest.mark.parametrize("name", shared_runs.RUNS)
def test_two_processes_train_as_one(name: str, two: Path, tmp_path: Path) -> None:
    shared_runs.write(tmp_path, name, shared_runs.RUNS[name](), 0)
    equal(tmp_path / f"{name}.0", two / f"{name}.0", tolerance=TOLERANCE[name])
    same_in_all(two, name, 2)


def same_in_all(folder: Path, name: str, count: int) -> None:
    """But for the buffer that the test's network has for itself."""
    states = [load_file(folder / f"{name}.{rank}") for rank in range(count)]
    for state in states[1:]:
        assert state.keys() == states[0].keys()
        assert all(torch.equal(value, states[0][key]) for key, value in state.items() if key != "seen")


def test_a_signal_to_one_stops_all_and_the_run_resumes_bit_for_bit(two: Path) -> None:
    for rank in range(2):
        assert (two / f"stopped.{rank}").read_text() == str(int(signal.SIGTERM))
        equal(two / f"whole.{rank}", two / f"resumed.{rank}", tolerance=0.0)
    same_in_all(two, "whole", 2)
    # What each carries along is its own.
    assert not torch.equal(load_file(two / "whole.0")["seen"], load_file(two / "whole.1")["seen"])


def test_a_checkpoint_of_two_processes_resumes_in_one(two: Path) -> None:
    folder = Checkpoints(two / "checkpoints", {})
    module = shared_runs.Net(0.3)
    options = shared_runs.options(epochs=8, patience=None)
    history = shared_runs.train(
        module, shared_runs.weighted, shared_runs.batches, options, seed=3, checkpoints=folder, resume=True
    )
    folder.close()
    before = load_file(two / "whole.0")["history"]
    assert len(history) == 8
    assert [entry["loss"] for entry in history[: len(before)]] == before[:, 1].tolist()


def test_processes_agree_on_a_seed(two: Path) -> None:
    same_in_all(two, "unseeded", 2)


def test_a_killed_process_is_noticed_by_the_other(tmp_path: Path) -> None:
    began = time.monotonic()
    survivor, victim = launched("killed", tmp_path, 2)
    _, told = survivor.communicate(timeout=120)
    victim.communicate()
    assert victim.returncode == -signal.SIGKILL
    assert survivor.returncode == 1
    assert "LostProcessError: process 0 of 2 (from 0) lost another" in told.strip().splitlines()[-1]
    assert time.monotonic() - began < 100


def torchrun(output: Path, *more: str, epochs: int) -> list[str]:
    """The command line under torchrun, as it is without."""
    start = [str(SCRIPTS / "torchrun"), "--nproc-per-node", "2", *more, str(SCRIPTS / "unrolled")]
    fit = ["classify", "fit", "digits", "--hidden-size", "8", "--batch-size", "128", "--epochs", str(epochs)]
    return [*start, *fit, "--json", "--resume", "-o", str(output)]


def test_torchrun_trains_and_writes_once(tmp_path: Path) -> None:
    plot, output = tmp_path / "p.png", tmp_path / "m"
    command = [*torchrun(output, epochs=2), "--plot", str(plot)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["epoch"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "p.png"]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_batch_is_shared_without_loss_or_double(size: int) -> None:
    batch = torch.arange(size)
    shares = [Share.of(batch, Processes(rank, 3)) for rank in range(3)]
    assert sorted(torch.cat([share.batch for share in shares if share.counts]).tolist()) == list(range(size))
    assert all(len(share.batch) for share in shares)


def test_one_process_alone_has_nothing_to_agree_on() -> None:
    with joined() as processes:
        assert processes == Processes(0, 1)
        assert processes.first_bytes(b"one") == b"one"
        assert processes.all_bytes(b"") == [b""]
        assert processes.largest(3) == processes.first(3) == 3
        assert torch.equal(processes.sum(torch.ones(2)), torch.ones(2))


def test_processes_that_never_come_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    alone = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    for name, value in (alone | {"UNROLLED_PATIENCE": "1"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(LostProcessError, match="process 1 of 2"), joined():
        pass


@pytest.mark.slow
def test_four_processes_train_as_one(tmp_path: Path) -> None:
    finished(launched("every_run", tmp_path, 4))
    alone = tmp_path / "alone"
    alone.mkdir()
    for name, run in shared_runs.RUNS.items():
        shared_runs.write(alone, name, run(), 0)
        equal(alone / f"{name}.0", tmp_path / f"{name}.0", tolerance=TOLERANCE[name])
        same_in_all(tmp_path, name, 4)


@pytest.mark.slow
def test_a_process_that_hangs_is_given_up(tmp_path: Path) -> None:
    survivor, victim = launched("killed", tmp_path, 2, BY="SIGSTOP", UNROLLED_PATIENCE="5")
    _, told = survivor.communicate(timeout=120)
    victim.kill()
    victim.communicate()
    assert survivor.returncode == 1
    assert "LostProcessError" in told


def descendants(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return sorted(int(child) for child in found.stdout.split())


def wait_for_checkpoint(output: Path) -> list[dict[str, float]]:
    """The history of the first checkpoint that there is."""
    folder = output.with_name(output.name + ".checkpoints")
    end = time.monotonic() + 120
    while not (found := sorted(folder.glob("step-*"))):
        assert time.monotonic() < end
        time.sleep(0.05)
    return json.loads((found[0] / "state.json").read_bytes().split(b"\n", 1)[1])["state"]["history"]


@pytest.mark.slow
def test_torchrun_restarts_after_a_kill_and_resumes(tmp_path: Path) -> None:
    output = tmp_path / "m"
    running = subprocess.Popen(
        torchrun(output, "--max-restarts", "3", epochs=200), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    before = wait_for_checkpoint(output)
    os.kill(descendants(running.pid)[-1], signal.SIGKILL)
    told, errors = running.communicate(timeout=300)
    assert running.returncode == 0, errors
    assert "exitcode: -9" in errors
    (line,) = told.splitlines()
    assert json.loads(line)["epoch"] == 200
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    # Seconds are never the same twice: these epochs were not trained again.
    history = json.loads((output / "config.json").read_text())["history"]
    assert history[: len(before)] == before


@pytest.mark.slow
def test_torchrun_stopped_by_a_signal_leaves_one_checkpoint_that_resumes(tmp_path: Path) -> None:
    output = tmp_path / "m"
    running = subprocess.Popen(torchrun(output, epochs=2000), stderr=subprocess.PIPE, text=True)
    wait_for_checkpoint(output)
    running.send_signal(signal.SIGTERM)
    _, errors = running.communicate(timeout=120)
    assert errors.count("Stopped by SIGTERM. Go on with the same command and --resume") == 1
    assert not output.exists()
    assert list((tmp_path / "m.checkpoints").glob("step-*"))
