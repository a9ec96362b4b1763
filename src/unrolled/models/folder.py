"""A saved model: a folder of `config.json` and `model.safetensors`, read as if it came from a stranger."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from unrolled.training import chosen_device
from unrolled.training.files import checksum, read_file, write_folder

FORMAT = 1
CONFIG, WEIGHTS, VOCABULARY = "config.json", "model.safetensors", "vocabulary.json"
# One for a model of one language, two for one that goes from one to another.
TOKENIZER, SOURCE_TOKENIZER, TARGET_TOKENIZER = "tokenizer.json", "source.tokenizer.json", "target.tokenizer.json"
TOKENIZERS = (TOKENIZER, SOURCE_TOKENIZER, TARGET_TOKENIZER)
# A config is small; what claims to be one and is larger is not read.
LARGEST_CONFIG = 16 * 2**20
LARGEST_TOKENIZER = LARGEST_VOCABULARY = 256 * 2**20


class ModelError(ValueError):
    """A folder that is no usable model; the message names it and what is wrong."""


Network = TypeVar("Network", bound=nn.Module)

# What it looks like when a config is not what it should be.
MISMADE = (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError, OverflowError)


@contextmanager
def making(path: str | Path, what: str) -> Iterator[None]:
    """Makes a model of a folder's files; whatever goes wrong with that is a ModelError.

    Args:
        path: the folder.
        what: is made, for the message.
    """
    try:
        yield
    except ModelError:
        raise
    except MISMADE as error:
        raise ModelError(f"{path}: its files do not make {what}: {error}") from error


def assembled(make: Callable[[], Network], tensors: Mapping[str, Tensor], device: Any) -> Network:
    """A network of tensors that were read, on a device, for use.

    Args:
        make: a network to hold them. It is first made without memory (torch's device "meta"), since the sizes that a
            stranger's file gives may be absurd: it is made at all if it is as large as the tensors are.
        tensors: by name.
        device: as an estimator's argument.

    Raises:
        ValueError: the tensors are not those of such a network.
    """
    with torch.device("meta"):
        expected = make().state_dict()
    for name in sorted(expected.keys() | tensors.keys()):
        found, shape = (each[name].shape if name in each else None for each in (tensors, expected))
        if found != shape:
            raise ValueError(f"{name}: expected {_sized(shape)}, found {_sized(found)}")
    # The caller's random state is left alone.
    with torch.random.fork_rng(devices=[]):
        network = make()
    network.load_state_dict(tensors)
    return network.to(chosen_device(device)).eval()


def _sized(shape: torch.Size | None) -> str:
    return "no such tensor" if shape is None else f"shape {tuple(shape)}"


def write_model(
    path: str | Path,
    kind: str,
    config: dict[str, Any],
    tensors: dict[str, Tensor],
    vocabulary: Any = None,
    tokenizers: Mapping[str, str] | None = None,
) -> None:
    """Saves a model; an earlier one of the same name is replaced as a whole.

    Args:
        path: the folder.
        kind: the estimator's name.
        config: JSON values that make the model again.
        tensors: its parameters and buffers.
        vocabulary: JSON values for a file of its own, None for no such file.
        tokenizers: the text of each of `TOKENIZERS` that the model has.

    Raises:
        ModelError: the folder exists and holds something else than a model.
        OSError: it cannot be written; what was there is as it was.
    """
    from safetensors.torch import save

    from unrolled import __version__

    path = Path(path)
    check_free(path)
    body = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    head = {"format": FORMAT, "kind": kind, "version": __version__, "sha256": checksum(body), **config}
    files = {WEIGHTS: body}
    if vocabulary is not None:
        files[VOCABULARY] = json.dumps(vocabulary, ensure_ascii=False).encode()
        head["vocabulary_sha256"] = checksum(files[VOCABULARY])
    if tokenizers:
        files |= {name: text.encode() for name, text in tokenizers.items()}
        head["tokenizer_sha256"] = {name: checksum(files[name]) for name in tokenizers}
    write_folder(path, {CONFIG: json.dumps(head, indent=1).encode(), **files})


def check_free(path: Path) -> None:
    """Makes sure that saving a model at this path would overwrite nothing but a model.

    Raises:
        ModelError: it would.
    """
    if path.exists() and not path.is_dir():
        raise ModelError(f"{path}: is a file; expected a folder for a model")
    names = {entry.name for entry in path.iterdir()} if path.exists() else set()
    foreign = sorted(names - {CONFIG, WEIGHTS, VOCABULARY, *TOKENIZERS})
    if foreign:
        raise ModelError(f"{path}: holds {foreign[0]!r}, which is no part of a model; choose another folder")


def read_model(path: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The config and the tensors of a saved model.

    Raises:
        ModelError: a file is missing, damaged, or another kind of model's.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = Path(path)
    if not path.is_dir():
        raise ModelError(f"{path}: no such folder; expected one with {CONFIG} and {WEIGHTS}")
    config = _config(path / CONFIG)
    if config.get("kind") != kind:
        raise ModelError(f"{path / CONFIG}: expected a {kind}, found {config.get('kind')!r}")
    if config.get("format") != FORMAT:
        raise ModelError(f"{path / CONFIG}: expected format {FORMAT}, found {config.get('format')!r}")
    try:
        body = read_file(path / WEIGHTS)
        if checksum(body) != config.get("sha256"):
            raise ModelError(f"{path / WEIGHTS}: damaged, or not the one that belongs to {CONFIG}")
        return config, load(body)
    except OSError as error:
        raise ModelError(f"{path / WEIGHTS}: cannot be read: {error.strerror or error}") from error
    except (SafetensorError, ValueError) as error:
        raise error if isinstance(error, ModelError) else ModelError(f"{path / WEIGHTS}: {error}") from error


def read_vocabulary(path: str | Path, config: dict[str, Any]) -> Any:
    """The vocabulary that belongs to a config.

    Raises:
        ModelError: the file is missing or damaged.
    """
    file = Path(path) / VOCABULARY
    try:
        body = read_file(file, LARGEST_VOCABULARY)
        if checksum(body) != config.get("vocabulary_sha256"):
            raise ModelError(f"{file}: damaged, or not the one that belongs to {CONFIG}")
        return json.loads(body)
    except OSError as error:
        raise ModelError(f"{file}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, ModelError) else ModelError(f"{file}: is not JSON: {error}") from error


def read_tokenizer(path: str | Path, config: dict[str, Any], name: str = TOKENIZER) -> str:
    """The text of a tokenizer that belongs to a config.

    Raises:
        ModelError: the file is missing or damaged.
    """
    file = Path(path) / name
    sums = config.get("tokenizer_sha256")
    try:
        body = read_file(file, LARGEST_TOKENIZER)
        if not isinstance(sums, dict) or checksum(body) != sums.get(name):
            raise ModelError(f"{file}: damaged, or not the one that belongs to {CONFIG}")
        return body.decode()
    except OSError as error:
        raise ModelError(f"{file}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{file}: expected UTF-8 text, found {error.reason}") from error


def _config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(read_file(path, LARGEST_CONFIG).decode())
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise ModelError(f"{path}: expected an object, found {type(config).__name__}")
    return config
