"""`unrolled write` as a user meets it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from unrolled.cli import app

SMALL = ["--hidden-size", "12", "--batch-size", "4", "--truncate", "20"]
VERSE = "the cat sat on the mat.\nthe dog sat on the log.\n" * 20


def invoke(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "verse.txt"
    path.write_text(VERSE)
    return path


@pytest.fixture(scope="module")
def model(corpus):
    path = corpus.parent / "model"
    options = ["--epochs", "2", "-o", path, "--plot", corpus.parent / "loss.png", "--json"]
    result = invoke("write", "fit", corpus, *SMALL, *options)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["epoch"] == 2
    assert told["symbols"] == len(set(VERSE)) + 1
    assert told["validation_perplexity"] > 1
    assert (corpus.parent / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in corpus.parent.iterdir()) == ["loss.png", "model", "verse.txt"]
    return path


def test_sample_shows_prompt_and_text(model) -> None:
    options = ["--prompt", "the ", "--length", "30", "--seed", "1"]
    result = invoke("write", "sample", model, *options)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("the ")
    assert len(result.stdout) == 4 + 30 + 1
    told = json.loads(invoke("write", "sample", model, *options, "--json").stdout)
    assert told["prompt"] + told["text"] + "\n" == result.stdout
    greedy = [
        invoke("write", "sample", model, "--length", "9", *more).stdout
        for more in (["--temperature", "0"], ["--top-k", "1"])
    ]
    assert greedy[0] == greedy[1]


def test_score(model, corpus) -> None:
    result = invoke("write", "score", model, corpus, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["characters"] == len(VERSE)
    assert told["bits_per_character"] == pytest.approx(told["nats_per_character"] / 0.6931471805599453)
    assert "perplexity" in invoke("write", "score", model, corpus).stdout


def test_lines_and_a_data_set(tmp_path) -> None:
    (tmp_path / "names.txt").write_text("anna\notto\nbob\n" * 10)
    options = [*SMALL, "--epochs", "1", "--level", "subword", "--vocabulary-size", "260", "--json"]
    result = invoke("write", "fit", tmp_path / "names.txt", "--lines", *options, "-o", tmp_path / "m")
    assert result.exit_code == 0, result.output
    told = json.loads(invoke("write", "score", tmp_path / "m", "coriolanus", "--json").stdout)
    assert told["characters"] > 100_000


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["/no/such.txt"], "/no/such.txt"),
        (["{corpus}", "--cell", "lstn"], "did you mean 'lstm'"),
        (["{corpus}", "--level", "word"], "level"),
        (["{corpus}", "--plot", "picture.txt"], ".png"),
        (["{corpus}", "--validation", "/no/file"], "/no/file"),
        (["mnist"], "mnist holds sequences, not text"),
        (["{corpus}", "--min-count", "1000"], "occurs 1000 times"),
    ],
)
def test_bad_input_to_fit_is_one_line_and_exit_code_2(words, told, corpus, tmp_path) -> None:
    result = invoke("write", "fit", *(word.format(corpus=corpus) for word in words), "-o", tmp_path / "m")
    assert result.exit_code == 2
    assert told in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "m").exists()


def test_bad_input_to_the_others(model, tmp_path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for words, told in (
        (["sample", tmp_path / "none"], "no such folder"),
        (["sample", model, "--temperature", "-1"], "temperature"),
        (["sample", model, "--top-p", "2"], "top_p"),
        (["sample", model, "--length", "-2"], "n: expected"),
        (["score", model, "/no/file"], "/no/file"),
        (["score", model, tmp_path / "empty"], "expected text, found none"),
        (["score", model, tmp_path / "bytes"], "UTF-8"),
    ):
        result = invoke("write", *words)
        assert result.exit_code == 2, words
        assert told in result.stderr


def test_a_signal_saves_and_resume_goes_on(corpus, tmp_path) -> None:
    command = [sys.executable, "-c", "from unrolled.cli import main; main()", "write", "fit", str(corpus), *SMALL]
    command += ["--epochs", "4000", "-o", str(tmp_path / "m")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    checkpoints = tmp_path / "m.checkpoints"
    for _ in range(1200):
        if any(checkpoints.glob("step-*")):
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "--resume" in told
    assert not (tmp_path / "m").exists()


def test_help_teaches() -> None:
    for command in ("fit", "sample", "score"):
        assert "Example" in invoke("write", command, "--help").output
