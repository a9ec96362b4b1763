"""`unrolled translate` as a user meets it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from unrolled.cli import app

SMALL = ["--hidden-size", "8", "--embedding-size", "6", "--vocabulary-size", "150", "--batch-tokens", "600"]


def invoke(*words: object, input: str | bytes | None = None):
    return CliRunner().invoke(app, [str(word) for word in words], input=input)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "model"
    options = ["--epochs", "2", "-o", path, "--plot", path.parent / "loss.png", "--json"]
    result = invoke("translate", "fit", "phrases", *SMALL, *options)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["epoch"] == 2
    assert told["pairs left out"] == 0
    assert (path.parent / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in path.parent.iterdir()) == ["loss.png", "model"]
    return path


def test_aligned_files_and_validation(tmp_path) -> None:
    for name, lines in (("a.en", "red cat\nblue dog\n"), ("a.fr", "chat rouge\nchien bleu\n")):
        (tmp_path / name).write_text(lines * 10)
    files = [tmp_path / "a.en", tmp_path / "a.fr"]
    result = invoke(
        "translate", "fit", *files, "--validation", *files, *SMALL, "--epochs", "1", "-o", tmp_path / "m", "--json"
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["validation_perplexity"] > 1


def test_text_from_a_file_and_from_standard_input(model, tmp_path) -> None:
    lines = "The red cat sleeps.\n\nA cow runs.\n"
    (tmp_path / "in.txt").write_text(lines)
    picture = tmp_path / "attention.png"
    result = invoke("translate", "text", model, tmp_path / "in.txt", "--plot", picture)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\n") == 3
    assert result.stdout.split("\n")[1] == ""
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert invoke("translate", "text", model, input=lines).stdout == result.stdout


def test_several_translations_with_scores(model) -> None:
    result = invoke("translate", "text", model, "--n-best", "3", "--json", input="The red cat sleeps.\n")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(rows) == 3
    assert set(rows[0]) == {"text", "log_probability", "score"}
    plain = invoke("translate", "text", model, "--n-best", "2", input="The red cat sleeps.\n").stdout
    assert all("\t" in line for line in plain.splitlines())


def test_score(model) -> None:
    result = invoke("translate", "score", model, "phrases", "--beam", "1", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert 0 <= told["bleu"] <= 100
    assert "version:" in told["chrf_signature"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fit", "/no/such.tsv"], "no such file: /no/such.tsv"),
        (["fit", "phrases", "--cell", "lstn"], "did you mean 'lstm'"),
        (["fit", "phrases", "--attention", "global"], "attention"),
        (["fit", "phrases", "--plot", "picture.txt"], ".png"),
        (["fit", "text8"], "text8 holds text, not translations"),
        (["fit", "phrases", "--vocabulary-size", "2"], "vocabulary_size"),
    ],
)
def test_bad_input_to_fit_is_one_line_and_exit_code_2(words, told, tmp_path) -> None:
    result = invoke("translate", *words, "-o", tmp_path / "m")
    assert result.exit_code == 2
    assert told in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "m").exists()


def test_bad_input_to_the_others(model, tmp_path) -> None:
    for words, told in (
        (["text", tmp_path / "none"], "no such folder"),
        (["text", model, "/no/file"], "/no/file"),
        (["text", model, "--beam", "0"], "beam"),
        (["score", model, "/no/file"], "no such file"),
    ):
        result = invoke("translate", *words, input="a\n")
        assert result.exit_code == 2, words
        assert told in result.stderr
    assert invoke("translate", "text", model, input=b"\xff\xfe\n").exit_code == 2
    (tmp_path / "en").write_text("a\nb\n")
    (tmp_path / "fr").write_text("a\n")
    result = invoke("translate", "score", model, tmp_path / "en", tmp_path / "fr")
    assert result.exit_code == 2
    assert "aligned" in result.stderr


def test_a_signal_saves_and_resume_goes_on(tmp_path) -> None:
    command = [sys.executable, "-c", "from unrolled.cli import main; main()", "translate", "fit", "phrases", *SMALL]
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
    for command in ("fit", "text", "score"):
        assert "Example" in invoke("translate", command, "--help").output
