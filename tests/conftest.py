"""Settings that every test shares."""

import os

import torch
from hypothesis import settings

# Tests run side by side, one process a core.
torch.set_num_threads(1)
# Where the laws are tried: "cuda" where there is a GPU, see tests/compiler/gpu.
if "UNROLLED_TEST_DEVICE" in os.environ:
    torch.set_default_device(os.environ["UNROLLED_TEST_DEVICE"])

settings.register_profile("default", deadline=None, derandomize=True, max_examples=25)
settings.register_profile("slow", deadline=None, max_examples=2000)
counted = int(os.environ.get("UNROLLED_EXAMPLES", "100"))
settings.register_profile("counted", deadline=None, max_examples=counted)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
