"""What the host does for a GPU, on a stand-in for one; see tests/standin."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.compiler.gpu.elsewhere import BEYOND_LAWS, LAWS, ONLY_ON_A_GPU, run_tests
from tests.standin.plugin import build

pytest.importorskip("triton", reason="triton is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler")]

MODELS = "classifier or forecaster or translator or text_generator"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build(tmp_path_factory.mktemp("standin")))


def on_a_standin(library: str, *arguments: str, **environment: str) -> str:
    """Runs pytest where the stand-in is torch's CUDA device."""
    return run_tests("-p", "tests.standin.plugin", *arguments, UNROLLED_STANDIN=library, **environment)


def test_laws(library: str) -> None:
    laws = "TestCells and triton and outputs_states and dtype0"
    on_a_standin(library, LAWS, "-k", laws, UNROLLED_TEST_DEVICE="cuda", TRITON_INTERPRET="1")


def test_what_the_laws_do_not_reach(library: str) -> None:
    on_a_standin(library, BEYOND_LAWS, UNROLLED_TEST_DEVICE="cuda", TRITON_INTERPRET="1")


def test_what_only_a_gpu_can_show(library: str) -> None:
    on_a_standin(library, ONLY_ON_A_GPU, "-k", f"not ({MODELS})", UNROLLED_TEST_DEVICE="cpu", TRITON_INTERPRET="1")


def test_models(library: str) -> None:
    on_a_standin(library, ONLY_ON_A_GPU, "-k", MODELS, UNROLLED_TEST_DEVICE="cpu")


@pytest.mark.parametrize("suite", ["tests/models/test_classifier.py", "tests/nn/test_layers.py", "tests/training"])
def test_suites_that_choose_their_device_by_themselves(suite: str, library: str) -> None:
    on_a_standin(library, suite, UNROLLED_TEST_DEVICE="cpu")


def test_tensors_on_two_devices_are_refused(library: str, tmp_path: Path) -> None:
    test = tmp_path / "test_two_devices.py"
    test.write_text(
        "import pytest, torch\n\n\ndef test_it() -> None:\n"
        "    with pytest.raises(RuntimeError, match='two devices'):\n"
        "        torch.zeros(2, device='cuda') + torch.zeros(2)\n"
        "    torch.cuda.set_sync_debug_mode('error')\n"
        "    with pytest.raises(RuntimeError, match='wait'):\n"
        "        torch.zeros(1, device='cuda').item()\n"
    )
    on_a_standin(library, str(test), UNROLLED_TEST_DEVICE="cpu")
