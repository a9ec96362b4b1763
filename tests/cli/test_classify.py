"""`unrolled classify` as a user meets it."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from unrolled.cli import app

SMALL = ["--hidden-size", "5", "--epochs", "2"]


def invoke(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "model"
    assert invoke("classify", "fit", "digits", *SMALL, "-o", path).exit_code == 0
    return path


def test_fit_tests_and_plots(tmp_path) -> None:
    plot = tmp_path / "picture.png"
    options = ["--cell", "gru", "-o", tmp_path / "m", "--plot", plot, "--json"]
    result = invoke("classify", "fit", "digits", *SMALL, *options)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert 0 <= told["test_accuracy"] <= 1
    assert told["epoch"] == 2
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m", "picture.png"]


def test_predict_writes_labels_and_probabilities(model, tmp_path) -> None:
    out = tmp_path / "predictions.csv"
    result = invoke("classify", "predict", model, "digits", "--split", "test", "--proba", "-o", out)
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert len(rows) == 360
    parts = [float(value) for name, value in rows[0].items() if name.startswith("p(")]
    assert sum(parts) == pytest.approx(1, abs=1e-5)
    assert int(rows[0]["label"]) == int(np.argmax(parts))


def test_predict_as_json(model) -> None:
    result = invoke("classify", "predict", model, "digits", "--split", "test", "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(rows) == 360
    assert set(rows[0]) == {"sequence", "label"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fit", "digits", "--cell", "lstn"], "did you mean 'lstm'"),
        (["fit", "digitz"], "digits"),
        (["fit", "/no/such/file.ts"], "/no/such/file.ts"),
        (["fit", "digits", "--hidden-size", "0"], "hidden_size"),
        (["fit", "digits", "--plot", "/no/such/folder/p.png"], "--plot"),
        (["fit", "digits", "--plot", "picture.txt"], ".png"),
        (["fit", "digits", "--schedule", "cosin"], "schedule"),
    ],
)
def test_bad_input_to_fit_is_one_line_and_exit_code_2(words, told, tmp_path) -> None:
    result = invoke("classify", *words, "-o", tmp_path / "m")
    assert result.exit_code == 2
    assert told in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "m").exists()


def test_a_truncated_file_is_refused(tmp_path) -> None:
    (tmp_path / "cut.ts").write_text("@problemName cut\n@data\n1,2,3:4,")
    result = invoke("classify", "fit", tmp_path / "cut.ts", "-o", tmp_path / "m")
    assert result.exit_code == 2
    assert "cut.ts" in result.stderr


def test_a_foreign_folder_is_not_overwritten(tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("precious")
    result = invoke("classify", "fit", "digits", *SMALL, "-o", tmp_path)
    assert result.exit_code == 2
    assert [p.name for p in tmp_path.iterdir()] == ["notes.txt"]


def test_a_damaged_model_is_refused(model, tmp_path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_bytes((model / "config.json").read_bytes())
    result = invoke("classify", "predict", broken, "digits")
    assert result.exit_code == 2
    assert "model.safetensors" in result.stderr


def test_help_teaches_and_the_version_is_told() -> None:
    assert "Example" in invoke("classify", "fit", "--help").output
    assert "unrolled 0." in invoke("--version").output


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_resume_goes_on(tmp_path, number: int, code: int) -> None:
    command = [sys.executable, "-c", "from unrolled.cli import main; main()", "classify", "fit", "digits"]
    command += ["--hidden-size", "16", "--epochs", "400", "-o", str(tmp_path / "m")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    checkpoints = tmp_path / "m.checkpoints"
    for _ in range(600):
        if any(checkpoints.glob("step-*")):
            break
        time.sleep(0.1)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == code
    assert "--resume" in told
    steps = max(int(path.name.removeprefix("step-")) for path in checkpoints.glob("step-*"))
    assert steps > 0
    assert not (tmp_path / "m").exists()
    command[command.index("400")] = "401"
    refused = subprocess.run([*command, "--resume"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "other settings: parameters" in refused.stderr
