"""A device is the one that was named, or one clear error."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from unrolled import SequenceClassifier, cells, nn
from unrolled.training import chosen_device


def test_names() -> None:
    assert chosen_device("auto") == torch.device("cuda" if torch.cuda.is_available() else "cpu")
    assert chosen_device("cpu") == chosen_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("name", ["toaster", "", 1.5, None, True, -1, 2**70])
def test_what_is_no_device(name: object) -> None:
    with pytest.raises(ValueError, match="device: expected 'auto' or a torch device, found"):
        chosen_device(name)


@pytest.mark.parametrize("name", ["cuda", "cuda:3"])
def test_a_gpu_that_is_not_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match=r"device: .* found 'cuda.*', but this machine has no GPU"):
        chosen_device(name)
    with pytest.raises(ValueError, match="device: "):
        SequenceClassifier(device=name, epochs=1).fit(np.zeros((4, 3, 1)), [0, 1, 0, 1])


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="has such a device")
def test_a_device_that_torch_was_not_built_for() -> None:
    for make in (
        chosen_device,
        lambda device: nn.LSTM(2, 3, device=device),
        lambda device: cells.GRU(2, 3, device=device),
    ):
        with pytest.raises(ValueError, match=r"^device: expected a device of this machine, found 'mps'"):
            make("mps")
    with pytest.raises(ValueError, match=r"^device: expected a device of this machine"):
        nn.On(cells.GRU(2, 3), "mps")
