"""`unrolled forecast` as a user meets it."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from unrolled.cli import app

SMALL = ["--hidden-size", "5", "--epochs", "2", "--horizon", "6", "--windows-per-epoch", "64"]


def invoke(*words: object):
    return CliRunner().invoke(app, ["forecast", *(str(word) for word in words)])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "model"
    result = invoke("fit", "airline", *SMALL, "-o", path)
    assert result.exit_code == 0, result.output
    return path


def test_fit_saves_plots_and_tells(tmp_path) -> None:
    plot = tmp_path / "picture.png"
    result = invoke("fit", "airline", *SMALL, "--cell", "gru", "-o", tmp_path / "m", "--plot", plot, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["season"] == 12
    assert told["validation_loss"] > 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m", "picture.png"]


def test_fit_need_not_save(tmp_path) -> None:
    assert invoke("fit", "airline", *SMALL, "--plot", tmp_path / "p.png").exit_code == 0
    assert [p.name for p in tmp_path.iterdir()] == ["p.png"]


def test_predict_prints_a_table(model, tmp_path) -> None:
    result = invoke("predict", model, "--horizon", "3", "--plot", tmp_path / "p.png")
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["ds"] for row in rows] == ["1961-01-01", "1961-02-01", "1961-03-01"]
    assert all(float(r["unrolled-lo-80"]) <= float(r["unrolled"]) <= float(r["unrolled-hi-80"]) for r in rows)
    rows = [json.loads(line) for line in invoke("predict", model, "airline", "--json").stdout.splitlines()]
    assert len(rows) == 6


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_predict_writes_a_file(model, tmp_path, name: str) -> None:
    assert invoke("predict", model, "-o", tmp_path / name).exit_code == 0
    read = pl.read_csv if name.endswith("csv") else pl.read_parquet
    assert read(tmp_path / name)["unrolled"].len() == 6


def test_generate_goes_on(tmp_path) -> None:
    assert invoke("fit", "airline", *SMALL, "--head", "recursive", "-o", tmp_path / "m").exit_code == 0
    plain = invoke("generate", tmp_path / "m", "airline", "--steps", "40", "--plot", tmp_path / "p.png")
    assert plain.exit_code == 0, plain.output
    assert len(plain.stdout.splitlines()) == 41
    drawn = [invoke("generate", tmp_path / "m", "-n", "9", "--sampled", "--seed", seed).stdout for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_backtest_prints_the_table(model, tmp_path) -> None:
    options = ["--windows", "2", "-o", tmp_path / "b.csv", "--plot", tmp_path / "b.png"]
    result = invoke("backtest", "airline", *SMALL, *options)
    assert result.exit_code == 0, result.output
    assert result.stdout.split()[:3] == ["model", "MAE", "RMSE"]
    assert {"unrolled", "naive", "seasonal-naive"} <= set(result.stdout.split())
    assert pl.read_csv(tmp_path / "b.csv").height == 12
    result = invoke("backtest", "airline", "--model", model, "--windows", "1", "--baseline", "naive", "--json")
    assert [json.loads(line)["model"] for line in result.stdout.splitlines()] == ["unrolled", "naive"]


def test_layouts_and_covariates(tmp_path) -> None:
    random = np.random.default_rng(0)
    rows = ["shop,day,sold,price,kind"]
    for shop in ("a", "b"):
        rows += [
            f"{shop},2024-01-{d:02d},{random.integers(9) if d < 26 else ''},{random.random()},k{shop}"
            for d in range(1, 30)
        ]
    (tmp_path / "sales.csv").write_text("\n".join(rows) + "\n")
    roles = ["--id-column", "shop", "--time-column", "day", "--target", "sold", "--future", "price", "--static", "kind"]
    options = ["--loss", "negative-binomial", "--horizon", "4", "-o", tmp_path / "m"]
    result = invoke("fit", tmp_path / "sales.csv", *SMALL, *options, *roles)
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(invoke("predict", tmp_path / "m").stdout)))
    assert [(row["unique_id"], row["ds"]) for row in rows[3:5]] == [("a", "2024-01-29"), ("b", "2024-01-26")]
    assert invoke("predict", tmp_path / "m", "--horizon", "9").exit_code == 2
    (tmp_path / "m4.csv").write_text("V1,V2,V3,V4,V5,V6,V7,V8,V9\nH1,1,2,3,4,1,2,3,4\nH2,5,6,7,8,5,6,7,\n")
    result = invoke("fit", tmp_path / "m4.csv", *SMALL, "--horizon", "2", "--frequency", "h", "--json")
    assert json.loads(result.stdout)["series"] == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fit", "airline", "--cell", "lstn"], "did you mean 'lstm'"),
        (["fit", "airlin"], "did you mean airline"),
        (["fit", "mnist"], "not time series"),
        (["fit", "airline", "--horizon", "0"], "horizon"),
        (["fit", "airline", "--target", "Sales"], "no column 'Sales'"),
        (["fit", "airline", "--quantiles", "0.1;0.9"], "--quantiles"),
        (["fit", "airline", "--difference", "daily"], "difference"),
        (["fit", "airline", "--plot", "/no/such/folder/p.png"], "--plot"),
        (["fit", "airline", "--plot", "picture.txt"], ".png"),
        (["fit", "airline", "--resume"], "--resume: needs -o"),
        (["fit", "BAD"], "line 4: expected a number, found 'x'"),
        (["fit", "TWICE"], "has the time 2024-01-02 twice"),
        (["backtest", "airline", "--windows", "0"], "windows"),
        (["predict", "/no/such/model"], "no such folder"),
        (["predict", "MODEL", "etth9"], "no such file or data set"),
        (["predict", "MODEL", "-o", "x.xlsx"], "--output"),
        (["generate", "MODEL", "--steps", "9", "--sampled"], "expected at most 6"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words, told, model, tmp_path) -> None:
    (tmp_path / "bad.csv").write_text("ds,y\n2024-01-01,1\n2024-01-02,2\n2024-01-03,x\n")
    (tmp_path / "twice.csv").write_text("ds,y\n2024-01-01,1\n2024-01-02,2\n2024-01-02,3\n")
    places = {"MODEL": model, "BAD": tmp_path / "bad.csv", "TWICE": tmp_path / "twice.csv"}
    result = invoke(*(places.get(word, word) for word in words))
    assert result.exit_code == 2, result.output
    assert told in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_help_has_examples() -> None:
    for command in ("fit", "predict", "generate", "backtest"):
        assert "unrolled forecast" in invoke(command, "--help").stdout.replace("\n", " ")


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path) -> None:
    words = ["forecast", "fit", "airline", "--epochs", "100000", "--patience", "0", "-o", str(tmp_path / "m")]
    code = "from unrolled.cli import main; main()"
    process = subprocess.Popen([sys.executable, "-c", code, *words], stderr=subprocess.PIPE, text=True)
    checkpoints = tmp_path / "m.checkpoints" / "first"
    began = time.monotonic()
    while not any(checkpoints.glob("step-*")) and time.monotonic() - began < 300:
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "--resume" in told
    assert not (tmp_path / "m").exists()
