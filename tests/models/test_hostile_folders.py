"""Saved models and checkpoints from strangers: refused with one error, at no cost."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from reliability import jobs, model_folders
from unrolled import SequenceClassifier
from unrolled.models import ModelError
from unrolled.training import CheckpointError, Checkpoints
from unrolled.training.files import read_file

FILES = ["config.json", "model.safetensors"]


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory):
    return model_folders.checks(tmp_path_factory.mktemp("models"))


@pytest.mark.filterwarnings("ignore:.*going back to the checkpoint before")
@pytest.mark.parametrize(
    "name",
    [
        "classifier",
        "recursive forecaster",
        "dated forecaster",
        "ensemble",
        "translator",
        "text generator",
        "subword text generator",
        "word vectors",
        "subword vectors",
        "checkpoint",
    ],
)
def test_damaged_and_deceiving_folders(readers, name: str, tmp_path: Path) -> None:
    readers[name](-1, tmp_path)
    for seed in range(100):
        readers[name](seed, tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="makes special files")
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", ["pipe", "endless", "sparse", "loop", "folder"])
def test_files_that_never_end(tmp_path: Path, name: str, harm: str) -> None:
    jobs.classifier(epochs=1).fit(*jobs.waves(30)).save(tmp_path / "model")
    path = tmp_path / "model" / name
    path.unlink()
    if harm == "pipe":
        os.mkfifo(path)
    elif harm == "endless":
        path.symlink_to("/dev/zero")
    elif harm == "sparse":
        with path.open("wb") as file:
            file.truncate(2**43)
    elif harm == "loop":
        path.symlink_to(path)
    else:
        path.mkdir()
    with pytest.raises(ModelError, match=name):
        SequenceClassifier.load(tmp_path / "model")


@pytest.mark.parametrize(
    "name", ["classifier", "recursive forecaster", "dated forecaster", "translator", "text generator"]
)
@pytest.mark.parametrize("argument", ["hidden_size", "num_layers"])
def test_sizes_take_no_memory_before_they_are_checked(readers, name: str, argument: str, tmp_path: Path) -> None:
    reader, files = readers[name].args
    config = json.loads(files["config.json"])
    # A layer of so many units would take 14 GB.
    config["parameters"][argument] = 30_000 if argument == "hidden_size" else 900
    for file, content in (files | {"config.json": json.dumps(config).encode()}).items():
        (tmp_path / file).write_bytes(content)
    with pytest.raises(ModelError, match=r"expected shape .*, found (shape|no such tensor)"):
        reader.load(tmp_path)


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_file(tmp_path / "a", 5) == b"12345"
    with pytest.raises(OSError, match="larger than the 4 bytes"):
        read_file(tmp_path / "a", 4)


@pytest.mark.parametrize("harm", ["shape", "missing", "negative"])
def test_checkpoints_of_word_vectors_that_do_not_fit(tmp_path: Path, harm: str) -> None:
    jobs.run(jobs.JOBS["word vectors"], tmp_path)
    newest = max(tmp_path.glob("step-*"))
    identity = json.loads((newest / "state.json").read_bytes().split(b"\n", 1)[1])["identity"]
    folder = Checkpoints(tmp_path, identity)
    tensors, state = folder.newest()
    if harm == "shape":
        tensors["inputs"] = tensors["inputs"][:1]
    elif harm == "missing":
        del tensors["outputs"]
    else:
        state["done"] = -1
    folder.save(10**6, tensors, state)
    folder.close()
    with pytest.raises(CheckpointError, match="not this run's"):
        jobs.run(jobs.JOBS["word vectors"], tmp_path)
