"""Settings that every test shares."""

import os

import torch
from hypothesis import settings

# Tests run side by side, one process a core.
torch.set_num_threads(1)
# "cuda" for the tests that want a GPU, which run in processes of their own: see tests/compiler/gpu/elsewhere.py.
if "UNROLLED_TEST_DEVICE" in os.environ:
    torch.set_default_device(os.environ["UNROLLED_TEST_DEVICE"])
else:
    # All others are of the CPU, where "auto" would choose a GPU; processes that they start see none either.
    os.environ.setdefault("UNROLLED_TEST_GPUS", os.environ.get("CUDA_VISIBLE_DEVICES", "all"))
    os.environ["CUDA_VISIBLE_DEVICES"] = ""

settings.register_profile("default", deadline=None, derandomize=True, max_examples=25)
settings.register_profile("slow", deadline=None, max_examples=2000)
counted = int(os.environ.get("UNROLLED_EXAMPLES", "100"))
settings.register_profile("counted", deadline=None, max_examples=counted)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
