"""`unrolled embed` as a user meets it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from tests.models.embedding.conftest import topical
from unrolled.cli import app

SMALL = ["--dim", "16", "--window", "3", "--subsample", "0", "--epochs", "4", "--lr", "0.05", "--workers", "1"]


def invoke(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("embed") / "corpus.txt"
    path.write_text("\n".join(" ".join(words) for words in topical()))
    return path


@pytest.fixture(scope="module")
def model(corpus):
    path = corpus.with_name("model")
    assert invoke("embed", "fit", corpus, *SMALL, "-o", path).exit_code == 0
    return path


def test_fit_exports_and_plots(corpus, tmp_path) -> None:
    files = ["--export", tmp_path / "v.bin", "--plot", tmp_path / "loss.png"]
    result = invoke("embed", "fit", corpus, *SMALL, "-o", tmp_path / "m", *files, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["words"] == 48
    assert told["epoch"] == 4
    assert told["words_per_second"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loss.png", "m", "v.bin"]
    same = [invoke("embed", "nearest", path, "t0w0", "--json").stdout for path in (tmp_path / "m", tmp_path / "v.bin")]
    assert same[0] == same[1]


def test_nearest(model) -> None:
    rows = [
        json.loads(row)
        for row in invoke("embed", "nearest", model, "t0w0", "t1w1", "-k", 3, "--json").stdout.splitlines()
    ]
    assert [row["word"] for row in rows] == ["t0w0", "t1w1"]
    assert all(one["word"].startswith(row["word"][:2]) for row in rows for one in row["nearest"])
    assert invoke("embed", "nearest", model, "t0w0").stdout.startswith("t0w0: t0w")


def test_analogy(model) -> None:
    for method in ("3cosadd", "3cosmul"):
        result = invoke("embed", "analogy", model, "t0w0", "t0w1", "t1w0", "--method", method, "--json")
        assert json.loads(result.stdout)["answers"][0]["word"].startswith("t1")


def test_map(model, tmp_path) -> None:
    result = invoke("embed", "map", model, "-o", tmp_path / "m.html", "--plot", tmp_path / "m.png", "--words", "30")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")
    assert "t0w" in (tmp_path / "m.html").read_text()
    assert invoke("embed", "map", model, "-o", tmp_path / "o.png", "--only", "t0w0,t1w0,t2w0").exit_code == 0


def test_score(model, tmp_path) -> None:
    (tmp_path / "pairs.txt").write_text("t0w0 t0w1 9\nt0w0 t1w1 1\nt1w0 t2w1 1\nt0w0 pear 3\n")
    (tmp_path / "questions.txt").write_text(": one\nt0w0 t0w1 t1w0 t1w1\n")
    result = invoke("embed", "score", model, tmp_path / "pairs.txt", tmp_path / "questions.txt", "--json")
    pairs, questions = (json.loads(line) for line in result.stdout.splitlines())
    assert (pairs["used"], pairs["unknown"]) == (3, 1)
    assert questions["sections"]["one"]["used"] == 1
    assert "3 used, 1 with unknown words" in invoke("embed", "score", model, tmp_path / "pairs.txt").stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nearest", "MODEL", "t0w00"], "did you mean 't0w0'"),
        (["nearest", "/no/model", "x"], "/no/model"),
        (["analogy", "MODEL", "t0w0", "t0w1", "zebra"], "'zebra' is not in the vocabulary"),
        (["analogy", "MODEL", "t0w0", "t0w1", "t0w2", "--method", "x"], "method"),
        (["map", "MODEL", "-o", "m.txt"], ".html"),
        (["map", "MODEL", "-o", "/no/folder/m.png"], "no such folder"),
        (["map", "MODEL", "-o", "m.png", "--words", "0"], "words"),
        (["score", "MODEL", "/no/test"], "/no/test"),
        (["fit", "/no/corpus*", "-o", "OUT"], "/no/corpus*"),
        (["fit", "digits", "-o", "OUT"], "holds sequences, not text"),
        (["fit", "CORPUS", "-o", "OUT", "--dim", "0"], "dim"),
        (["fit", "CORPUS", "-o", "OUT", "--subwords", "3"], "--subwords"),
        (["fit", "CORPUS", "-o", "OUT", "--min-count", "999999"], "min_count"),
        (["fit", "CORPUS", "-o", "OUT", "--export", "v.pkl"], "--export"),
        (["fit", "CORPUS", "-o", "OUT", "--preset", "best"], "--preset"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words, told, corpus, model, tmp_path) -> None:
    places = {"MODEL": model, "CORPUS": corpus, "OUT": tmp_path / "m"}
    result = invoke("embed", *(places.get(word, word) for word in words))
    assert result.exit_code == 2
    assert told in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "m").exists()


def test_a_model_of_another_kind_is_refused(tmp_path) -> None:
    (tmp_path / "config.json").write_text('{"kind": "SequenceClassifier"}')
    result = invoke("embed", "nearest", tmp_path, "x")
    assert result.exit_code == 2
    assert "expected a WordVectors" in result.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_a_usable_model_and_resume_goes_on(corpus, tmp_path, number: int, code: int) -> None:
    command = [sys.executable, "-c", "from unrolled.cli import main; main()", "embed", "fit", str(corpus)]
    command += [*SMALL, "--epochs", "100000", "-o", str(tmp_path / "m")]
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
    assert invoke("embed", "nearest", tmp_path / "m", "t0w0").exit_code == 0
    steps = max(int(path.name.removeprefix("step-")) for path in checkpoints.glob("step-*"))
    assert steps > 0


def test_help_teaches() -> None:
    for command in ("fit", "nearest", "analogy", "map", "score"):
        assert "Example" in invoke("embed", command, "--help").output
